"""Writes to a simulated cluster as Browsertrix makes them: by the id of a crawl."""

from contextlib import suppress
from typing import Any

from exporter.simulator import Cluster
from exporter.simulator.apiserver.errors import ApiError


def patch_status(
    cluster: Cluster, crawl: str, /, *, namespace: str = "crawlers", **status: Any
) -> None:
    """Merge into the status of one CrawlJob."""
    cluster.patch(namespace, f"crawljob-{crawl}", {"status": status}, status=True)


def delete_crawl(cluster: Cluster, crawl: str, /, *, namespace: str = "crawlers") -> None:
    """Delete one CrawlJob, finalizers and all."""
    name = f"crawljob-{crawl}"
    cluster.delete(namespace, name)
    with suppress(ApiError):  # it had none, and is deleted
        cluster.patch(namespace, name, {"metadata": {"finalizers": None}})

"""Writes to a simulated cluster as Browsertrix makes them: by the id of a crawl."""

from contextlib import suppress
from typing import Any

from exporter.metacontroller.request import OPERATOR_FINALIZER
from exporter.simulator import Cluster
from exporter.simulator.apiserver.errors import ApiError


def patch_status(
    cluster: Cluster, crawl: str, /, *, namespace: str = "crawlers", **status: Any
) -> None:
    """Merge into the status of one CrawlJob."""
    cluster.patch(namespace, f"crawljob-{crawl}", {"status": status}, status=True)


def delete_crawl(cluster: Cluster, crawl: str, /, *, namespace: str = "crawlers") -> None:
    """Delete one CrawlJob, and take Browsertrix's finalizer off; others may hold it still."""
    name = f"crawljob-{crawl}"
    cluster.delete(namespace, name)
    with suppress(ApiError):  # nothing held it, and it is deleted
        held = cluster.get(namespace, name)["metadata"]["finalizers"]
        others = [one for one in held if not one.startswith(OPERATOR_FINALIZER)]
        cluster.patch(namespace, name, {"metadata": {"finalizers": others}})

"""The tables of one scope: of its crawls, of their pods, and of what only existing pods have."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from exporter.crawls import Crawl
from exporter.metrics.catalog.family import CrawlFamily, Family, PodFamily
from exporter.metrics.labels import label_set
from exporter.metrics.table import Column, Table
from exporter.resources.crawljob.pods import pods_of
from exporter.resources.identity import crawl_id, org_id


@dataclass(frozen=True, slots=True)
class CrawlRows:
    """Where a crawl is in its scope's tables."""

    crawl: int
    pods: tuple[int, ...]
    """Of all pods in their order, deleted ones included."""
    existing_pods: tuple[int | None, ...]
    """Of the same pods; None for one that was deleted."""


class CrawlTables:
    """Puts crawls and their pods into rows."""

    def __init__(self, families: Sequence[Family]) -> None:
        pod_families = [family for family in families if isinstance(family, PodFamily)]
        self._crawls = Table([f for f in families if isinstance(f, CrawlFamily)])
        self._pods = Table([f for f in pod_families if f.of_deleted_pods])
        self._existing_pods = Table([f for f in pod_families if not f.of_deleted_pods])

    def add(self, crawl: Crawl) -> CrawlRows:
        """Give a crawl and its pods rows."""
        identity = _identity(crawl)
        pods: list[int] = []
        existing_pods: list[int | None] = []
        for pod in pods_of(crawl.job):
            of_pod = (*identity, pod.name)
            labels = label_set(of_pod)
            pods.append(self._pods.add(pod, of_pod, labels))
            existing_pods.append(
                self._existing_pods.add(pod, of_pod, labels) if pod.exists else None
            )
        row = self._crawls.add(crawl, identity, label_set(identity))
        return CrawlRows(row, tuple(pods), tuple(existing_pods))

    def update(self, rows: CrawlRows, before: Crawl, crawl: Crawl) -> CrawlRows:
        """Take over what the crawl in these rows says now, and was ``before``; return its rows."""
        identity = _identity(crawl)
        pods = list(pods_of(crawl.job))
        if (
            identity != _identity(before)
            or list(crawl.job.status.pod_status) != list(before.job.status.pod_status)
            or [pod.exists for pod in pods] != [row is not None for row in rows.existing_pods]
        ):
            self.remove(rows)
            return self.add(crawl)
        self._crawls.update(rows.crawl, crawl, identity)
        for pod, row, existing in zip(pods, rows.pods, rows.existing_pods, strict=True):
            of_pod = (*identity, pod.name)
            self._pods.update(row, pod, of_pod)
            if existing is not None:
                self._existing_pods.update(existing, pod, of_pod)
        return rows

    def remove(self, rows: CrawlRows) -> None:
        """Free all rows of a crawl; the last first, so that they are taken again in order."""
        self._crawls.remove(rows.crawl)
        for row in reversed(rows.pods):
            self._pods.remove(row)
        for existing in reversed(rows.existing_pods):
            if existing is not None:
                self._existing_pods.remove(existing)

    def columns(self, wanted: Callable[[Family], bool]) -> Iterator[tuple[str, Column]]:
        """Copy the columns of the families wanted; each with its family's name."""
        for table in (self._crawls, self._pods, self._existing_pods):
            yield from table.columns(wanted)


def _identity(crawl: Crawl) -> tuple[str, str, str]:
    """The values of ``CRAWL_LABELS``."""
    return crawl.job.metadata.namespace, org_id(crawl.job), crawl_id(crawl.job)

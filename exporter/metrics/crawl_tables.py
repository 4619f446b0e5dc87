"""The tables of one scope: of its crawls, and of their pods."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.crawls import Crawl
from exporter.metrics.catalog.family import CrawlFamily, Family, PodFamily
from exporter.metrics.labels import label_set, pod_label_set
from exporter.metrics.table import Column, PodTable, Table
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.pods import PodPast, pods_of
from exporter.resources.identity import crawl_id, org_id

PodsBefore = Callable[[CrawlJob], Mapping[str, PodPast] | None]
"""Returns what earlier statuses said of the crawl's pods, by the pod's name."""


@dataclass(frozen=True, slots=True)
class CrawlRows:
    """Where a crawl is in its scope's tables."""

    crawl: int
    pods: tuple[int, ...]
    """Of all pods in their order, deleted ones included."""


class CrawlTables:
    """Puts crawls and their pods into rows."""

    def __init__(self, families: Sequence[Family], pods_before: PodsBefore) -> None:
        self._pods_before = pods_before
        self._crawls = Table([f for f in families if isinstance(f, CrawlFamily)])
        self._pods = PodTable([f for f in families if isinstance(f, PodFamily)])

    def add(self, crawl: Crawl) -> CrawlRows:
        """Give a crawl and its pods rows."""
        job = crawl.job
        labels = label_set(job.metadata.namespace, org_id(job), crawl_id(job))
        pods = [
            self._pods.add(pod, pod_label_set(labels, pod.name))
            for pod in pods_of(job, self._pods_before(job))
        ]
        return CrawlRows(self._crawls.add(crawl, labels), tuple(pods))

    def update(self, rows: CrawlRows, before: Crawl, crawl: Crawl) -> CrawlRows:
        """Take over what the crawl in these rows says now, and was ``before``; return its rows."""
        if org_id(crawl.job) != org_id(before.job) or (
            list(crawl.job.status.pod_status) != list(before.job.status.pod_status)
        ):
            self.remove(rows)
            return self.add(crawl)
        self._crawls.update(rows.crawl, crawl)
        pods = pods_of(crawl.job, self._pods_before(crawl.job))
        for pod, row in zip(pods, rows.pods, strict=True):
            self._pods.update(row, pod)
        return rows

    def remove(self, rows: CrawlRows) -> None:
        """Free all rows of a crawl; the last first, so that they are taken again in order."""
        self._crawls.remove(rows.crawl)
        for row in reversed(rows.pods):
            self._pods.remove(row)

    def columns(self, wanted: Callable[[Family], bool]) -> Iterator[tuple[str, Column]]:
        """Copy the columns of the families wanted; each with its family's name."""
        for table in (self._crawls, self._pods):
            yield from table.columns(wanted)

"""The tables of one scope: of its crawls, and of their pods."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.crawls import Crawl, PodPast, is_unchanged, pod_names, pods_of
from exporter.metrics.catalog.family import CrawlFamily, Family, PodFamily
from exporter.metrics.labels import label_set, pod_label_set
from exporter.metrics.table import Column, PodTable, Table
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import crawl_id, org_id

MAX_POD_BYTES: Final = 3 * 1024 * 1024
"""Of exposition for the pods of one crawl, about: some 300 pods with the names that Browsertrix
gives them. Whoever may write CrawlJobs could else make a scrape of hundreds of megabytes."""
_NAME_AND_VALUE: Final = 50
"""Bytes of a line beside its labels, about."""

PodsBefore = Callable[[CrawlJob], Mapping[str, PodPast] | None]
"""Returns what earlier statuses said of the crawl's pods, by the pod's name."""


@dataclass(frozen=True, slots=True)
class CrawlRows:
    """Where a crawl is in its scope's tables."""

    crawl: int
    pods: tuple[int, ...]
    """Of the pods served in their order, deleted ones included."""
    dropped_pods: int
    """Pods that follow, and have no series (``MAX_POD_BYTES``)."""


class CrawlTables:
    """Puts crawls and their pods into rows."""

    def __init__(self, families: Sequence[Family], pods_before: PodsBefore) -> None:
        self._pods_before = pods_before
        self._crawls = Table([f for f in families if isinstance(f, CrawlFamily)])
        of_pods = [f for f in families if isinstance(f, PodFamily)]
        self._families_of_pods = len(of_pods)
        self._pods = PodTable(of_pods)

    def add(self, crawl: Crawl) -> CrawlRows:
        """Give a crawl and its pods rows."""
        job = crawl.job
        labels = label_set(job.metadata.namespace, org_id(job), crawl_id(job))
        pods = tuple(pods_of(crawl, self._pods_before(job)))
        rows: list[int] = []
        left = MAX_POD_BYTES
        for pod in pods:
            pod_labels = pod_label_set(labels, pod.name)
            left -= self._families_of_pods * (len(pod_labels) + _NAME_AND_VALUE)
            if left < 0:
                break
            rows.append(self._pods.add(pod, pod_labels))
        return CrawlRows(self._crawls.add(crawl, labels), tuple(rows), len(pods) - len(rows))

    def update(self, rows: CrawlRows, before: Crawl, crawl: Crawl) -> CrawlRows:
        """Take over what the crawl in these rows says now, and was ``before``; return its rows."""
        if org_id(crawl.job) != org_id(before.job) or pod_names(crawl) != pod_names(before):
            self.remove(rows)
            return self.add(crawl)
        same_job = crawl.job is before.job
        if not same_job:
            self._crawls.update(rows.crawl, crawl)
        pods = pods_of(crawl, self._pods_before(crawl.job))
        for pod, row in zip(pods, rows.pods, strict=False):
            if not (same_job and is_unchanged(pod.name, before, crawl)):
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

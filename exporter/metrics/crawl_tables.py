"""The tables of one scope: of its crawls, and of their pods."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.crawls import (
    Crawl,
    CrawlPod,
    PodPast,
    is_same_object,
    is_unchanged,
    pod_names,
    pods_of,
)
from exporter.metrics.catalog.family import CrawlFamily, Family, PodFamily, Reads
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
    """Of the pods served in their order, deleted ones included; the same for what they use."""
    beside_job: tuple[int, ...]
    """Of the same pods what they and their claims say; none where no such source is up."""
    dropped_pods: int
    """Pods that follow, and have no series (``MAX_POD_BYTES``)."""


class CrawlTables:
    """Puts crawls and their pods into rows.

    Of pods there are three tables, for what changes at different times. A round of usage touches
    four families in all pods at once, and no others. What pods and claims say costs nothing where
    these are off, and no change of a CrawlJob touches it.
    """

    def __init__(self, families: Sequence[Family], pods_before: PodsBefore) -> None:
        self._pods_before = pods_before
        self._crawls = Table([f for f in families if isinstance(f, CrawlFamily)])
        of_pods = [f for f in families if isinstance(f, PodFamily)]
        self._families_of_pods = len(of_pods)
        self._pods, self._usage, self._beside_job = (
            PodTable([f for f in of_pods if f.reads is what])
            for what in (Reads.STATUS, Reads.USAGE, Reads.OBJECTS)
        )

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
            self._usage.add(pod, pod_labels)  # the same row: the two are always used alike
        beside_job = self._add_beside_job(crawl, rows, pods)
        at = self._crawls.add(crawl, labels)
        return CrawlRows(at, tuple(rows), beside_job, len(pods) - len(rows))

    def update(self, rows: CrawlRows, before: Crawl, crawl: Crawl) -> CrawlRows:
        """Take over what the crawl in these rows says now, and was ``before``; return its rows."""
        if _differ_in_usage_alone(before, crawl):
            self._update_usage(rows, before, crawl)
            return rows
        names = pod_names(crawl)
        if org_id(crawl.job) != org_id(before.job) or names != pod_names(before):
            self.remove(rows)
            return self.add(crawl)
        served = names[: len(rows.pods)]
        past = self._pods_before(crawl.job)
        same_job = crawl.job is before.job
        if not same_job:
            self._crawls.update(rows.crawl, crawl)
        if _is_known(crawl) != _is_known(before):
            self._remove_beside_job(rows)
            pods = tuple(pods_of(crawl, past, served))
            rows = replace(rows, beside_job=self._add_beside_job(crawl, rows.pods, pods))
        places = [
            place
            for place, name in enumerate(served)
            if not (same_job and is_unchanged(name, before, crawl))
        ]
        concerned = pods_of(crawl, past, map(served.__getitem__, places))
        for place, pod in zip(places, concerned, strict=True):
            same_object = is_same_object(pod.name, before, crawl)
            self._usage.update(rows.pods[place], pod)
            if not (same_job and same_object):
                self._pods.update(rows.pods[place], pod)
            if rows.beside_job and not same_object:
                self._beside_job.update(rows.beside_job[place], pod)
        return rows

    def reread(self, rows: CrawlRows, crawl: Crawl) -> None:
        """Take over what the crawl says now, where not the crawl has changed but its reading."""
        self._crawls.update(rows.crawl, crawl)

    def remove(self, rows: CrawlRows) -> None:
        """Free all rows of a crawl; the last first, so that they are taken again in order."""
        self._crawls.remove(rows.crawl)
        for row in reversed(rows.pods):
            self._pods.remove(row)
            self._usage.remove(row)
        self._remove_beside_job(rows)

    def columns(self, wanted: Callable[[Family], bool]) -> Iterator[tuple[str, Column]]:
        """Copy the columns of the families wanted; each with its family's name."""
        for table in (self._crawls, self._pods, self._usage, self._beside_job):
            yield from table.columns(wanted)

    def _update_usage(self, rows: CrawlRows, before: Crawl, crawl: Crawl) -> None:
        served = zip(rows.pods, pod_names(crawl), strict=False)
        changed = [one for one in served if not is_unchanged(one[1], before, crawl)]
        concerned = pods_of(crawl, names=[name for _, name in changed])
        for (row, _), pod in zip(changed, concerned, strict=True):
            self._usage.update(row, pod)

    def _add_beside_job(
        self, crawl: Crawl, rows: Sequence[int], pods: Sequence[CrawlPod]
    ) -> tuple[int, ...]:
        if not _is_known(crawl):
            return ()
        # The label sets are shared: there are forty thousand.
        labels = map(self._pods.labels, rows)
        return tuple(map(self._beside_job.add, pods, labels))

    def _remove_beside_job(self, rows: CrawlRows) -> None:
        for row in reversed(rows.beside_job):
            self._beside_job.remove(row)


def _differ_in_usage_alone(before: Crawl, after: Crawl) -> bool:
    """Whether nothing but what pods use can have changed."""
    return after.job is before.job and after.pods is before.pods and after.volumes is before.volumes


def _is_known(crawl: Crawl) -> bool:
    """Whether any source beside the CrawlJobs says something that is in the second table."""
    return crawl.pods is not None or crawl.volumes is not None

"""What CrawlJobs say of organisations: crawls that run and wait, and what these hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.metrics.catalog.polled import OrganisationCrawls
from exporter.resources.browsertrix import Organisation
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.identity import Key, key_of, org_id

_QUEUED: Final = "waiting_org_limit"


def uncommitted(job: CrawlJob) -> int:
    """Bytes that the crawl holds and that count as stored once they are uploaded.

    Browsertrix counts each file when it is uploaded, not when the crawl ends. Releases before 1.21
    do not say what is not uploaded; there it is what was crawled without what was.
    """
    status = job.status
    if status.size_pending is not None:
        return status.size_pending
    return max(0, (status.size or 0) - (status.files_added_size or 0))


@dataclass(slots=True)
class _Sums:
    running: int = 0
    queued: int = 0
    uncommitted: int = 0

    def add(self, other: "_Sums", sign: int) -> None:
        self.running += sign * other.running
        self.queued += sign * other.queued
        self.uncommitted += sign * other.uncommitted


class OrganisationSums:
    """Handles the changes of crawls: what those that have not ended are and hold, summed by oid."""

    def __init__(self, scopes: Iterable[str]) -> None:
        """``scopes`` are all there are: a sum that leaves one out is never given."""
        self._missing = set(scopes)
        self._parts: dict[Key, tuple[str, _Sums]] = {}
        """Of each crawl that has not ended, its oid and what it adds."""
        self._sums: dict[str, _Sums] = {}

    def on_change(self, change: Change[Crawl], /) -> None:
        """Take out what the crawl was, and put in what it is."""
        crawl = change.before if change.after is None else change.after
        if crawl is None:
            return
        key = key_of(crawl.job)
        self._add(self._parts.pop(key, None), -1)
        if not change.deleted:
            part = _part(crawl.job)
            if part is not None:
                self._parts[key] = part
                self._add(part, 1)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """Give sums as soon as no scope is missing."""
        self._missing.discard(scope)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do."""

    @property
    def known(self) -> bool:
        """Whether all crawls there are have been seen."""
        return not self._missing

    def of(self, org: Organisation) -> OrganisationCrawls:
        """Return what the organisation's crawls are now; means nothing until it is ``known``."""
        sums = self._sums.get(org.id, _NONE)
        return OrganisationCrawls(org, sums.running, sums.queued, sums.uncommitted)

    def _add(self, part: tuple[str, _Sums] | None, sign: int) -> None:
        if part is not None:
            oid, one = part
            sums = self._sums.setdefault(oid, _Sums())
            sums.add(one, sign)
            if sums == _NONE:
                del self._sums[oid]


_NONE: Final = _Sums()


def _part(job: CrawlJob) -> tuple[str, _Sums] | None:
    """What a crawl adds to its organisation; None where it has ended."""
    if derived.has_ended(job):
        return None
    queued = derived.state(job) == _QUEUED
    running = not queued and not derived.is_qa(job)
    return org_id(job), _Sums(int(running), int(queued), uncommitted(job))

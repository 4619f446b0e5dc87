"""What a restarted exporter is still to be told before it shows what the list said.

A list says what is there at its version L, and nothing of what happened since the version P where
the earlier life stopped: crawls that ended and are gone, pods that were evicted in between. So the
watch begins at P, and the server tells it all, in order, unless it has forgotten (410). What the
list shows younger than P is held back meanwhile, or an object's later state would be told before
its earlier ones.

The replay is over at the first of these:

- each object held back was told by an event at its listed version, and the end was told of each
  that the list no longer shows: known alive at P, or seen since. In a quiet cluster that is so
  before the watch begins; otherwise these events are in the server's memory and come at once.
- the watch has reached L, by a bookmark or by any event: events come in the order of versions.
- the server has sent nothing for ``IDLE_TIMEOUT``, or no watch for ``CONNECT_TIMEOUT``: what is
  missing does not come, as when P is of another cluster, or a line could not be read.
- P is too old, or later than L (a restored backup): then there is nothing to replay.

Then what is still held back is told as listed, and what the list did not show is gone.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from exporter.cluster.changes import ResumePoint
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import identity
from exporter.runtime.time_slice import TimeSlice

IDLE_TIMEOUT: Final = 5.0
"""Seconds. A server sends the past it has at once; it need not look for it."""
CONNECT_TIMEOUT: Final = 30.0
"""Seconds. A server that lists but cannot be watched must not hide the cache."""


class Replay:
    """The difference between what was told and one list, shrinking as events arrive."""

    def __init__(self, resume_point: ResumePoint, listed: Iterable[CrawlJob], version: str) -> None:
        """Compare with the objects ``listed`` at ``version``; to be made on the event loop."""
        resource_version = resume_point.resource_version
        if is_newer(resource_version, version):
            resource_version = version
        self.resource_version = resource_version
        """Where the watch begins."""
        self.version = version
        """Of the list."""
        self.deadline = _now() + CONNECT_TIMEOUT
        """The event loop's time at which it is given up."""
        self._unchanged: list[CrawlJob] = []
        self._held_back: dict[str, CrawlJob] = {}
        self._listed = set[str]()
        for job in listed:
            uid = identity(job)
            self._listed.add(uid)
            if is_newer(job.metadata.resource_version, resource_version):
                self._held_back[uid] = job
            else:
                self._unchanged.append(job)
        self._ending = set(resume_point.uids - self._listed)
        """The uids of those whose end is still to be told."""

    async def begin(self, cache: ObjectCache, time_slice: TimeSlice) -> None:
        """Tell what is as it was at the resume point: no event of it can come."""
        for job in self._unchanged:
            cache.upsert(job)
            await time_slice.yield_if_due()
        self._unchanged.clear()

    def observe(self, job: CrawlJob, *, deleted: bool) -> None:
        """Take note of an event that was news."""
        uid, version = identity(job), job.metadata.resource_version
        if deleted:
            self._ending.discard(uid)
            self._held_back.pop(uid, None)
        elif uid not in self._listed:
            if not is_newer(version, self.version):
                self._ending.add(uid)
        elif uid in self._held_back and not is_newer(
            self._held_back[uid].metadata.resource_version, version
        ):
            del self._held_back[uid]

    def is_over(self, reached: str) -> bool:
        """Whether all was told by a watch that has come to the version ``reached``."""
        complete = not self._held_back and not self._ending
        return complete or not is_older(reached, self.version)

    async def end(self, cache: ObjectCache, time_slice: TimeSlice) -> None:
        """Tell what no event has told: that it is as listed, or gone."""
        for job in self._held_back.values():
            cache.upsert(job)
            await time_slice.yield_if_due()
        for key in cache.keys_of(self._ending):
            cache.vanished(key)

    def extend_deadline(self) -> float:
        """The watch is there, and has sent something; deadline when it may now be silent."""
        self.deadline = _now() + CONNECT_TIMEOUT
        return _now() + IDLE_TIMEOUT

    def deadline_passed(self, delay: float) -> bool:
        """Whether it is to be given up rather than wait so many seconds more."""
        return _now() + delay >= self.deadline


def _now() -> float:
    return asyncio.get_running_loop().time()

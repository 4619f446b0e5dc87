"""What a restarted exporter still has to emit before it shows what the list said.

A list says what is there at its version L, and nothing of what happened since the version P where
the process before stopped: crawls that ended and were deleted, pods that were evicted in between.
So the watch begins at P, and the server sends all of it, in order, unless it has forgotten (410).
What the list shows younger than P is held back meanwhile, or an object's later state would be
emitted before its earlier ones.

The replay is over at the first of these:

- of each object held back an event at its listed version has come, and the deletion of each that
  the list no longer shows: known alive at P, or seen since. In a quiet cluster that is so before
  the watch begins; otherwise these events are in the server's memory and come at once.
- the watch has reached L, by a bookmark or by any event: events come in the order of versions.
- the server has sent nothing for ``IDLE_TIMEOUT``, or no watch for ``CONNECT_TIMEOUT``: what is
  missing does not come, as when P is of another cluster, or a line could not be read.
- P is too old, or later than L (a restored backup): then there is nothing to replay.

Then what is still held back is emitted as listed, and what the list did not show has vanished.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

from exporter.cluster.changes import ResumePoint
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.resources.identity import identity
from exporter.resources.resource import ResourceObject
from exporter.runtime.time_slice import TimeSlice

T = TypeVar("T", bound=ResourceObject)

IDLE_TIMEOUT: Final = 10.0
"""Seconds. A server sends the past it has at once; it need not look for it. But etcd may choose a
leader meanwhile, or this process be stopped, and what is given up is lost for good."""
CONNECT_TIMEOUT: Final = 30.0
"""Seconds. A server that lists but cannot be watched must not hide what was listed."""
LONGEST_DELAY: Final = 3.0
"""Seconds between two tries of the watch meanwhile, unless the server asks for more. Where the list
had failed before, the next delay would else be so long that the replay is given up at once."""


class Replay(Generic[T]):
    """The difference between a resume point and one list, shrinking as events arrive."""

    def __init__(self, resume_point: ResumePoint, listed: Iterable[T], version: str) -> None:
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
        self._unchanged: list[T] = []
        self._held_back: dict[str, T] = {}
        self._listed = set[str]()
        for item in listed:
            uid = identity(item)
            self._listed.add(uid)
            if is_newer(item.metadata.resource_version, resource_version):
                self._held_back[uid] = item
            else:
                self._unchanged.append(item)
        self._missing = set(resume_point.uids - self._listed)
        """The uids of those whose deletion is still to come."""

    async def begin(self, cache: ObjectCache[T], time_slice: TimeSlice) -> None:
        """Emit what is as it was at the resume point: no event of it can come."""
        for item in self._unchanged:
            cache.upsert(item)
            await time_slice.yield_if_due()
        self._unchanged.clear()

    def observe(self, item: T, *, deleted: bool) -> None:
        """An event has changed the cache: nothing of that object is to be emitted as listed."""
        uid, version = identity(item), item.metadata.resource_version
        if deleted:
            self._missing.discard(uid)
            self._held_back.pop(uid, None)
        elif uid not in self._listed:
            if not is_newer(version, self.version):
                self._missing.add(uid)
        elif uid in self._held_back and not is_newer(
            self._held_back[uid].metadata.resource_version, version
        ):
            del self._held_back[uid]

    def is_over(self, reached: str) -> bool:
        """Whether a watch that has come to the version ``reached`` has sent everything."""
        complete = not self._held_back and not self._missing
        return complete or not is_older(reached, self.version)

    async def end(self, cache: ObjectCache[T], time_slice: TimeSlice) -> None:
        """Emit what no event said: that it is as listed, or has vanished."""
        for item in self._held_back.values():
            cache.upsert(item)
            await time_slice.yield_if_due()
        for key in cache.keys_of(self._missing):
            cache.vanished(key)

    def extend_deadline(self) -> float:
        """The watch has sent something; returns by when it must send more (the loop's time)."""
        self.deadline = _now() + CONNECT_TIMEOUT
        return _now() + IDLE_TIMEOUT

    def deadline_passed(self, delay: float) -> bool:
        """Whether it will be, after a delay of so many seconds."""
        return _now() + delay >= self.deadline


def _now() -> float:
    return asyncio.get_running_loop().time()

"""From changes to happenings to the ledger: the first sink, before whoever serves.

A change is compared with the facts the ledger has of its uid, and what happened is on disk when
``change`` returns, so it is never served first and then lost.

How a restart continues. The ledger has, for each scope, the position its watch had reached, and
the facts of each crawl known alive with the version they include. The reflector takes both from
``resumption``: it lists (that is what will be served), then watches **from the stored position**,
and calls ``synced`` when each listed object younger than that position, and the end of each crawl
known alive that the list no longer shows, has come by that watch. So every event of the downtime
is told here, in order, and an event that was told before the stop is no newer than its object's
facts and is skipped. If the position is too old (410), the list alone is told, then ``synced``.
Either way the rule here is one: when a scope is ``synced``, crawls known alive there from before
the start that no change has mentioned have vanished.

Until a scope is synced nothing of it is served, so its changes are written in batches, not one
by one: that is what keeps a start with ten thousand crawls short.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from exporter.cluster.changes import Change
from exporter.cluster.content import is_newer, is_older
from exporter.crawljob import CrawlJob
from exporter.history.comparison import compare, vanish
from exporter.history.facts import Facts, key
from exporter.history.ledger import Ledger

_WRITE_EVERY: Final = 1.0
"""Seconds. How much of what is no happening (figures, positions) a kill may cost to replay."""
_CHECKPOINT_EVERY: Final = 30.0
"""Seconds between checkpoints, which a power cut falls back to."""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a scope's watch stopped, and what was alive then."""

    resource_version: str
    uids: frozenset[str]
    """Of crawls known alive; where an object has no uid, ``namespace/name``."""


class Observer:
    """A ``Sink`` that turns changes into happenings; run ``run`` beside it."""

    def __init__(
        self, ledger: Ledger, scopes: Collection[str], clock: Callable[[], float] = time.time
    ) -> None:
        """Observe these scopes; what the ledger knows beyond them is forgotten."""
        ledger.watch_only(scopes)
        self.ledger = ledger
        self.skipped = 0
        """Events told again that the facts already include."""
        self._clock = clock
        self._scopes = frozenset(scopes)
        self._synced: set[str] = set()
        self._unmentioned = {facts.uid for facts in ledger.memory.facts.values() if not facts.gone}
        """Known alive from before the start, and not mentioned since."""

    def resumption(self, scope: str) -> Resumption | None:
        """Where to take up a scope's watch; None when it was never watched to a position."""
        position = self.ledger.memory.positions.get(scope)
        if position is None:
            return None
        facts = self.ledger.memory.facts.values()
        alive = (one.uid for one in facts if not one.gone and _covers(scope, one.namespace))
        return Resumption(position, frozenset(alive))

    def change(self, change: Change) -> None:
        """Find out what happened, count it, and have it on disk before this returns."""
        if change.after is not None:
            self._told(change.scope, change.after, gone=change.gone)
        elif change.before is not None:
            self._gone(change.scope, key(change.before))

    def synced(self, scope: str, resource_version: str) -> None:
        """The scope is complete: what was known alive there and not mentioned has vanished."""
        facts = self.ledger.memory.facts
        for uid in list(self._unmentioned):
            known = facts.get(uid)
            if known is None:
                self._unmentioned.discard(uid)
            elif _covers(scope, known.namespace):
                if self.ledger.moved is None:
                    self._gone(scope, uid)
                else:
                    self._unmentioned.discard(uid)
                    self.ledger.forget([uid])
        self._went_back(scope, resource_version)
        self._synced.add(scope)
        if self._synced >= self._scopes:
            self.ledger.settle()
        self.ledger.reach(scope, resource_version)
        self.ledger.flush()

    def reached(self, scope: str, resource_version: str) -> None:
        """Remember the position; it is written with the next batch."""
        if scope in self._synced:
            self.ledger.reach(scope, resource_version)

    async def run(self) -> None:
        """Write batches, drop what is past its time, and checkpoint, until cancelled."""
        checkpoint_at = self._clock() + _CHECKPOINT_EVERY
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            self.ledger.tidy()
            self.ledger.flush()
            if self._clock() >= checkpoint_at:
                await asyncio.to_thread(self.ledger.keeper.checkpoint)
                checkpoint_at = self._clock() + _CHECKPOINT_EVERY

    def _told(self, scope: str, job: CrawlJob, *, gone: bool) -> None:
        uid = key(job)
        self._unmentioned.discard(uid)
        facts = self.ledger.memory.facts.get(uid)
        version = job.metadata.resource_version
        if facts is None:
            facts = Facts.of(job)
        elif not is_newer(version, facts.version) and not (
            gone and not facts.gone and version == facts.version
        ):
            self.skipped += 1
            return
        elif facts.gone:
            self.ledger.revive(facts)
        difference = compare(facts, job, self._clock(), gone=gone)
        facts.version = version or ""
        self._write(scope, urgent=self.ledger.record(facts, difference))

    def _gone(self, scope: str, uid: str) -> None:
        self._unmentioned.discard(uid)
        facts = self.ledger.memory.facts.get(uid)
        if facts is not None and not facts.gone:
            difference = vanish(facts, self._clock())
            self._write(scope, urgent=self.ledger.record(facts, difference))

    def _write(self, scope: str, *, urgent: bool) -> None:
        if (urgent and scope in self._synced) or self.ledger.has_much_to_write():
            self.ledger.flush()

    def _went_back(self, scope: str, resource_version: str) -> None:
        """After a restored backup versions begin anew; the old ones must not hide what comes."""
        position = self.ledger.memory.positions.get(scope)
        if position is None or not is_older(resource_version, position):
            return
        for facts in self.ledger.memory.facts.values():
            if _covers(scope, facts.namespace) and is_newer(facts.version, resource_version):
                facts.version = ""


def _covers(scope: str, namespace: str) -> bool:
    return not scope or scope == namespace

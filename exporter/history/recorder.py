"""From changes to events to the ledger: the first handler, before whoever serves.

A change is compared with the baseline the ledger has of its uid, and what happened is on disk when
``on_change`` returns, so it is never served first and then lost.

How a restart continues. The ledger has, for each scope, the resource version its watch had come
to, and the baseline of each crawl known alive with the version it includes. The reflector takes
both from the ledger's ``resume_point`` and replays what happened since (``cluster.replay``): every
event of the downtime is handled here, in order, and one that was handled before the stop is no
newer than its baseline and is skipped. If the resource version is too old (410), the list alone is
handed over, then ``on_synced``. Either way the rule here is one: when a scope is synced, crawls
known alive there from before the start that no change has mentioned have vanished.

How a share of a sharded exporter moves. A crawl that another shard has watched is seen for the
first time, but what it shows has been counted there: until the scope is synced its baseline is
brought up in silence. Its end is told all the same: better by both of them than by neither.

Until a scope is synced nothing of it is served, so its changes are written in batches, not one
by one: that is what keeps a start with ten thousand crawls short.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final

from exporter.cluster.changes import Change
from exporter.cluster.object_cache import is_newer
from exporter.crawls import Crawl, PauseLimit
from exporter.history.baseline import Baseline
from exporter.history.closing import conclude, vanish
from exporter.history.comparison import compare, compare_beside_job
from exporter.history.difference import Difference
from exporter.history.ledger import Ledger, covers
from exporter.resources.crawljob.derived import has_ended
from exporter.resources.identity import identity
from exporter.sources import CRAWLJOBS

_WRITE_EVERY: Final = 5.0
"""Seconds. How much of what is no event (figures, resource versions) a kill may cost to replay.

Writing each second would take half as much again: a page of the file holds the figures of fifty
crawls, and is written anew for each of them that comes in a transaction of its own.
"""
_CHECKPOINT_EVERY: Final = 30.0
"""Seconds between checkpoints, which a power cut falls back to; a long WAL has one earlier."""
_TICK: Final = 1.0
"""Seconds between two looks at what is due, and between two tries of a write that failed."""


class HistoryRecorder:
    """Handles changes of crawls, and records the events they show; run ``run`` beside it."""

    def __init__(
        self,
        ledger: Ledger,
        scopes: Collection[str],
        clock: Callable[[], float] = time.time,
        *,
        pause_limit: PauseLimit | None = None,
        hold_back: bool = False,
    ) -> None:
        """Record these scopes; what the ledger has of others is forgotten.

        ``pause_limit`` is Browsertrix's, its default where it is not given. With ``hold_back`` the
        ends of crawls that vanish are left to somebody who releases them (``lookup``); without, or
        where they are another cluster's, those that the ledger holds back are unknown from now on.
        """
        ledger.retain_scopes(CRAWLJOBS.name, scopes)
        self.skipped = 0
        """Changes received again that the baseline already includes."""
        self._ledger = ledger
        self._clock = clock
        self._pause_limit = pause_limit or PauseLimit()
        self._hold_back = hold_back
        self._scopes = frozenset(scopes)
        self._synced: set[str] = set()
        self._taken_over: set[str] = set()
        """Uids of crawls that another shard has counted until now."""
        self._unmentioned = {
            baseline.uid for baseline in ledger.baselines.values() if not baseline.deleted
        }
        """Known alive from before the start, and not mentioned since."""
        if not hold_back or ledger.moved_to is not None:
            for uid, held in list(ledger.held_ends.items()):
                difference = Difference()
                conclude(
                    held.baseline, held.unseen, difference, pause_limit=self._pause_limit.seconds
                )
                ledger.release(uid, difference)

    def on_change(self, change: Change[Crawl], /) -> None:
        """Find out what happened, count it, and have it on disk before this returns."""
        if change.after is not None:
            if change.before is None or change.after.job is not change.before.job:
                self._observe(change.scope, change.after, deleted=change.deleted)
            elif change.after.pods is not change.before.pods:
                self._observe_beside_job(change.scope, change.after)
        elif change.before is not None:
            self._vanished(change.scope, identity(change.before.job))

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope is complete: crawls known alive there and not mentioned have vanished."""
        ledger = self._ledger
        for uid in list(self._unmentioned):
            known = ledger.baselines.get(uid)
            if known is None:
                self._unmentioned.discard(uid)
            elif covers(scope, known.namespace):
                if ledger.moved_to is None:
                    self._vanished(scope, uid)
                else:
                    self._unmentioned.discard(uid)
                    ledger.forget([uid])
        self._synced.add(scope)
        self._taken_over.clear()
        if self._synced >= self._scopes:
            ledger.adopt_watched()
        ledger.advance(CRAWLJOBS.name, scope, resource_version)
        ledger.flush()

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Remember the resource version; it is written with the next batch."""
        if scope in self._synced:
            self._ledger.advance(CRAWLJOBS.name, scope, resource_version)

    async def run(self) -> None:
        """Write batches, forget what is past its time, and checkpoint, until cancelled.

        What is due is found by a clock that nobody sets; it may be run again after a fault.
        """
        ledger, now = self._ledger, asyncio.get_running_loop().time
        write_at, checkpoint_at = now() + _WRITE_EVERY, now() + _CHECKPOINT_EVERY
        while True:
            await asyncio.sleep(_TICK)
            ledger.expire()
            ledger.names.keep_some()
            if now() >= write_at or ledger.file_status.last_error is not None:
                ledger.flush()
                write_at = now() + _WRITE_EVERY
            if now() >= checkpoint_at or ledger.wal_is_long:
                await ledger.checkpoint()
                checkpoint_at = now() + _CHECKPOINT_EVERY

    def _observe(self, scope: str, crawl: Crawl, *, deleted: bool) -> None:
        uid = identity(crawl.job)
        self._unmentioned.discard(uid)
        baseline = self._ledger.baselines.get(uid)
        version = crawl.job.metadata.resource_version
        if baseline is None:
            baseline = Baseline.of(crawl)
            if self._ledger.is_taken_over(crawl.job):
                self._taken_over.add(uid)
        elif not is_newer(version, baseline.version) and not (
            deleted and not baseline.deleted and version == baseline.version
        ):
            self.skipped += 1
            self._observe_beside_job(scope, crawl)
            return
        elif baseline.deleted and deleted and not has_ended(crawl.job):
            self.skipped += 1  # found before, whoever told of it: nor does this say how it ended
            return
        elif baseline.deleted:
            self._ledger.undelete(baseline)
        difference = compare(baseline, crawl, self._clock(), deleted=deleted)
        baseline.version = version or ""
        if uid in self._taken_over:
            difference.keep_only_ends(known=uid in self._ledger.finished_crawls)
        self._record(scope, baseline, difference)

    def _observe_beside_job(self, scope: str, crawl: Crawl) -> None:
        baseline = self._ledger.baselines.get(identity(crawl.job))
        if baseline is None or baseline.deleted:
            return
        difference = compare_beside_job(baseline, crawl, self._clock())
        if difference.beyond_figures:
            self._record(scope, baseline, difference)

    def _vanished(self, scope: str, uid: str) -> None:
        self._unmentioned.discard(uid)
        baseline = self._ledger.baselines.get(uid)
        if baseline is not None and not baseline.deleted:
            difference = Difference()
            known_until = self._ledger.in_sync_until(CRAWLJOBS.name, scope)
            vanish(baseline, self._clock(), difference, known_until=known_until)
            self._record(scope, baseline, difference)

    def _record(self, scope: str, baseline: Baseline, difference: Difference) -> None:
        unseen = difference.unseen
        if unseen is None:
            urgent = self._ledger.record(baseline, difference)
        elif self._hold_back and baseline.role != "qa-job":  # of which Browsertrix has no record
            urgent = self._ledger.hold(baseline, difference, unseen)
        else:
            conclude(baseline, unseen, difference, pause_limit=self._pause_limit.seconds)
            urgent = self._ledger.record(baseline, difference)
        self._write(scope, urgent=urgent)

    def _write(self, scope: str, *, urgent: bool) -> None:
        if (urgent and scope in self._synced) or self._ledger.has_much_to_write():
            self._ledger.flush()

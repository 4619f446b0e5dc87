"""From changes to events to the ledger: the first handler, before whoever serves.

A change is compared with the baseline the ledger has of its uid, and what happened is on disk when
``change`` returns, so it is never served first and then lost.

How a restart continues. The ledger has, for each scope, the version its watch had reached, and
the baseline of each crawl known alive with the version they include. The reflector takes both from
``resume_point`` and replays what happened since (``cluster.replay``): every event of the downtime
is handled here, in order, and one that was handled before the stop is no newer than its baseline
and is skipped. If the resource_version is too old (410), the list alone is told, then ``synced``.
Either way the rule here is one: when a scope is ``synced``, crawls known alive there from before
the start that no change has mentioned have vanished.

Until a scope is synced nothing of it is served, so its changes are written in batches, not one
by one: that is what keeps a start with ten thousand crawls short.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final

from exporter.cluster.changes import Change, ResumePoint
from exporter.cluster.object_cache import is_newer, is_older
from exporter.history.baseline import Baseline
from exporter.history.comparison import compare, vanish
from exporter.history.ledger import Ledger
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import identity

_WRITE_EVERY: Final = 1.0
"""Seconds. How much of what is no event (figures, resource_versions) a kill may cost to replay."""
_CHECKPOINT_EVERY: Final = 30.0
"""Seconds between checkpoints, which a power cut falls back to."""


class HistoryRecorder:
    """A ``ChangeHandler`` that turns changes into events; run ``run`` beside it."""

    def __init__(
        self, ledger: Ledger, scopes: Collection[str], clock: Callable[[], float] = time.time
    ) -> None:
        """Observe these scopes; what the ledger knows beyond them is forgotten."""
        ledger.retain_scopes(scopes)
        self.ledger = ledger
        self.skipped = 0
        """Events told again that the baseline already includes."""
        self._clock = clock
        self._scopes = frozenset(scopes)
        self._synced: set[str] = set()
        self._unmentioned = {
            baseline.uid for baseline in ledger.memory.baselines.values() if not baseline.deleted
        }
        """Known alive from before the start, and not mentioned since."""

    def resume_point(self, scope: str) -> ResumePoint | None:
        """Where to take up a scope's watch; None when it was never in sync."""
        resource_version = self.ledger.memory.resource_versions.get(scope)
        if resource_version is None:
            return None
        baseline = self.ledger.memory.baselines.values()
        alive = (one.uid for one in baseline if not one.deleted and _covers(scope, one.namespace))
        return ResumePoint(resource_version, frozenset(alive))

    def on_change(self, change: Change[CrawlJob]) -> None:
        """Find out what happened, count it, and have it on disk before this returns."""
        if change.after is not None:
            self._observe(change.scope, change.after, deleted=change.deleted)
        elif change.before is not None:
            self._gone(change.scope, identity(change.before))

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope is complete: what was known alive there and not mentioned has vanished."""
        baseline = self.ledger.memory.baselines
        for uid in list(self._unmentioned):
            known = baseline.get(uid)
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
            self.ledger.adopt_source()
        self.ledger.advance(scope, resource_version)
        self.ledger.flush()

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Remember the resource_version; it is written with the next batch."""
        if scope in self._synced:
            self.ledger.advance(scope, resource_version)

    async def run(self) -> None:
        """Write batches, drop what is past its time, and checkpoint, until cancelled."""
        checkpoint_at = self._clock() + _CHECKPOINT_EVERY
        while True:
            await asyncio.sleep(_WRITE_EVERY)
            self.ledger.expire()
            self.ledger.flush()
            if self._clock() >= checkpoint_at:
                await asyncio.to_thread(self.ledger.file.checkpoint)
                checkpoint_at = self._clock() + _CHECKPOINT_EVERY

    def _observe(self, scope: str, job: CrawlJob, *, deleted: bool) -> None:
        uid = identity(job)
        self._unmentioned.discard(uid)
        baseline = self.ledger.memory.baselines.get(uid)
        version = job.metadata.resource_version
        if baseline is None:
            baseline = Baseline.of(job)
        elif not is_newer(version, baseline.version) and not (
            deleted and not baseline.deleted and version == baseline.version
        ):
            self.skipped += 1
            return
        elif baseline.deleted:
            self.ledger.undelete(baseline)
        difference = compare(baseline, job, self._clock(), deleted=deleted)
        baseline.version = version or ""
        self._write(scope, urgent=self.ledger.record(baseline, difference))

    def _gone(self, scope: str, uid: str) -> None:
        self._unmentioned.discard(uid)
        baseline = self.ledger.memory.baselines.get(uid)
        if baseline is not None and not baseline.deleted:
            difference = vanish(baseline, self._clock())
            self._write(scope, urgent=self.ledger.record(baseline, difference))

    def _write(self, scope: str, *, urgent: bool) -> None:
        if (urgent and scope in self._synced) or self.ledger.has_much_to_write():
            self.ledger.flush()

    def _went_back(self, scope: str, resource_version: str) -> None:
        """After a restored backup versions begin anew; the old ones must not hide what comes."""
        known = self.ledger.memory.resource_versions.get(scope)
        if known is None or not is_older(resource_version, known):
            return
        for baseline in self.ledger.memory.baselines.values():
            if _covers(scope, baseline.namespace) and is_newer(baseline.version, resource_version):
                baseline.version = ""


def _covers(scope: str, namespace: str) -> bool:
    return not scope or scope == namespace

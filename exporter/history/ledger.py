"""The memory: what is known alive, what finished, all counts, and how far the watch has come.

Everything served is held in memory; the file is its copy. What has changed since the last write
is written in one transaction, so the file always shows one moment, baselines, counts, finished
crawls and events together: killed between any two writes, the exporter continues from that moment,
and replayed events up to it are recognised by the version their object's baseline include. A change
with an event is written before it is served, everything else about once a second.

When the disk is full or read-only, memory goes on alone, and all that was not written follows
when it can be; a damaged or missing file is replaced and written whole.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from exporter.cluster.object_cache import is_newer
from exporter.history.baseline import Baseline
from exporter.history.comparison import Difference
from exporter.history.events import CrawlEvent
from exporter.history.ledger_file import LedgerFile
from exporter.history.records import FinishedCrawl
from exporter.history.state import LedgerState, PendingWrites, changes, full
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import identity
from exporter.settings.defaults import DEFAULT_MAX_FINISHED, DEFAULT_RETENTION

_TOMBSTONE_SECONDS: Final = 3600.0
"""How long a deleted uid is remembered at most; no API server keeps events to replay that long."""
_LARGEST_WRITE: Final = 500
"""Crawls or events in one go; more would hold up the event loop."""
_LOG_EVERY: Final = 10.0
"""Seconds between looks for events that are too old."""


class LedgerListener:
    """Who is told what the ledger takes in, each as far as it cares.

    What is heard may not be on disk yet; lost from there, it is found anew, with the same moments.
    """

    def on_finished(self, record: FinishedCrawl) -> None:
        """A crawl is over or its end is better known: in place of what was said of its uid."""

    def on_forgotten(self, record: FinishedCrawl) -> None:
        """Of that crawl nothing is to be said any more."""

    def on_events(self, baseline: Baseline, events: Sequence[CrawlEvent]) -> None:
        """What one change showed of a crawl; the baseline includes it."""


class Ledger:
    """See the module. ``open`` makes one; all but ``checkpoint`` belongs to the event loop."""

    def __init__(
        self,
        memory: LedgerState,
        file: LedgerFile,
        *,
        retention: float,
        max_finished: int,
        clock: Callable[[], float],
    ) -> None:
        self.memory = memory
        self.file = file
        """The file: ``file.last_error``, ``failures`` and ``writes`` say how it is."""
        self.listeners: list[LedgerListener] = []
        self.moved: str | None = None
        """The source now watched, where the memory is of another one and ``settle`` is to come.

        Uids are the same in no two clusters, so what is known of a crawl still serves when it is
        seen; but resource_versions do not, and a crawl that is not seen has not vanished.
        """
        self._retention = retention
        self._max_finished = max_finished
        self._clock = clock
        self._pending = PendingWrites()
        self._leaving = deque(
            (record.deleted_at, uid)
            for uid, record in memory.finished.items()
            if record.deleted_at is not None
        )
        """Finished crawls by the moment their object was found gone, the first in front."""
        now = clock()
        self._tombstones = deque(
            (now, baseline.uid) for baseline in memory.baselines.values() if baseline.deleted
        )
        self._look_at_log = now
        for _, labels in tuple(memory.tallies.totals):
            memory.tallies.see_namespace(labels[0])

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        source: str = "",
        retention: float = DEFAULT_RETENTION,
        max_finished: int = DEFAULT_MAX_FINISHED,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Remember what the file holds; without a path, memory that lasts no restart.

        ``source`` says what is watched (server and selector); see ``moved``. ``retention`` in
        seconds. Raises LedgerError when another exporter uses the file, or when it is there and
        cannot be read; a full or read-only disk is no error but a fault, shown and got over.
        """
        file = LedgerFile(path, clock)
        memory = file.load()
        ledger = cls(memory, file, retention=retention, max_finished=max_finished, clock=clock)
        if memory.source != source:
            ledger.moved = source
            memory.resource_versions.clear()
        ledger.expire(most=len(memory.finished))
        return ledger

    def close(self) -> None:
        """Write what is left and let the file go."""
        self.flush()
        self.file.close()

    def paused_before(self, job: CrawlJob) -> float:
        """Seconds the crawl was paused, in the pauses that are over."""
        baseline = self.memory.baselines.get(identity(job))
        return 0.0 if baseline is None else baseline.paused_seconds

    # -- what is told

    def record(self, baseline: Baseline, difference: Difference) -> bool:
        """Take in what one change showed; whether it must be written before it is served."""
        memory = self.memory
        memory.baselines[baseline.uid] = baseline
        self._pending.baselines.add(baseline.uid)
        memory.tallies.add(baseline, difference)
        if difference.events:
            now = self._clock()
            self._pending.note(baseline, difference.events, now)
            memory.note(baseline, difference.events, now)
            for listener in self.listeners:
                listener.on_events(baseline, difference.events)
        if difference.ending_changed or baseline.deleted:
            self._show_ending(baseline)
        return bool(difference.events) or difference.ending_changed or baseline.deleted

    def undelete(self, baseline: Baseline) -> None:
        """An object thought gone is there: an end that no status told was none."""
        baseline.deleted = False
        if baseline.ending is not None and not baseline.ending.stated:
            baseline.ending = None
        self._tombstones = deque(entry for entry in self._tombstones if entry[1] != baseline.uid)
        record = self.memory.finished.get(baseline.uid)
        if record is None:
            return
        self._leaving = deque(entry for entry in self._leaving if entry[1] != baseline.uid)
        if baseline.ending is None:
            self._forget(baseline.uid)
        else:
            self._show(record._replace(deleted_at=None))

    def advance(self, scope: str, version: str) -> None:
        """Nothing up to this version can come any more, but by a replay from an older one."""
        if self.memory.resource_versions.get(scope) != version:
            self.memory.resource_versions[scope] = version
            self._pending.rest = True
        if self._tombstones:
            self._purge_tombstones(scope, version)

    def adopt_source(self) -> None:
        """What is watched now was seen completely: from now on the memory is of that."""
        if self.moved is not None:
            self.memory.source, self.moved = self.moved, None
            self._pending.rest = True

    def retain_scopes(self, scopes: Collection[str]) -> None:
        """Forget versions and crawls that no scope covers (counts and finished crawls stay).

        What can be counted in a scope's namespace is there from now on.
        """
        memory = self.memory
        for namespace in filter(None, scopes):
            memory.tallies.see_namespace(namespace)
        for scope in memory.resource_versions.keys() - set(scopes):
            del memory.resource_versions[scope]
            self._pending.rest = True
        if "" not in scopes:
            baseline = memory.baselines.values()
            self.forget([one.uid for one in baseline if one.namespace not in scopes])

    def forget(self, uids: Iterable[str]) -> None:
        """Forget crawls that are not watched any more."""
        for uid in uids:
            self.memory.baselines.pop(uid, None)
            self._pending.baselines.add(uid)

    # -- what is written

    def flush(self) -> bool:
        """Write what has changed, in one transaction; whether the file now has everything."""
        file, memory = self.file, self.memory
        while file.ready():
            if not file.incomplete and not self._pending.size(memory.tallies):
                return True
            rows = full if file.incomplete else changes
            if file.write(rows(memory, self._pending)):
                memory.tallies.changed.clear()
                self._pending = PendingWrites()
                return True
        return False

    def has_much_to_write(self) -> bool:
        """Whether so much has gathered that writing it later would hold up the event loop."""
        pending = self._pending
        return len(pending.baselines) >= _LARGEST_WRITE or len(pending.log) >= _LARGEST_WRITE

    def expire(self, most: int = _LARGEST_WRITE) -> None:
        """Let go of what is past its time; call it now and then, about once a second."""
        now, memory = self._clock(), self.memory
        for _ in range(most):
            if not self._leaving or self._leaving[0][0] + self._retention > now:
                break
            self._forget(self._leaving.popleft()[1])
        while self._tombstones and self._tombstones[0][0] + _TOMBSTONE_SECONDS <= now:
            self.forget([self._tombstones.popleft()[1]])
        if now >= self._look_at_log:
            self._look_at_log = now + _LOG_EVERY
            self._pending.prune = oldest = now - self._retention
            while memory.recent and memory.recent[0].noticed < oldest:
                memory.recent.popleft()

    # -- finished crawls

    def _show_ending(self, baseline: Baseline) -> None:
        ending = baseline.ending
        if ending is None:
            return
        known = self.memory.finished.get(baseline.uid)
        deleted_at = known.deleted_at if known is not None else None
        if baseline.deleted and deleted_at is None:
            deleted_at = self._clock()
            self._leaving.append((deleted_at, baseline.uid))
            self._tombstones.append((deleted_at, baseline.uid))
        self._show(
            FinishedCrawl(
                baseline.uid,
                baseline.namespace,
                baseline.oid,
                baseline.crawl,
                ending.state,
                ending.stop_reason,
                ending.finished,
                baseline.paused_seconds,
                deleted_at,
            )
        )
        while len(self.memory.finished) > self._max_finished:
            self._drop_oldest()

    def _show(self, record: FinishedCrawl) -> None:
        self.memory.finished[record.uid] = record
        self._pending.finished.add(record.uid)
        for listener in self.listeners:
            listener.on_finished(record)

    def _drop_oldest(self) -> None:
        """Those whose object is gone first: the others are seen again with their next change."""
        uid = self._leaving.popleft()[1] if self._leaving else next(iter(self.memory.finished))
        self._forget(uid)
        self.memory.dropped += 1
        self._pending.rest = True

    def _forget(self, uid: str) -> None:
        record = self.memory.finished.pop(uid, None)
        if record is not None:
            self._pending.finished.add(uid)
            for listener in self.listeners:
                listener.on_forgotten(record)

    def _purge_tombstones(self, scope: str, version: str) -> None:
        kept: deque[tuple[float, str]] = deque()
        for entry in self._tombstones:
            baseline = self.memory.baselines.get(entry[1])
            if baseline is None:
                continue
            covered = not scope or scope == baseline.namespace
            if covered and baseline.version and not is_newer(baseline.version, version):
                self.forget([baseline.uid])
            else:
                kept.append(entry)
        self._tombstones = kept

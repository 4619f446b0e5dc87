"""The memory: what is known alive, what finished, all counts, and how far the watch has come.

Everything served is held in memory; the file is its copy. What has changed since the last write
is written in one transaction, so the file always shows one moment, facts, counts, finished crawls
and happenings together: killed between any two writes, the exporter continues from that moment,
and replayed events up to it are recognised by the version their object's facts include. A change
with a happening is written before it is served, everything else about once a second.

When the disk is full or read-only, memory goes on alone, and all that was not written follows
when it can be; a damaged or missing file is replaced and written whole.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from exporter.cluster.content import is_newer
from exporter.crawljob import CrawlJob, derived
from exporter.history.comparison import Difference
from exporter.history.facts import Facts
from exporter.history.happenings import Happening
from exporter.history.keeper import Keeper
from exporter.history.memory import Memory, Unwritten, changes, whole
from exporter.history.records import FinishedCrawl

DEFAULT_RETENTION: Final = 86400.0
"""Seconds a finished crawl is served after its object is gone, and a happening is kept."""
DEFAULT_MAX_FINISHED: Final = 100_000
_TOMBSTONE_SECONDS: Final = 3600.0
"""How long a deleted uid is remembered at most; no API server keeps events to replay that long."""
_LARGEST_WRITE: Final = 500
"""Crawls or happenings in one go; more would hold up the event loop."""
_LOG_EVERY: Final = 10.0
"""Seconds between looks for happenings that are too old."""


class Audience:
    """Who is told what the ledger takes in, each as far as it cares.

    What is heard may not be on disk yet; lost from there, it is found anew, with the same moments.
    """

    def finished(self, record: FinishedCrawl) -> None:
        """A crawl is over or its end is better known: in place of what was said of its uid."""

    def forgotten(self, record: FinishedCrawl) -> None:
        """Of that crawl nothing is to be said any more."""

    def happened(self, facts: Facts, happenings: Sequence[Happening]) -> None:
        """What one change showed of a crawl; the facts include it."""


class Ledger:
    """See the module. ``open`` makes one; all but ``checkpoint`` belongs to the event loop."""

    def __init__(
        self,
        memory: Memory,
        keeper: Keeper,
        *,
        retention: float,
        max_finished: int,
        clock: Callable[[], float],
    ) -> None:
        self.memory = memory
        self.keeper = keeper
        """The file: ``keeper.fault``, ``failures`` and ``writes`` say how it is."""
        self.audiences: list[Audience] = []
        self.moved: str | None = None
        """The source now watched, where the memory is of another one and ``settle`` is to come.

        Uids are the same in no two clusters, so what is known of a crawl still serves when it is
        seen; but positions do not, and a crawl that is not seen has not vanished.
        """
        self._retention = retention
        self._max_finished = max_finished
        self._clock = clock
        self._unwritten = Unwritten()
        self._leaving = deque(
            (record.gone, uid) for uid, record in memory.finished.items() if record.gone is not None
        )
        """Finished crawls by the moment their object was found gone, the first in front."""
        now = clock()
        self._tombstones = deque((now, facts.uid) for facts in memory.facts.values() if facts.gone)
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
        keeper = Keeper(path, clock)
        memory = keeper.recall()
        ledger = cls(memory, keeper, retention=retention, max_finished=max_finished, clock=clock)
        if memory.source != source:
            ledger.moved = source
            memory.positions.clear()
        ledger.tidy(most=len(memory.finished))
        return ledger

    def close(self) -> None:
        """Write what is left and let the file go."""
        self.flush()
        self.keeper.close()

    def paused_before(self, job: CrawlJob) -> float:
        """Seconds the crawl was paused, in the pauses that are over."""
        facts = self.memory.facts.get(derived.identity(job))
        return 0.0 if facts is None else facts.paused_seconds

    # -- what is told

    def record(self, facts: Facts, difference: Difference) -> bool:
        """Take in what one change showed; whether it must be written before it is served."""
        memory = self.memory
        memory.facts[facts.uid] = facts
        self._unwritten.facts.add(facts.uid)
        memory.tallies.add(facts, difference)
        if difference.happenings:
            now = self._clock()
            self._unwritten.note(facts, difference.happenings, now)
            memory.note(facts, difference.happenings, now)
            for audience in self.audiences:
                audience.happened(facts, difference.happenings)
        if difference.ending_changed or facts.gone:
            self._show_ending(facts)
        return bool(difference.happenings) or difference.ending_changed or facts.gone

    def revive(self, facts: Facts) -> None:
        """An object thought gone is there: an end that no status told was none."""
        facts.gone = False
        if facts.ending is not None and not facts.ending.stated:
            facts.ending = None
        self._tombstones = deque(entry for entry in self._tombstones if entry[1] != facts.uid)
        record = self.memory.finished.get(facts.uid)
        if record is None:
            return
        self._leaving = deque(entry for entry in self._leaving if entry[1] != facts.uid)
        if facts.ending is None:
            self._forget(facts.uid)
        else:
            self._show(record._replace(gone=None))

    def reach(self, scope: str, version: str) -> None:
        """Nothing up to this version can come any more, but by a replay from an older position."""
        if self.memory.positions.get(scope) != version:
            self.memory.positions[scope] = version
            self._unwritten.rest = True
        if self._tombstones:
            self._bury(scope, version)

    def settle(self) -> None:
        """What is watched now was seen completely: from now on the memory is of that."""
        if self.moved is not None:
            self.memory.source, self.moved = self.moved, None
            self._unwritten.rest = True

    def watch_only(self, scopes: Collection[str]) -> None:
        """Forget positions and crawls that no scope covers (counts and finished crawls stay).

        What can be counted in a scope's namespace is there from now on.
        """
        memory = self.memory
        for namespace in filter(None, scopes):
            memory.tallies.see_namespace(namespace)
        for scope in memory.positions.keys() - set(scopes):
            del memory.positions[scope]
            self._unwritten.rest = True
        if "" not in scopes:
            facts = memory.facts.values()
            self.forget([one.uid for one in facts if one.namespace not in scopes])

    def forget(self, uids: Iterable[str]) -> None:
        """Forget crawls that are not watched any more."""
        for uid in uids:
            self.memory.facts.pop(uid, None)
            self._unwritten.facts.add(uid)

    # -- what is written

    def flush(self) -> bool:
        """Write what has changed, in one transaction; whether the file now has everything."""
        keeper, memory = self.keeper, self.memory
        while keeper.ready():
            if not keeper.incomplete and not self._unwritten.size(memory.tallies):
                return True
            rows = whole if keeper.incomplete else changes
            if keeper.write(rows(memory, self._unwritten)):
                memory.tallies.changed.clear()
                self._unwritten = Unwritten()
                return True
        return False

    def has_much_to_write(self) -> bool:
        """Whether so much has gathered that writing it later would hold up the event loop."""
        unwritten = self._unwritten
        return len(unwritten.facts) >= _LARGEST_WRITE or len(unwritten.log) >= _LARGEST_WRITE

    def tidy(self, most: int = _LARGEST_WRITE) -> None:
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
            self._unwritten.prune = oldest = now - self._retention
            while memory.recent and memory.recent[0].noticed < oldest:
                memory.recent.popleft()

    # -- finished crawls

    def _show_ending(self, facts: Facts) -> None:
        ending = facts.ending
        if ending is None:
            return
        known = self.memory.finished.get(facts.uid)
        gone = known.gone if known is not None else None
        if facts.gone and gone is None:
            gone = self._clock()
            self._leaving.append((gone, facts.uid))
            self._tombstones.append((gone, facts.uid))
        self._show(
            FinishedCrawl(
                facts.uid,
                facts.namespace,
                facts.oid,
                facts.crawl,
                ending.state,
                ending.stop_reason,
                ending.finished,
                facts.paused_seconds,
                gone,
            )
        )
        while len(self.memory.finished) > self._max_finished:
            self._drop_oldest()

    def _show(self, record: FinishedCrawl) -> None:
        self.memory.finished[record.uid] = record
        self._unwritten.finished.add(record.uid)
        for audience in self.audiences:
            audience.finished(record)

    def _drop_oldest(self) -> None:
        """Those whose object is gone first: the others are seen again with their next change."""
        uid = self._leaving.popleft()[1] if self._leaving else next(iter(self.memory.finished))
        self._forget(uid)
        self.memory.dropped += 1
        self._unwritten.rest = True

    def _forget(self, uid: str) -> None:
        record = self.memory.finished.pop(uid, None)
        if record is not None:
            self._unwritten.finished.add(uid)
            for audience in self.audiences:
                audience.forgotten(record)

    def _bury(self, scope: str, version: str) -> None:
        kept: deque[tuple[float, str]] = deque()
        for entry in self._tombstones:
            facts = self.memory.facts.get(entry[1])
            if facts is None:
                continue
            covered = not scope or scope == facts.namespace
            if covered and facts.version and not is_newer(facts.version, version):
                self.forget([facts.uid])
            else:
                kept.append(entry)
        self._tombstones = kept

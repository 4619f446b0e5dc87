"""The ledger: crawls known alive, finished crawls, counters, events, and how far each watch came.

Everything served is held in memory; the file is its copy. What has changed since the last write
is written in one transaction, so baselines, counters, finished crawls and events in the file are
always of one point in time: killed between any two writes, the exporter continues from there, and
replayed events up to it are recognised by the resource version in their crawl's baseline. A change
with an event is written before it is served, everything else every few seconds.

When the disk is full or read-only, the exporter continues from memory alone, and all that was not
written follows when it can be; a damaged or missing file is replaced and written in full.

Whoever shows or sends what the ledger has, reads it through ``Ledger`` and is called through
``LedgerListener``; the state and its file are this package's own. One class, long for its many
small questions.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from exporter.cluster.changes import ResumePoint
from exporter.cluster.object_cache import is_newer, is_older
from exporter.history.baseline import Baseline, PodBaseline
from exporter.history.difference import Difference, HeldEnd, Unseen
from exporter.history.finished import FinishedCrawls
from exporter.history.ledger_file import LedgerFile
from exporter.history.listener import LedgerListener
from exporter.history.names import KnownNames, Names
from exporter.history.reading import events
from exporter.history.records import FileStatus, FinishedCrawl, LoggedEvent
from exporter.history.state import LedgerState, PendingWrites, changes, full
from exporter.history.tallies import Tallies
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import identity
from exporter.resources.shard import Shard
from exporter.settings.defaults import DEFAULT_MAX_FINISHED, DEFAULT_RETENTION
from exporter.sources import CRAWLJOBS

_TOMBSTONE_SECONDS: Final = 3600.0
"""How long a deleted uid is remembered at most; no API server keeps events to replay that long."""
_LARGEST_WRITE: Final = 500
"""Crawls in one go; more would hold up the event loop."""
_MOST_FIGURES: Final = 2_000
"""The same of crawls of which only figures changed."""
_MOST_EVENTS: Final = 4_000
"""The same of events: a crawl that is seen for the first time has up to a dozen."""
_LOG_EVERY: Final = 10.0
"""Seconds between looks for events that are too old."""


class Ledger:
    """See the module. ``open`` makes one; it belongs to the event loop."""

    def __init__(
        self,
        state: LedgerState,
        file: LedgerFile,
        *,
        retention: float,
        max_finished: int,
        clock: Callable[[], float],
    ) -> None:
        self.listeners: list[LedgerListener] = []
        self.moved_to: str | None = None
        """The cluster now watched, where the state is another's and ``adopt_cluster`` is to come.

        Uids are the same in no two clusters, so what is known of a crawl still serves when it is
        seen; but resource versions do not, and a crawl that is not seen has not vanished.
        """
        self.moved_share: Shard | None = None
        """The share now watched, where the state is of another one, as ``moved_to``."""
        self._state = state
        self._file = file
        self._retention = retention
        self._clock = clock
        self._pending = PendingWrites()
        self._finished = FinishedCrawls(
            state,
            self._pending,
            self.listeners,
            retention=retention,
            max_finished=max_finished,
        )
        self._opened = clock()
        now = time.monotonic()
        self._tombstones = deque(
            (now, baseline.uid) for baseline in state.baselines.values() if baseline.deleted
        )
        """When each was deleted, or first seen to be so, by the monotonic clock, and its uid."""
        self._look_at_log = clock()
        self.names = KnownNames(state, self._pending)
        """What the organisations and workflows of its crawls are called."""
        held = (one.baseline for one in state.held.values())
        for baseline in (*state.baselines.values(), *held):
            self.names.want(baseline.oid, baseline.cid)
        for record in state.finished.values():
            self.names.want(record.oid, record.cid)
        self.names.forget_unwanted()
        for _, labels in tuple(state.tallies.totals):
            state.tallies.see_namespace(labels[0])

    @classmethod
    def open(
        cls,
        path: Path | None = None,
        *,
        cluster: str | None = "",
        retention: float = DEFAULT_RETENTION,
        max_finished: int = DEFAULT_MAX_FINISHED,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Continue from the file; without a path, from nothing, and a restart forgets it all.

        ``cluster`` says what is watched (server and selector); see ``moved_to``. None is whatever
        the file is of. ``retention`` in seconds. Raises LedgerError when another exporter uses
        the file, or when it is there and cannot be read; a full or read-only disk raises
        nothing, it is in ``file_status``.
        """
        file = LedgerFile(path, clock)
        state = file.load()
        ledger = cls(state, file, retention=retention, max_finished=max_finished, clock=clock)
        if cluster is not None and state.cluster != cluster:
            ledger.moved_to = cluster
            state.resource_versions.clear()
        ledger.expire(most=len(state.finished))
        return ledger

    def close(self) -> None:
        """Write what is left, close the file and release its lock.

        Nothing is put off any more: the disk may have room again since the last try.
        """
        self._file.retry_at_once()
        self.flush()
        self._file.close()

    # -- what it has, to be read and never changed

    @property
    def finished_crawls(self) -> Mapping[str, FinishedCrawl]:
        """By uid; nearly in the order in which they finished."""
        return self._state.finished

    @property
    def held_ends(self) -> Mapping[str, HeldEnd]:
        """Unseen ends that are asked for, by uid; the first found in front."""
        return self._state.held

    @property
    def recent_events(self) -> Sequence[LoggedEvent]:
        """The latest few thousand, the last one noticed at the end."""
        return self._state.recent

    @property
    def tallies(self) -> Tallies:
        """Counters and histograms of all that happened, also before the start."""
        return self._state.tallies

    @property
    def dropped_crawls(self) -> int:
        """Finished crawls forgotten before their retention, because there were too many."""
        return self._state.dropped

    @property
    def file_status(self) -> FileStatus:
        """Whether the ledger is on disk, and how its writes went."""
        return self._file.status

    @property
    def baselines(self) -> Mapping[str, Baseline]:
        """By uid; of crawls known alive, and of those deleted shortly before."""
        return self._state.baselines

    def logged_events(self, since: float) -> list[LoggedEvent]:
        """All noticed at or after ``since`` (seconds since 1970), the last one first.

        Reads the file: may take as long as the disk does, and raises DatabaseError.
        """
        if self._file.path is not None:
            return events(self._file.path, since=since)
        return [one for one in reversed(self._state.recent) if one.noticed >= since]

    def paused_before(self, job: CrawlJob) -> float:
        """Seconds the crawl was paused, in the pauses that are over."""
        baseline = self.baseline_of(job)
        return 0.0 if baseline is None else baseline.paused_seconds

    def baseline_of(self, job: CrawlJob) -> Baseline | None:
        """What was last handled of the crawl; None of one that nothing was handled of yet."""
        return self._state.baselines.get(identity(job))

    def pods_before(self, job: CrawlJob) -> Mapping[str, PodBaseline] | None:
        """What was last handled of its pods, by name; None where nothing was."""
        baseline = self.baseline_of(job)
        return None if baseline is None else baseline.pods

    def names_of(self, uid: str, oid: str) -> Names | None:
        """What the workflow and organisation of a crawl are called; see ``KnownNames.of``."""
        return self.names.of(oid, self.cid_of(uid))

    def cid_of(self, uid: str) -> str:
        """The id of a crawl's workflow; empty where the crawl or its workflow is not known."""
        crawl = self._state.finished.get(uid) or self._state.baselines.get(uid)
        return "" if crawl is None else crawl.cid

    def has_end(self, uid: str) -> bool:
        """Whether it was recorded that this crawl's object was deleted; on disk once flushed."""
        baseline = self._state.baselines.get(uid)
        if baseline is not None:
            return baseline.deleted
        finished = self._state.finished.get(uid)
        return finished is not None and finished.deleted_at is not None

    def in_sync_until(self, source: str, scope: str) -> float | None:
        """When the scope's content was last known to be current, in seconds since 1970."""
        return self._state.in_sync_until.get((source, scope))

    def resume_point(self, source: str, scope: str) -> ResumePoint | None:
        """Where to take up a scope's watch; None when it was never in sync, or by no watch."""
        version = self._state.resource_versions.get((source, scope))
        return ResumePoint(version, self.known_alive(source, scope)) if version else None

    def known_alive(self, source: str, scope: str) -> frozenset[str]:
        """The uids of a scope's objects that were there when it was last seen."""
        return frozenset(one.uid for one in self._covered(source, scope) if not one.deleted)

    # -- what is recorded

    def record(self, baseline: Baseline, difference: Difference) -> bool:
        """Take in what one change showed; whether it must be written before it is served."""
        state = self._state
        held = state.held.get(baseline.uid)
        if held is not None and held.baseline is not baseline:
            self._drop_held(baseline.uid)  # forgotten meanwhile, and there after all
        if difference.beyond_figures or baseline.uid not in state.baselines:
            self.names.want(baseline.oid, baseline.cid)
            state.baselines[baseline.uid] = baseline
            self._pending.baselines.add(baseline.uid)
        else:
            self._pending.figures.add(baseline.uid)
        now = self._clock()
        self._count(baseline, difference, now)
        if difference.ending_changed or baseline.deleted:
            if self._finished.update(baseline, now):
                self._tombstones.append((time.monotonic(), baseline.uid))
            return True
        return bool(difference.events)

    def hold(self, baseline: Baseline, difference: Difference, unseen: Unseen) -> bool:
        """As ``record``, of a crawl that vanished: its end waits to be released."""
        self._state.held[baseline.uid] = HeldEnd(baseline, unseen)
        self._pending.held.add(baseline.uid)
        self._tombstones.append((time.monotonic(), baseline.uid))
        return self.record(baseline, difference)

    def release(self, uid: str, difference: Difference) -> None:
        """An end that was held back is known, or never will be: count it and serve it.

        Its crawl may be forgotten but for that; to be flushed before it is asked for again.
        """
        baseline = self._state.held.pop(uid).baseline
        self._pending.held.add(uid)
        if uid in self._state.baselines:
            self._pending.baselines.add(uid)
        now = self._clock()
        self._count(baseline, difference, now)
        self._finished.update(baseline, now, learned=True)

    def _drop_held(self, uid: str) -> None:
        if self._state.held.pop(uid, None) is not None:
            self._pending.held.add(uid)

    def _count(self, baseline: Baseline, difference: Difference, now: float) -> None:
        state = self._state
        state.tallies.add(baseline, difference)
        if difference.events:
            logged = [event.logged(baseline, now) for event in difference.events]
            self._pending.note(logged)
            state.recent.extend(logged)
            for listener in self.listeners:
                listener.on_events(baseline, difference.events)

    def undelete(self, baseline: Baseline) -> None:
        """The object is there after all: forget that it was deleted, and an end nobody stated.

        Nor is it asked for any more.
        """
        baseline.deleted = False
        self._pending.baselines.add(baseline.uid)
        self._drop_held(baseline.uid)
        if baseline.ending is not None and not baseline.ending.stated:
            baseline.ending = None
        self._tombstones = deque(entry for entry in self._tombstones if entry[1] != baseline.uid)
        self._finished.undelete(baseline)

    def advance(self, source: str, scope: str, version: str) -> None:
        """Nothing up to this resource version can come any more, but by a replay.

        Where it is older than the one before, the cluster was restored from a backup: versions
        begin anew, and those in the baselines must not hide what comes.
        """
        known = self._state.resource_versions.get((source, scope))
        if known is not None and is_older(version, known):
            for baseline in self._covered(source, scope):
                if is_newer(baseline.version, version):
                    baseline.version = ""
                    self._pending.figures.add(baseline.uid)
        self._state.in_sync_until[source, scope] = self._clock()
        if known != version:
            self._state.resource_versions[source, scope] = version
            self._pending.rest = True
        if self._tombstones and source == CRAWLJOBS.name:
            self._purge_tombstones(scope, version)

    def take_share(self, shard: Shard) -> None:
        """Only this share is watched from now on; to be called before anything is recorded.

        Crawls known alive that are another shard's now are forgotten in silence: they have not
        vanished. Counters, crawls that finished and ends that are asked for stay where they are,
        for no other ledger has them: it makes no difference which shard's the ledger was.
        """
        state = self._state
        if state.shard == str(shard):
            return
        self.moved_share = shard
        there = {one.uid for one in state.baselines.values() if not one.deleted}
        there |= {one.uid for one in state.finished.values() if one.deleted_at is None}
        self.leave(uid for uid in there if not shard.owns(uid))

    def leave(self, uids: Iterable[str]) -> None:
        """Forget in silence crawls that are there, and are not followed any more."""
        left = tuple(uids)
        self.forget(left)
        records = filter(None, map(self._state.finished.get, left))
        self._finished.leave([one.uid for one in records if one.deleted_at is None], self._clock())

    def is_taken_over(self, job: CrawlJob) -> bool:
        """Whether another shard has counted a crawl that is seen for the first time.

        So are all that were there when this share was begun with.
        """
        created = job.metadata.creation_timestamp
        return self.moved_share is not None and (created is None or created < self._opened)

    def adopt_watched(self) -> None:
        """What is watched now was seen completely: the state is of that cluster, and that share."""
        if self.moved_share is not None:
            self._state.shard, self.moved_share = str(self.moved_share), None
            self._pending.rest = True
        if self.moved_to is not None:
            self._state.cluster, self.moved_to = self.moved_to, None
            self._pending.rest = True

    def retain_scopes(self, source: str, scopes: Collection[str]) -> None:
        """Forget versions and crawls that no scope covers (counts and finished crawls stay).

        What can be counted in a scope's namespace is there from now on.
        """
        state = self._state
        for namespace in filter(None, scopes):
            state.tallies.see_namespace(namespace)
        for key in [one for one in state.resource_versions if one[0] == source]:
            if key[1] not in scopes:
                del state.resource_versions[key]
                self._pending.rest = True
        if "" not in scopes:
            baselines = state.baselines.values()
            self.forget([one.uid for one in baselines if one.namespace not in scopes])

    def forget(self, uids: Iterable[str]) -> None:
        """Forget the baselines of crawls that are not watched any more."""
        for uid in uids:
            self._state.baselines.pop(uid, None)
            self._pending.baselines.add(uid)

    # -- what is written

    def flush(self) -> bool:
        """Write what has changed, in one transaction; whether the file now has everything."""
        file, state = self._file, self._state
        while file.ready():
            if not file.incomplete and not self._pending.size(state.tallies):
                return True
            rows = full if file.incomplete else changes
            if file.write(rows(state, self._pending)):
                state.tallies.changed.clear()
                self._pending.clear()
                return True
        return False

    def has_much_to_write(self) -> bool:
        """Whether so much has gathered that writing it later would hold up the event loop."""
        pending = self._pending
        return (
            len(pending.baselines) >= _LARGEST_WRITE
            or len(pending.figures) >= _MOST_FIGURES
            or len(pending.log) >= _MOST_EVENTS
        )

    @property
    def wal_is_long(self) -> bool:
        """Whether a checkpoint is due because of what was written."""
        return self._file.wal_is_long

    async def sync(self) -> bool:
        """Write what has changed, and wait for the disk; whether a power cut can lose none of it.

        May take as long as the disk does, and hold up nothing else meanwhile.
        """
        return self.flush() and await self._file.sync()

    async def checkpoint(self) -> None:
        """Make what was written survive a power cut, and empty a long WAL."""
        await self._file.checkpoint()

    def expire(self, most: int = _LARGEST_WRITE) -> None:
        """Forget what is past its time; to be called about once a second."""
        now, state = self._clock(), self._state
        self._finished.expire(now, most)
        long_ago = time.monotonic() - _TOMBSTONE_SECONDS
        while self._tombstones and self._tombstones[0][0] <= long_ago:
            self.forget([self._tombstones.popleft()[1]])
        if not 0 < self._look_at_log - now <= _LOG_EVERY:
            self._look_at_log = now + _LOG_EVERY
            self._pending.prune = oldest = now - self._retention
            while state.recent and state.recent[0].noticed < oldest:
                state.recent.popleft()

    # -- crawls of a scope

    def _covered(self, source: str, scope: str) -> Iterable[Baseline]:
        """Baselines whose version and uid are those of this source's objects."""
        if source != CRAWLJOBS.name:
            return ()
        return (one for one in self._state.baselines.values() if covers(scope, one.namespace))

    def _purge_tombstones(self, scope: str, version: str) -> None:
        """Forget deleted crawls that no replay from this resource version on can show again."""
        kept: deque[tuple[float, str]] = deque()
        for entry in self._tombstones:
            baseline = self._state.baselines.get(entry[1])
            if baseline is None:
                continue
            covered = covers(scope, baseline.namespace)
            if covered and baseline.version and not is_newer(baseline.version, version):
                self.forget([baseline.uid])
            else:
                kept.append(entry)
        self._tombstones = kept


def covers(scope: str, namespace: str) -> bool:
    """Whether a watch of the scope sees the namespace; the empty scope sees all."""
    return not scope or scope == namespace

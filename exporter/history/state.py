"""The ledger's state in memory, and how it becomes rows of the file and is loaded from them."""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from exporter.history.baseline import FIGURES, Baseline, read_figures
from exporter.history.database import Database, Statement
from exporter.history.difference import HeldEnd, Unseen
from exporter.history.errors import DatabaseError
from exporter.history.measures import BUCKETS
from exporter.history.names import OrganisationName, WorkflowKey
from exporter.history.reading import FINISHED_CRAWLS, latest_events
from exporter.history.records import FinishedCrawl, LoggedEvent
from exporter.history.schema import STATE_TABLES
from exporter.history.tallies import Histogram, Key, Tallies

logger = logging.getLogger(__name__)

MOST_RECENT: Final = 5_000
"""Events kept in memory to be shown; the file has all of the retention."""
LONGEST_LOG: Final = 10_000
"""Events that wait to be written; while nothing can be written, the oldest are dropped."""

SourceScope = tuple[str, str]
"""The source (``crawljobs``) and the namespace that is watched, empty where all are."""

_LOG: Final = (
    "INSERT INTO events (noticed, at, uid, namespace, oid, crawl, kind, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE_LOG: Final = (  # from its beginning, and not all at once, which could take long
    "DELETE FROM events WHERE noticed < ? AND id IN (SELECT id FROM events ORDER BY id LIMIT 2000)"
)
_BASELINE: Final = (  # in its place, for most keep their length: REPLACE takes four times as long
    "INSERT INTO baselines VALUES (?, ?)"
    " ON CONFLICT (uid) DO UPDATE SET baseline = excluded.baseline"
)
_FIGURES: Final = (
    f"INSERT INTO figures (uid, {', '.join(FIGURES)}) VALUES (?{', ?' * len(FIGURES)})"  # noqa: S608
    f" ON CONFLICT (uid) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in FIGURES)}"
)
_CLUSTER: Final = "cluster"
_SHARD: Final = "shard"
_DROPPED: Final = "dropped"


@dataclass(slots=True)
class LedgerState:
    """Everything served, and whatever is needed to continue after a restart."""

    baselines: dict[str, Baseline] = field(default_factory=dict)
    """By uid; of crawls known alive, and of deleted ones until no replay can show them again."""
    finished: dict[str, FinishedCrawl] = field(default_factory=dict)
    """By uid."""
    held: dict[str, HeldEnd] = field(default_factory=dict)
    """By uid, the first found in front; a baseline that is kept above, too, is the same object."""
    tallies: Tallies = field(default_factory=Tallies)
    resource_versions: dict[SourceScope, str] = field(default_factory=dict)
    """How far the watch of each source's scope has come, as a resourceVersion."""
    in_sync_until: dict[SourceScope, float] = field(default_factory=dict)
    """When that was; in the file it is as old as the version beside it."""
    cluster: str = ""
    """What was watched: resource versions of another cluster mean nothing here."""
    shard: str = ""
    """Which of how many shares of it; empty where it was all of it."""
    dropped: int = 0
    """Finished crawls forgotten before their retention, because there were too many."""
    recent: deque[LoggedEvent] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    """The latest events, the last one noticed at the end."""
    org_names: dict[str, OrganisationName] = field(default_factory=dict)
    """By oid; of organisations that have crawls here."""
    workflow_names: dict[WorkflowKey, str] = field(default_factory=dict)


@dataclass(slots=True)
class PendingWrites:
    """What the file does not have yet."""

    baselines: set[str] = field(default_factory=set)
    figures: set[str] = field(default_factory=set)
    """Of baselines; of those that are written as a whole, too, they need not be."""
    finished: set[str] = field(default_factory=set)
    org_names: set[str] = field(default_factory=set)
    workflow_names: set[WorkflowKey] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    log: list[LoggedEvent] = field(default_factory=list)
    rest: bool = False
    """Whether resource versions, cluster, shard or the number of dropped crawls changed."""
    prune: float | None = None
    """Events noticed before are too old for the log."""

    def note(self, events: Iterable[LoggedEvent]) -> None:
        """Keep events for the log."""
        self.log += events
        del self.log[:-LONGEST_LOG]

    def clear(self) -> None:
        """The file has all of it."""
        self.baselines.clear()
        self.figures.clear()
        self.finished.clear()
        self.org_names.clear()
        self.workflow_names.clear()
        self.held.clear()
        self.log.clear()
        self.rest = False
        self.prune = None

    def size(self, tallies: Tallies) -> int:
        """About how many rows a write would change; 0 when there is nothing to write."""
        crawls = (self.baselines, self.figures, self.finished, self.held)
        rows = (*crawls, self.log, tallies.changed)
        names = len(self.org_names) + len(self.workflow_names)
        return sum(map(len, rows)) + names + self.rest + (self.prune is not None)


def changes(state: LedgerState, pending: PendingWrites) -> Iterator[Statement]:
    """What brings the file from the state written last to this one."""
    yield from _log(pending)
    yield from _tallies(state.tallies, state.tallies.changed)
    yield from _baselines(state, pending.baselines)
    yield from _figures(state, pending.figures - pending.baselines)
    yield from _finished(state, pending.finished)
    yield from _names(state, pending.org_names, pending.workflow_names)
    yield from _held(state, pending.held)
    if pending.rest:
        yield from _rest(state)


def full(state: LedgerState, pending: PendingWrites) -> Iterator[Statement]:
    """All of the state, in place of whatever the file holds; its log stays and is continued."""
    for table in STATE_TABLES:
        yield f"DELETE FROM {table}", [()]  # noqa: S608 - one of the names above
    yield from _log(pending)
    yield from _tallies(state.tallies, (*state.tallies.totals, *state.tallies.histograms))
    yield from _baselines(state, state.baselines)
    yield from _finished(state, state.finished)
    yield from _names(state, state.org_names, state.workflow_names)
    yield from _held(state, state.held)
    yield from _rest(state)


def load(database: Database) -> LedgerState:
    """Read the state. Raises DatabaseError; ValueError or TypeError where rows make no sense."""
    state = LedgerState()
    for family, labels, value in database.rows("SELECT family, labels, value FROM totals"):
        state.tallies.totals[family, _labels(labels)] = float(value)
    for family, labels, packed, total in database.rows(
        "SELECT family, labels, counts, sum FROM histograms"
    ):
        counts = json.loads(packed)
        if len(counts) != len(BUCKETS) + 1:
            raise ValueError(f"a histogram of {len(counts)} buckets")
        state.tallies.histograms[family, _labels(labels)] = Histogram(counts, float(total))
    state.baselines = _load_baselines(database)
    for row in database.rows(f"{FINISHED_CRAWLS} ORDER BY deleted_at IS NULL, deleted_at"):
        state.finished[row[0]] = FinishedCrawl._make(row)
    for uid, packed, found, known_until in database.rows(
        "SELECT uid, baseline, found, known_until FROM held ORDER BY found, uid"
    ):
        baseline = state.baselines.get(uid) or Baseline.unpack(packed)
        state.held[uid] = HeldEnd(baseline, Unseen(float(found), float(known_until)))
    for source, scope, version, seen in database.rows(
        "SELECT source, scope, version, seen FROM resource_versions"
    ):
        state.resource_versions[source, scope] = version
        state.in_sync_until[source, scope] = float(seen)
    for oid, name, slug in database.rows("SELECT oid, name, slug FROM org_names"):
        state.org_names[oid] = OrganisationName(name, slug)
    for oid, cid, name in database.rows("SELECT oid, cid, name FROM workflow_names"):
        state.workflow_names[oid, cid] = name
    meta = dict(database.rows("SELECT name, value FROM meta"))
    state.cluster = meta.get(_CLUSTER, "")
    state.shard = meta.get(_SHARD, "")
    state.dropped = int(meta.get(_DROPPED, "0"))
    try:
        state.recent.extend(reversed(latest_events(database, MOST_RECENT)))
    except (DatabaseError, ValueError, TypeError) as error:
        # They are only shown: the rest of the state is not given up for them.
        logger.warning("history: events before the start are not shown: %s", error)
    return state


def _load_baselines(database: Database) -> dict[str, Baseline]:
    """By uid, each with the figures that were written after it."""
    baselines: dict[str, Baseline] = {}
    for (packed,) in database.rows("SELECT baseline FROM baselines"):
        baseline = Baseline.unpack(packed)
        baselines[baseline.uid] = baseline
    for uid, *values in database.rows(f"SELECT uid, {', '.join(FIGURES)} FROM figures"):  # noqa: S608
        if newer := baselines.get(uid):
            for name, value in zip(FIGURES, values, strict=True):
                setattr(newer, name, type(getattr(newer, name))(value))
    return baselines


def _log(pending: PendingWrites) -> Iterator[Statement]:
    if pending.log:
        yield _LOG, [(*event[:-1], _encode(event.detail)) for event in pending.log]
    if pending.prune is not None:
        yield _PRUNE_LOG, [(pending.prune,)]


def _tallies(tallies: Tallies, keys: Iterable[Key]) -> Iterator[Statement]:
    totals, histograms = [], []
    for key in keys:
        family, labels = key[0], _encode(key[1])
        if key in tallies.totals:
            totals.append((family, labels, tallies.totals[key]))
        else:
            histogram = tallies.histograms[key]
            histograms.append((family, labels, _encode(histogram.counts), histogram.sum))
    if totals:
        yield "INSERT OR REPLACE INTO totals VALUES (?, ?, ?)", totals
    if histograms:
        yield "INSERT OR REPLACE INTO histograms VALUES (?, ?, ?, ?)", histograms


def _baselines(state: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    """Each as a whole; what its figures were is in it, so a row of figures is always newer."""
    known = [(uid, state.baselines[uid].pack()) for uid in uids if uid in state.baselines]
    forgotten = [(uid,) for uid in uids if uid not in state.baselines]
    if known:
        yield _BASELINE, known
    if forgotten:
        yield "DELETE FROM baselines WHERE uid = ?", forgotten
    yield "DELETE FROM figures WHERE uid = ?", [(uid,) for uid in uids]


def _figures(state: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    rows = [(uid, *read_figures(state.baselines[uid])) for uid in uids if uid in state.baselines]
    if rows:
        yield _FIGURES, rows


def _finished(state: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    known = [state.finished[uid] for uid in uids if uid in state.finished]
    forgotten = [(uid,) for uid in uids if uid not in state.finished]
    if known:
        yield "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", known
    if forgotten:
        yield "DELETE FROM finished WHERE uid = ?", forgotten


def _names(
    state: LedgerState, oids: Iterable[str], workflows: Iterable[WorkflowKey]
) -> Iterator[Statement]:
    orgs = [(oid, *state.org_names[oid]) for oid in oids if oid in state.org_names]
    names = [(*key, state.workflow_names[key]) for key in workflows if key in state.workflow_names]
    if orgs:
        yield "INSERT OR REPLACE INTO org_names VALUES (?, ?, ?)", orgs
    if names:
        yield "INSERT OR REPLACE INTO workflow_names VALUES (?, ?, ?)", names
    if gone := [(oid,) for oid in oids if oid not in state.org_names]:
        yield "DELETE FROM org_names WHERE oid = ?", gone
    if left := [key for key in workflows if key not in state.workflow_names]:
        yield "DELETE FROM workflow_names WHERE oid = ? AND cid = ?", left


def _held(state: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    held = [
        (uid, one.baseline.pack(), one.unseen.found, one.unseen.known_until)
        for uid in uids
        if (one := state.held.get(uid)) is not None
    ]
    if held:
        yield "INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)", held
    released = [(uid,) for uid in uids if uid not in state.held]
    if released:
        yield "DELETE FROM held WHERE uid = ?", released


def _rest(state: LedgerState) -> Iterator[Statement]:
    yield (
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [
            (_CLUSTER, state.cluster),
            (_SHARD, state.shard),
            (_DROPPED, str(state.dropped)),
        ],
    )
    yield "DELETE FROM resource_versions", [()]
    if state.resource_versions:
        yield (
            "INSERT INTO resource_versions VALUES (?, ?, ?, ?)",
            [
                (*key, version, state.in_sync_until.get(key, 0.0))
                for key, version in state.resource_versions.items()
            ],
        )


def _labels(text: str) -> tuple[str, ...]:
    return tuple(str(label) for label in json.loads(text))


def _encode(value: Any) -> str:
    return to_json(value).decode()

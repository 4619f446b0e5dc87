"""All that is remembered, and how it becomes rows of the ledger's file and memory again."""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from exporter.history.baseline import Baseline
from exporter.history.database import Statement, Store, StoreError
from exporter.history.events import CrawlEvent
from exporter.history.reading import latest_events
from exporter.history.records import FinishedCrawl, LoggedEvent
from exporter.history.schema import MEMORY_TABLES
from exporter.history.tallies import BUCKETS, Histogram, Tallies

logger = logging.getLogger(__name__)

MOST_RECENT: Final = 5_000
"""Events kept in memory to be shown; the file has all of the retention."""
LONGEST_LOG: Final = 10_000
"""Events that wait to be written; while nothing can be written, the oldest are given up."""

_LOG: Final = (
    "INSERT INTO events (noticed, at, uid, namespace, oid, crawl, kind, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE_LOG: Final = (  # from its beginning, and not all at once, which could take long
    "DELETE FROM events WHERE noticed < ? AND id IN (SELECT id FROM events ORDER BY id LIMIT 2000)"
)
_SOURCE: Final = "source"
_DROPPED: Final = "dropped"


@dataclass(slots=True)
class LedgerState:
    """Everything served, and whatever is needed to go on after a restart."""

    baselines: dict[str, Baseline] = field(default_factory=dict)
    """Of crawls known alive, and of those found gone until no replay can bring them back."""
    finished: dict[str, FinishedCrawl] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)
    resource_versions: dict[str, str] = field(default_factory=dict)
    """How far the watch of each scope has come, as a resourceVersion."""
    source: str = ""
    """What was watched: resource_versions of another cluster mean nothing here."""
    dropped: int = 0
    """Finished crawls given up before their retention, because there were too many."""
    recent: deque[LoggedEvent] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    """The latest events, the last one noticed at the end."""

    def note(self, baseline: Baseline, events: Iterable[CrawlEvent], noticed: float) -> None:
        """Keep events to be shown."""
        who = (baseline.uid, baseline.namespace, baseline.oid, baseline.crawl)
        self.recent.extend(
            LoggedEvent(noticed, event.at, *who, event.kind, event.detail()) for event in events
        )


@dataclass(slots=True)
class PendingWrites:
    """What the file does not have yet."""

    baselines: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    log: list[tuple[float, tuple[str, str, str, str], CrawlEvent]] = field(default_factory=list)
    """When each was noticed, of which crawl, and what; rows are made only when they are written."""
    rest: bool = False
    """Positions, source or the number of dropped ones."""
    prune: float | None = None
    """Events noticed before are too old for the log."""

    def note(self, baseline: Baseline, events: Iterable[CrawlEvent], noticed: float) -> None:
        """Keep events for the log."""
        who = (baseline.uid, baseline.namespace, baseline.oid, baseline.crawl)
        self.log += [(noticed, who, event) for event in events]
        del self.log[:-LONGEST_LOG]

    def size(self, tallies: Tallies) -> int:
        """How many rows."""
        changed = len(self.baselines) + len(self.finished) + len(self.log) + len(tallies.changed)
        return changed + self.rest + (self.prune is not None)


def changes(memory: LedgerState, pending: PendingWrites) -> Iterator[Statement]:
    """What brings the file from its last state to that of memory."""
    yield from _log(pending)
    yield from _tallies(memory.tallies, memory.tallies.changed)
    yield from _baselines(memory, pending.baselines)
    yield from _finished(memory, pending.finished)
    if pending.rest:
        yield from _rest(memory)


def full(memory: LedgerState, pending: PendingWrites) -> Iterator[Statement]:
    """All of memory, in place of whatever the file holds; its log stays and is continued."""
    for table in MEMORY_TABLES:
        yield f"DELETE FROM {table}", [()]  # noqa: S608 - one of the names above
    yield from _log(pending)
    yield from _tallies(memory.tallies, (*memory.tallies.totals, *memory.tallies.histograms))
    yield from _baselines(memory, memory.baselines)
    yield from _finished(memory, memory.finished)
    yield from _rest(memory)


def load(store: Store) -> LedgerState:
    """Read memory back. Raises StoreError; ValueError or TypeError where rows make no sense."""
    memory = LedgerState()
    for family, labels, value in store.rows("SELECT family, labels, value FROM totals"):
        memory.tallies.totals[family, _labels(labels)] = float(value)
    for family, labels, packed, total in store.rows(
        "SELECT family, labels, counts, sum FROM histograms"
    ):
        counts = json.loads(packed)
        if len(counts) != len(BUCKETS) + 1:
            raise ValueError(f"a histogram of {len(counts)} buckets")
        memory.tallies.histograms[family, _labels(labels)] = Histogram(counts, float(total))
    for (packed,) in store.rows("SELECT baseline FROM baselines"):
        baseline = Baseline.unpack(packed)
        memory.baselines[baseline.uid] = baseline
    for row in store.rows(
        "SELECT uid, namespace, oid, crawl, state, stop_reason, finished, paused_seconds,"
        " deleted_at"
        " FROM finished ORDER BY deleted_at IS NULL, deleted_at"
    ):
        memory.finished[row[0]] = FinishedCrawl._make(row)
    memory.resource_versions = dict(store.rows("SELECT scope, version FROM resource_versions"))
    meta = dict(store.rows("SELECT name, value FROM meta"))
    memory.source = meta.get(_SOURCE, "")
    memory.dropped = int(meta.get(_DROPPED, "0"))
    try:
        memory.recent.extend(reversed(latest_events(store, MOST_RECENT)))
    except (StoreError, ValueError, TypeError) as error:
        # Nothing counts on them: the rest is not given up for the sake of what is only shown.
        logger.warning("history: events before the start are not shown: %s", error)
    return memory


def _log(pending: PendingWrites) -> Iterator[Statement]:
    if pending.log:
        yield (
            _LOG,
            [
                (noticed, what.at, *who, what.kind, _encode(what.detail()))
                for noticed, who, what in pending.log
            ],
        )
    if pending.prune is not None:
        yield _PRUNE_LOG, [(pending.prune,)]


def _tallies(tallies: Tallies, keys: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[Statement]:
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


def _baselines(memory: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    known = [(uid, memory.baselines[uid].pack()) for uid in uids if uid in memory.baselines]
    forgotten = [(uid,) for uid in uids if uid not in memory.baselines]
    if known:
        yield "INSERT OR REPLACE INTO baselines VALUES (?, ?)", known
    if forgotten:
        yield "DELETE FROM baselines WHERE uid = ?", forgotten


def _finished(memory: LedgerState, uids: Iterable[str]) -> Iterator[Statement]:
    known = [memory.finished[uid] for uid in uids if uid in memory.finished]
    forgotten = [(uid,) for uid in uids if uid not in memory.finished]
    if known:
        yield "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", known
    if forgotten:
        yield "DELETE FROM finished WHERE uid = ?", forgotten


def _rest(memory: LedgerState) -> Iterator[Statement]:
    yield (
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [(_SOURCE, memory.source), (_DROPPED, str(memory.dropped))],
    )
    yield "DELETE FROM resource_versions", [()]
    if memory.resource_versions:
        yield "INSERT INTO resource_versions VALUES (?, ?)", list(memory.resource_versions.items())


def _labels(text: str) -> tuple[str, ...]:
    return tuple(str(label) for label in json.loads(text))


def _encode(value: Any) -> str:
    return to_json(value).decode()

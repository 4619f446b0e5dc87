"""All that is remembered, and how it becomes rows of the ledger's file and memory again."""

import json
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import to_json

from exporter.history.facts import Facts
from exporter.history.happenings import Happening
from exporter.history.reading import latest_happenings
from exporter.history.records import FinishedCrawl, LoggedHappening
from exporter.history.schema import MEMORY_TABLES
from exporter.history.store import Statement, Store, StoreError
from exporter.history.tallies import BUCKETS, Histogram, Tallies

logger = logging.getLogger(__name__)

MOST_RECENT: Final = 5_000
"""Happenings kept in memory to be shown; the file has all of the retention."""
LONGEST_LOG: Final = 10_000
"""Happenings that wait to be written; while nothing can be written, the oldest are given up."""

_LOG: Final = (
    "INSERT INTO happenings (noticed, at, uid, namespace, oid, crawl, kind, detail)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PRUNE_LOG: Final = (  # from its beginning, and not all at once, which could take long
    "DELETE FROM happenings WHERE noticed < ?"
    " AND id IN (SELECT id FROM happenings ORDER BY id LIMIT 2000)"
)
_SOURCE: Final = "source"
_DROPPED: Final = "dropped"


@dataclass(slots=True)
class Memory:
    """Everything served, and whatever is needed to go on after a restart."""

    facts: dict[str, Facts] = field(default_factory=dict)
    """Of crawls known alive, and of those found gone until no replay can bring them back."""
    finished: dict[str, FinishedCrawl] = field(default_factory=dict)
    tallies: Tallies = field(default_factory=Tallies)
    positions: dict[str, str] = field(default_factory=dict)
    """How far the watch of each scope has come, as a resourceVersion."""
    source: str = ""
    """What was watched: positions of another cluster mean nothing here."""
    dropped: int = 0
    """Finished crawls given up before their retention, because there were too many."""
    recent: deque[LoggedHappening] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    """The latest happenings, the last one noticed at the end."""

    def note(self, facts: Facts, happenings: Iterable[Happening], noticed: float) -> None:
        """Keep happenings to be shown."""
        who = (facts.uid, facts.namespace, facts.oid, facts.crawl)
        self.recent.extend(
            LoggedHappening(noticed, happening.at, *who, happening.kind, happening.detail())
            for happening in happenings
        )


@dataclass(slots=True)
class Unwritten:
    """What the file does not have yet."""

    facts: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    log: list[tuple[float, tuple[str, str, str, str], Happening]] = field(default_factory=list)
    """When each was noticed, of which crawl, and what; rows are made only when they are written."""
    rest: bool = False
    """Positions, source or the number of dropped ones."""
    prune: float | None = None
    """Happenings noticed before are too old for the log."""

    def note(self, facts: Facts, happenings: Iterable[Happening], noticed: float) -> None:
        """Keep happenings for the log."""
        who = (facts.uid, facts.namespace, facts.oid, facts.crawl)
        self.log += [(noticed, who, happening) for happening in happenings]
        del self.log[:-LONGEST_LOG]

    def size(self, tallies: Tallies) -> int:
        """How many rows."""
        changed = len(self.facts) + len(self.finished) + len(self.log) + len(tallies.changed)
        return changed + self.rest + (self.prune is not None)


def changes(memory: Memory, unwritten: Unwritten) -> Iterator[Statement]:
    """What brings the file from its last state to that of memory."""
    yield from _log(unwritten)
    yield from _tallies(memory.tallies, memory.tallies.changed)
    yield from _facts(memory, unwritten.facts)
    yield from _finished(memory, unwritten.finished)
    if unwritten.rest:
        yield from _rest(memory)


def whole(memory: Memory, unwritten: Unwritten) -> Iterator[Statement]:
    """All of memory, in place of whatever the file holds; its log stays and is continued."""
    for table in MEMORY_TABLES:
        yield f"DELETE FROM {table}", [()]  # noqa: S608 - one of the names above
    yield from _log(unwritten)
    yield from _tallies(memory.tallies, (*memory.tallies.totals, *memory.tallies.histograms))
    yield from _facts(memory, memory.facts)
    yield from _finished(memory, memory.finished)
    yield from _rest(memory)


def recall(store: Store) -> Memory:
    """Read memory back. Raises StoreError; ValueError or TypeError where rows make no sense."""
    memory = Memory()
    for family, labels, value in store.rows("SELECT family, labels, value FROM totals"):
        memory.tallies.totals[family, _labels(labels)] = float(value)
    for family, labels, packed, total in store.rows(
        "SELECT family, labels, counts, sum FROM histograms"
    ):
        counts = json.loads(packed)
        if len(counts) != len(BUCKETS) + 1:
            raise ValueError(f"a histogram of {len(counts)} buckets")
        memory.tallies.histograms[family, _labels(labels)] = Histogram(counts, float(total))
    for (packed,) in store.rows("SELECT facts FROM facts"):
        facts = Facts.unpack(packed)
        memory.facts[facts.uid] = facts
    for row in store.rows(
        "SELECT uid, namespace, oid, crawl, state, stop_reason, finished, paused_seconds, gone"
        " FROM finished ORDER BY gone IS NULL, gone"
    ):
        memory.finished[row[0]] = FinishedCrawl._make(row)
    memory.positions = dict(store.rows("SELECT scope, version FROM positions"))
    meta = dict(store.rows("SELECT name, value FROM meta"))
    memory.source = meta.get(_SOURCE, "")
    memory.dropped = int(meta.get(_DROPPED, "0"))
    try:
        memory.recent.extend(reversed(latest_happenings(store, MOST_RECENT)))
    except (StoreError, ValueError, TypeError) as error:
        # Nothing counts on them: the rest is not given up for the sake of what is only shown.
        logger.warning("history: happenings before the start are not shown: %s", error)
    return memory


def _log(unwritten: Unwritten) -> Iterator[Statement]:
    if unwritten.log:
        yield (
            _LOG,
            [
                (noticed, what.at, *who, what.kind, _encode(what.detail()))
                for noticed, who, what in unwritten.log
            ],
        )
    if unwritten.prune is not None:
        yield _PRUNE_LOG, [(unwritten.prune,)]


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


def _facts(memory: Memory, uids: Iterable[str]) -> Iterator[Statement]:
    known = [(uid, memory.facts[uid].pack()) for uid in uids if uid in memory.facts]
    forgotten = [(uid,) for uid in uids if uid not in memory.facts]
    if known:
        yield "INSERT OR REPLACE INTO facts VALUES (?, ?)", known
    if forgotten:
        yield "DELETE FROM facts WHERE uid = ?", forgotten


def _finished(memory: Memory, uids: Iterable[str]) -> Iterator[Statement]:
    known = [memory.finished[uid] for uid in uids if uid in memory.finished]
    forgotten = [(uid,) for uid in uids if uid not in memory.finished]
    if known:
        yield "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", known
    if forgotten:
        yield "DELETE FROM finished WHERE uid = ?", forgotten


def _rest(memory: Memory) -> Iterator[Statement]:
    yield (
        "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        [(_SOURCE, memory.source), (_DROPPED, str(memory.dropped))],
    )
    yield "DELETE FROM positions", [()]
    if memory.positions:
        yield "INSERT INTO positions VALUES (?, ?)", list(memory.positions.items())


def _labels(text: str) -> tuple[str, ...]:
    return tuple(str(label) for label in json.loads(text))


def _encode(value: Any) -> str:
    return to_json(value).decode()

"""A crawl's changes, one by one: compared with a baseline, or recorded in a ledger."""

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest

from exporter.cluster.changes import Change, ResumePoint
from exporter.crawls import Crawl
from exporter.history.baseline import Baseline
from exporter.history.closing import conclude, vanish
from exporter.history.comparison import compare
from exporter.history.difference import Difference
from exporter.history.events import CrawlEvent
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.history.records import FinishedCrawl
from exporter.resources.crawljob import parse_json
from exporter.settings.defaults import DEFAULT_PAUSE_LIMIT
from exporter.sources import CRAWLJOBS
from support.counters import FINISHED
from support.factories import NAMESPACE, UPDATED_EPOCH, crawljob, to_wire

NOW = UPDATED_EPOCH + 600
"""12:10, ten minutes after the figures of a fresh ``crawljob``."""
OVER: Final = {"state": "complete", "finished": "2025-05-21T12:04:00Z"}


def crawl_of(version: int = 1000, **parts: Any) -> Crawl:
    metadata = {"resourceVersion": str(version), **parts.pop("metadata", {})}
    return Crawl(parse_json(to_wire(crawljob(metadata=metadata, **parts))))


class CrawlHistory:
    """The baseline of one crawl, and the events each status adds."""

    def __init__(self, **parts: Any) -> None:
        self.baseline = Baseline.of(crawl_of(**parts))

    def status(self, now: float = NOW, *, deleted: bool = False, **parts: Any) -> list[CrawlEvent]:
        return self.difference(now, deleted=deleted, **parts).events

    def difference(self, now: float = NOW, *, deleted: bool = False, **parts: Any) -> Difference:
        difference = compare(self.baseline, crawl_of(**parts), now, deleted=deleted)
        return self._concluded(difference)

    def vanish(self, now: float = NOW) -> list[CrawlEvent]:
        difference = Difference()
        vanish(self.baseline, now, difference)
        return self._concluded(difference).events

    def _concluded(self, difference: Difference) -> Difference:
        if difference.unseen is not None:
            conclude(self.baseline, difference.unseen, difference, pause_limit=DEFAULT_PAUSE_LIMIT)
        return difference


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Watch:
    """A recorder and its ledger, fed with changes; it can be killed and started again."""

    opened: ClassVar[list[Ledger]] = []
    """By all of them; ``closed_ledgers`` closes them after each test."""

    def __init__(
        self,
        path: Path | None = None,
        scope: str = NAMESPACE,
        scopes: tuple[str, ...] | None = None,
        hold_back: bool = False,
        **limits: Any,
    ) -> None:
        self.hold_back = hold_back
        self.clock = Clock()
        self.scope = scope
        self.scopes = (scope,) if scopes is None else scopes
        self._path = path
        self._limits = limits
        self.start()

    def start(self) -> None:
        self.ledger = self.opened_ledger()
        self.opened.append(self.ledger)
        self.recorder = HistoryRecorder(
            self.ledger, self.scopes, self.clock, hold_back=self.hold_back
        )

    def opened_ledger(self) -> Ledger:
        return Ledger.open(self._path, clock=self.clock, **self._limits)

    def kill(self) -> None:
        """End without writing anything more, and start again from the file."""
        kill(self.ledger)
        self.start()

    def synced(self, version: int = 1) -> None:
        self.recorder.on_synced(self.scope, str(version))

    def change(self, version: int, *, deleted: bool = False, **parts: Any) -> None:
        self.recorder.on_change(Change(self.scope, None, crawl_of(version, **parts), deleted))

    def unlisted(self, version: int, **parts: Any) -> None:
        """A relist no longer shows it."""
        self.recorder.on_change(Change(self.scope, crawl_of(version, **parts), None, deleted=True))

    def finished(self) -> list[FinishedCrawl]:
        return list(self.ledger.finished_crawls.values())

    def resume_point(self, scope: str = NAMESPACE) -> ResumePoint | None:
        return self.ledger.resume_point(CRAWLJOBS.name, scope)

    def resource_versions(self) -> dict[str, str]:
        """By scope, of all scopes that tests watch."""
        points = {scope: self.resume_point(scope) for scope in ("", NAMESPACE, "other")}
        return {scope: one.resource_version for scope, one in points.items() if one is not None}

    def total(self, family: str, *labels: str) -> float:
        return self.ledger.tallies.totals.get((family, (NAMESPACE, *labels)), 0.0)

    def changed_totals(self) -> dict[tuple[str, tuple[str, ...]], float]:
        return {key: value for key, value in self.ledger.tallies.totals.items() if value}


def finished_once(watch: Watch) -> bool:
    return watch.total(FINISHED, "complete", "") == 1


def sql(path: Path, statement: str) -> list[Any]:
    """What another program does to the file, or reads of it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        return file.execute(statement).fetchall()


@pytest.fixture(autouse=True)
def closed_ledgers() -> Iterator[None]:
    """Close the ledgers that a test has opened, as a kill would, where a conftest imports this."""
    yield
    while Watch.opened:
        kill(Watch.opened.pop())


def kill(ledger: Ledger) -> None:
    """What a kill leaves: the file closed and unlocked, with nothing more written to it."""
    ledger._file.close()


def as_a_kill_leaves_it(path: Path, folder: Path) -> Path:
    """A copy of a ledger in use, with its WAL and index: nothing has put them into the file."""
    folder.mkdir()
    for file in path.parent.glob(f"{path.name}*"):
        if not file.name.endswith(".lock"):
            shutil.copy(file, folder)
    return folder / path.name


def connection(ledger: Ledger) -> sqlite3.Connection:
    """The ledger's own, to spoil the file or the disk under it."""
    database = ledger._file._database
    assert database is not None, "the file is open"
    return database._connection


def unnoticed(ledger: Ledger) -> None:
    """Let the ledger take what was done to its file for its own writing."""
    database = ledger._file._database
    assert database is not None, "the file is open"
    database.end_checkpoint()


def remember(ledger: Ledger, *records: FinishedCrawl) -> None:
    """Put finished crawls into the ledger as they are, whatever a recorder would make of them."""
    ledger._state.finished.update({record.uid: record for record in records})


def log(ledger: Ledger, baseline: Baseline, events: Iterable[CrawlEvent], noticed: float) -> None:
    """Put events into the ledger that were noticed at some other time than now."""
    ledger._state.recent.extend(event.logged(baseline, noticed) for event in events)

"""A CrawlJob's life told event by event, to baseline alone or to a recorder with its ledger."""

from pathlib import Path
from typing import Any, ClassVar

from exporter.cluster.changes import Change
from exporter.history.baseline import Baseline
from exporter.history.comparison import Difference, compare, vanish
from exporter.history.events import CrawlEvent
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.resources.crawljob import CrawlJob, parse_json
from support.factories import NAMESPACE, UPDATED_EPOCH, crawljob, to_wire

NOW = UPDATED_EPOCH + 600
"""12:10, ten minutes after the figures of a fresh ``crawljob``."""


def job(version: int = 1000, **parts: Any) -> CrawlJob:
    metadata = {"resourceVersion": str(version), **parts.pop("metadata", {})}
    return parse_json(to_wire(crawljob(metadata=metadata, **parts)))


class Told:
    """Baseline of one crawl, and what each status told adds to them."""

    def __init__(self, **parts: Any) -> None:
        self.baseline = Baseline.of(job(**parts))

    def status(self, now: float = NOW, *, deleted: bool = False, **parts: Any) -> list[CrawlEvent]:
        return self.difference(now, deleted=deleted, **parts).events

    def difference(self, now: float = NOW, *, deleted: bool = False, **parts: Any) -> Difference:
        return compare(self.baseline, job(**parts), now, deleted=deleted)

    def vanish(self, now: float = NOW) -> list[CrawlEvent]:
        return vanish(self.baseline, now).events


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Watch:
    """An exporter's memory that is told of changes, and can be killed and started again."""

    opened: ClassVar[list[Ledger]] = []
    """Closed after each test."""

    def __init__(
        self,
        path: Path | None = None,
        scope: str = NAMESPACE,
        scopes: tuple[str, ...] | None = None,
        **limits: Any,
    ) -> None:
        self.clock = Clock()
        self.scope = scope
        self.scopes = (scope,) if scopes is None else scopes
        self._path = path
        self._limits = limits
        self.start()

    def start(self) -> None:
        self.ledger = Ledger.open(self._path, clock=self.clock, **self._limits)
        self.opened.append(self.ledger)
        self.recorder = HistoryRecorder(self.ledger, self.scopes, self.clock)

    def kill(self) -> None:
        """End without writing anything more, and start again from the file."""
        self.ledger.file.close()
        self.start()

    def synced(self, version: int = 1) -> None:
        self.recorder.on_synced(self.scope, str(version))

    def told(self, version: int, *, deleted: bool = False, **parts: Any) -> None:
        self.recorder.on_change(Change(self.scope, None, job(version, **parts), deleted))

    def unseen(self, version: int, **parts: Any) -> None:
        """A relist no longer shows it."""
        self.recorder.on_change(Change(self.scope, job(version, **parts), None, deleted=True))

    def total(self, family: str, *labels: str) -> float:
        return self.ledger.memory.tallies.totals.get((family, (NAMESPACE, *labels)), 0.0)

    def changed_totals(self) -> dict[tuple[str, tuple[str, ...]], float]:
        totals = self.ledger.memory.tallies.totals
        return {key: value for key, value in totals.items() if value}

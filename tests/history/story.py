"""A CrawlJob's life told event by event, to facts alone or to an observer with its ledger."""

from pathlib import Path
from typing import Any, ClassVar

from exporter.cluster.changes import Change
from exporter.crawljob import CrawlJob, parse_json
from exporter.history.comparison import Difference, compare, vanish
from exporter.history.facts import Facts
from exporter.history.happenings import Happening
from exporter.history.ledger import Ledger
from exporter.history.observer import Observer
from factories import NAMESPACE, UPDATED_EPOCH, crawljob, to_wire

NOW = UPDATED_EPOCH + 600
"""12:10, ten minutes after the figures of a fresh ``crawljob``."""


def job(version: int = 1000, **parts: Any) -> CrawlJob:
    metadata = {"resourceVersion": str(version), **parts.pop("metadata", {})}
    return parse_json(to_wire(crawljob(metadata=metadata, **parts)))


class Told:
    """Facts of one crawl, and what each status told adds to them."""

    def __init__(self, **parts: Any) -> None:
        self.facts = Facts.of(job(**parts))

    def status(self, now: float = NOW, *, gone: bool = False, **parts: Any) -> list[Happening]:
        return self.difference(now, gone=gone, **parts).happenings

    def difference(self, now: float = NOW, *, gone: bool = False, **parts: Any) -> Difference:
        return compare(self.facts, job(**parts), now, gone=gone)

    def vanish(self, now: float = NOW) -> list[Happening]:
        return vanish(self.facts, now).happenings


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
        self.observer = Observer(self.ledger, self.scopes, self.clock)

    def kill(self) -> None:
        """End without writing anything more, and start again from the file."""
        self.ledger.keeper.close()
        self.start()

    def synced(self, version: int = 1) -> None:
        self.observer.synced(self.scope, str(version))

    def told(self, version: int, *, gone: bool = False, **parts: Any) -> None:
        self.observer.change(Change(self.scope, None, job(version, **parts), gone))

    def unseen(self, version: int, **parts: Any) -> None:
        """A relist no longer shows it."""
        self.observer.change(Change(self.scope, job(version, **parts), None, gone=True))

    def total(self, family: str, *labels: str) -> float:
        return self.ledger.memory.tallies.totals.get((family, (NAMESPACE, *labels)), 0.0)

    def changed_totals(self) -> dict[tuple[str, tuple[str, ...]], float]:
        totals = self.ledger.memory.tallies.totals
        return {key: value for key, value in totals.items() if value}

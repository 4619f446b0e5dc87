"""What faults act on, and how to find out that the account is exact.

What is gone for good can be accounted by nobody: the API server's past, once it is compacted, of
what the exporter has not seen yet; the ledger, removed while its writer is killed. So a fault
that takes something away for good takes it while nothing else has it alone: the crawls stand
still until exporter and ledger have everything, and two locks keep other faults from the rest.
"""

import asyncio
import contextlib
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from exporter.history.tallies import Key
from exporter.simulator import ApiServer, Browsertrix
from support.alert_receiver import Receiver
from support.chaos.restarted_exporter import RestartedExporter
from support.exporter_process import Scrape
from support.ground_truth import miscounted, served_counts
from support.tcp_proxy import TcpProxy
from support.waiting import PROCESS_TIMEOUT, until

_PATIENCE = 10.0
"""Seconds that crawls stand still at a time: a status that steps back is believed only when it
comes again."""


class StoppableClock:
    """Seconds since 1970, less those for which it was stopped."""

    def __init__(self) -> None:
        self._behind = 0.0
        self._stopped_at: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stopped_at is None else self._stopped_at) - self._behind

    def stop(self) -> None:
        self._stopped_at = time.time()

    def go_on(self) -> None:
        assert self._stopped_at is not None
        self._behind += time.time() - self._stopped_at
        self._stopped_at = None


@dataclass
class World:
    """A cluster with its crawls, an Alertmanager, the networks to both, and the exporter."""

    server: ApiServer
    network: TcpProxy
    """Between the exporter and the API server."""
    browsertrix: Browsertrix
    clock: StoppableClock
    """Of the crawls."""
    alertmanager: Receiver
    alert_network: TcpProxy
    exporter: RestartedExporter
    ledger: Path
    file_is_needed: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by a fault of the disk: the file may lack what only the API server still has."""
    process_is_needed: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by a fault of the process: what only its memory has is lost."""

    @asynccontextmanager
    async def at_rest(self) -> AsyncIterator[None]:
        """Let the crawls stand still, from when exporter and ledger have accounted for all."""
        try:
            await until(self._rest, every=0.5, within=2 * PROCESS_TIMEOUT, otherwise=self._missing)
            yield
        finally:
            with contextlib.suppress(AssertionError):
                self.clock.go_on()

    async def _rest(self) -> bool:
        self.clock.stop()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if await self.is_exact():
                return True
            await asyncio.sleep(0.1)
        self.clock.go_on()
        return False

    async def is_exact(self) -> bool:
        """Whether what is served and what is on disk are just what has happened.

        While writes fail, the file may have all counts and not how far the watch has come.
        """
        stored = stored_counts(self.ledger)
        if stored is None or miscounted(stored, self.browsertrix.ground_truth):
            return False
        scrape = await self.exporter.scrape()
        return (
            scrape is not None
            and served_counts(scrape) == stored
            and scrape.value("browsertrix_exporter_ledger_failing") == 0
        )

    def _missing(self) -> str:
        wrong = miscounted(stored_counts(self.ledger) or {}, self.browsertrix.ground_truth)
        return f"in the ledger {wrong}; log:\n{self.exporter.log[-6000:]}"

    async def until_scrape(self, condition: Callable[[Scrape], bool]) -> Scrape:
        """Scrape until the condition holds."""

        async def scrape() -> Scrape | None:
            found = await self.exporter.scrape()
            return found if found is not None and condition(found) else None

        return await until(
            scrape, every=0.1, within=PROCESS_TIMEOUT, otherwise=lambda: self.exporter.log[-6000:]
        )


def stored_counts(ledger: Path) -> dict[Key, float] | None:
    """What the ledger's file counts; None where it cannot be read now. As ``served_counts``."""
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True, timeout=0)) as file:
            rows = file.execute("SELECT family, labels, value FROM totals").fetchall()
    except sqlite3.Error:
        return None
    return {
        (family, tuple(json.loads(labels))): value
        for family, labels, value in rows
        if value and not family.startswith("browsertrix_org_")
    }

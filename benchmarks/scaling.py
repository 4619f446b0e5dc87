"""What one exporter costs by the number of crawls: ``python -m benchmarks.scaling [--crawls N …]``.

Exporters as processes of their own, with all sources and a ledger on disk, on the simulator's
static crawls with four pods each, measured from outside. No simulator writes ten thousand changes
a second; so what one change of a CrawlJob costs is measured at a rate that it can keep up, by an
exporter that asks for usage seldom, and the status of each crawl that is written every ten seconds
is as many times that. The last column adds up what a core has to do all day: these changes, a round
of usage every 15 s, a scrape every 30 s.
"""

import argparse
import asyncio
import contextlib
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import processes, scraping, sources
from benchmarks.sources import SELDOM, SETTLE, WINDOW
from exporter.settings.defaults import DEFAULT_USAGE_INTERVAL

_SIZES: Final = (1_000, 10_000, 50_000, 100_000)
_PODS: Final = 4
_ROUNDS: Final = 3
_WRITTEN_EVERY: Final = 10.0
"""Seconds between two statuses of a crawl at work."""
_SCRAPED_EVERY: Final = 30.0
_LISTS: Final = b"browsertrix_exporter_lists_total"
_MIB: Final = 1024 * 1024


@dataclass(slots=True)
class Row:
    """What one exporter needs of so many crawls: seconds, of the clock or of a processor; bytes."""

    crawls: int
    ready: float = 0.0
    all_up: float = 0.0
    memory: int = 0
    scrape: float = 0.0
    """Of a processor, compressed, after a round of usage."""
    clock: float = 0.0
    """Until the scrape's last byte."""
    size: int = 0
    """Of it, compressed."""
    usage: float = 0.0
    """Of a processor, a round."""
    change: float | None = None
    """Of a processor, one change of a CrawlJob; None where the time without changes cost more, as
    it does while the first lists of so many are worked off."""

    @property
    def share(self) -> float | None:
        """Of one core, all day."""
        if self.change is None:
            return None
        return (
            self.change * self.crawls / _WRITTEN_EVERY
            + self.usage / DEFAULT_USAGE_INTERVAL
            + self.scrape / _SCRAPED_EVERY
        )


def main() -> int:
    """Measure, and print the table as a page of the documentation has it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument(
        "--crawls", type=int, nargs="+", default=_SIZES, help="numbers of CrawlJobs"
    )
    parser.add_argument("--shards", type=int, default=1, help="one of so many (default: 1)")
    given = parser.parse_args()
    print(
        "| CrawlJobs, pods | ready | all sources | memory | scrape, gzip | a round of usage "
        "| a change | of a core, all day |\n|---|---|---|---|---|---|---|---|"
    )
    for crawls in given.crawls:
        row = measure(crawls, given.shards)
        print(
            f"| {row.crawls:,}, {_PODS * row.crawls:,} | {row.ready:.1f} s | {row.all_up:.1f} s "
            f"| {row.memory / _MIB:,.0f} MiB | {row.scrape:.2f} s, {row.size / _MIB:.1f} MiB "
            f"in {row.clock:.1f} s | {row.usage:.2f} s "
            f"| {_or_unknown(row.change, lambda seconds: f'{seconds * 1e6:.0f} µs')} "
            f"| {_or_unknown(row.share, lambda share: f'{share:.0%}')} |",
            flush=True,
        )
    return 0


def _or_unknown(figure: float | None, write: Callable[[float], str]) -> str:
    return "unknown" if figure is None else write(figure)


def measure(crawls: int, shards: int = 1) -> Row:
    """Measure one exporter; with ``shards``, the first of so many, which has its share of them."""
    with processes.simulator(crawls) as (simulator, kubeconfig):
        row = Row(crawls)
        with _exporter(kubeconfig, shards, SELDOM) as exporter:
            sources.wait_until_up(exporter.port)
            time.sleep(SETTLE)
            idle = _cpu_of_window(exporter)
            before = exporter.cpu
            crawljobs = f"http://127.0.0.1:{simulator.port}{sources.CRAWLJOBS}"
            changes = asyncio.run(sources.changes(crawljobs, ""))
            cost = exporter.cpu - before - idle
            row.change = cost * shards / changes if cost > 0 else None
        began = time.perf_counter()
        with _exporter(kubeconfig, shards) as exporter:
            exporter.wait_until_ready()
            row.ready = time.perf_counter() - began
            sources.wait_until_up(exporter.port)
            row.all_up = time.perf_counter() - began
            time.sleep(SETTLE)
            lists, before = _lists(exporter), exporter.cpu
            time.sleep(WINDOW)
            row.usage = (exporter.cpu - before - idle) / max(1, _lists(exporter) - lists)
            scrapes, clocks = [], []
            for _ in range(_ROUNDS):
                time.sleep(DEFAULT_USAGE_INTERVAL + 1)
                before = exporter.cpu
                answer = scraping.get(exporter.port, "/metrics", gzip=True)
                scrapes.append(exporter.cpu - before)
                clocks.append(answer.seconds)
                row.size = answer.size
            row.scrape, row.clock = statistics.median(scrapes), statistics.median(clocks)
            row.memory = exporter.memory
        return row


@contextlib.contextmanager
def _exporter(kubeconfig: Path, shards: int, *flags: str) -> Iterator[processes.Process]:
    sharded = (f"--total-shards={shards}",) if shards > 1 else ()
    with tempfile.TemporaryDirectory() as folder:
        flags = (f"--history.path={folder}/history.db", *sharded, *flags)
        with processes.exporter(kubeconfig, flags=flags) as exporter:
            yield exporter


def _lists(exporter: processes.Process) -> int:
    """How often usage was listed so far."""
    served = scraping.text(exporter.port, f"/metrics?name[]={_LISTS.decode()}")
    found = re.search(_LISTS + rb'\{[^}]*source="usage"[^}]*\} ([0-9.e+]+)', served)
    return int(float(found[1])) if found else 0


def _cpu_of_window(exporter: processes.Process) -> float:
    before = exporter.cpu
    time.sleep(WINDOW)
    return exporter.cpu - before


if __name__ == "__main__":
    sys.exit(main())

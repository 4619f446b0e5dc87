"""What a ledger on disk comes to in the long run: ``python -m benchmarks.soak [--minutes 18]``.

The exporter, a process of its own, follows a simulated cluster whose CrawlJobs change at a rate,
and writes its ledger to disk; WAL, memory and processor time are taken from outside. With
``--reader`` another process holds a read transaction on the ledger from the second minute on, which
keeps SQLite from beginning the WAL anew. The exit status is 1 where a limit is passed.
"""

import argparse
import asyncio
import contextlib
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks import processes
from benchmarks.peer.measurement import Measured
from exporter.history.database import wal_size

WAL_LIMIT: Final = 16 * 2**20
"""Bytes. What docs/limits.md promises."""
GROWTH_LIMIT: Final = 32 * 2**20
"""Bytes from the third minute to the end: the latest events fill their room, and nothing more."""

_SETTLED: Final = 180.0
"""Seconds after which memory is that of a process at work: all caches have been used."""
_READER_AFTER: Final = 60.0
_SAMPLE_EVERY: Final = 0.1
_SCRAPE_EVERY: Final = 15.0
_STATE_EVERY: Final = 50
"""One change in so many is of the state: an event, and so written at once."""
_WRITERS: Final = 8
"""Requests at a time."""
_READ: Final = """
import sqlite3, sys
reader = sqlite3.connect(sys.argv[1], isolation_level=None)
reader.execute("BEGIN")
reader.execute("SELECT count(*) FROM baselines").fetchone()
print("reading", flush=True)
sys.stdin.read()
reader.execute("COMMIT")
"""


@dataclass(slots=True)
class Figures:
    """Bytes and seconds."""

    changes: int = 0
    began: float = field(default_factory=time.monotonic)
    wal: int = 0
    """The greatest seen."""
    settled: int = 0
    """Memory at the third minute, or after a sixth of a shorter run."""
    memory: int = 0
    cpu: float = 0.0
    lasted: float = 0.0
    ledger: int = 0
    """Bytes of the file in the end."""


def main() -> int:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=18.0, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=200.0, help="changes a second")
    parser.add_argument("--reader", action="store_true", help="hold a read transaction open")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.simulator(given.crawls) as (simulator, kubeconfig),
    ):
        path = Path(folder) / "ledger.db"
        with processes.exporter(kubeconfig, flags=("--history.path", str(path))) as exporter:
            exporter.wait_until_ready()
            measured = Measured(exporter.pid, exporter.port, "browsertrix_crawl_pages_done")
            figures = asyncio.run(_soak(given, simulator.port, measured, path))
            figures.ledger = path.stat().st_size
            log = [line for line in exporter.log.read_text().splitlines() if "history" in line]
    print("\n".join(log))
    return _print(given, figures)


async def _soak(given: argparse.Namespace, port: int, exporter: Measured, path: Path) -> Figures:
    figures, seconds = Figures(), given.minutes * 60
    writing = asyncio.create_task(_write(port, given.rate, figures))
    cpu, scrape_at, settle_after = exporter.cpu, _SCRAPE_EVERY, min(_SETTLED, seconds / 6)
    with contextlib.ExitStack() as stack:
        reading = not given.reader
        while (elapsed := time.monotonic() - figures.began) < seconds:
            await asyncio.sleep(_SAMPLE_EVERY)
            if writing.done():
                writing.result()
            figures.wal = max(figures.wal, wal_size(path))
            if not figures.settled and elapsed >= settle_after:
                figures.settled = exporter.memory
            if not reading and elapsed >= min(_READER_AFTER, settle_after):
                stack.enter_context(_reader(path))
                reading = True
            if elapsed >= scrape_at:  # as Prometheus does
                await asyncio.to_thread(exporter.scrape, gzip=True)
                scrape_at += _SCRAPE_EVERY
        figures.lasted = time.monotonic() - figures.began
        figures.memory, figures.cpu = exporter.memory, exporter.cpu - cpu
        writing.cancel()
    return figures


async def _write(port: int, rate: float, figures: Figures) -> None:
    """Change CrawlJobs at random, at the rate, however long one takes."""
    base = f"http://127.0.0.1:{port}/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
    headers = {"Content-Type": "application/merge-patch+json"}
    rng, slots = random.Random(7), asyncio.Semaphore(_WRITERS)
    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as group:
        names = await _names(session, base)
        figures.began = time.monotonic()

        async def change(number: int) -> None:
            async with session.patch(
                f"{base}/{rng.choice(names)}/status", json={"status": _status(rng, number)}
            ) as response:
                response.raise_for_status()
            figures.changes += 1
            slots.release()

        for number in range(sys.maxsize):
            await asyncio.sleep(figures.began + number / rate - time.monotonic())
            await slots.acquire()
            group.create_task(change(number))


async def _names(session: aiohttp.ClientSession, base: str) -> list[str]:
    async with session.get(base) as response:
        return [item["metadata"]["name"] for item in (await response.json())["items"]]


def _status(rng: random.Random, number: int) -> dict[str, Any]:
    figures = {"pagesDone": number, "size": number * 100_000, "crawlExecTime": number}
    if number % _STATE_EVERY:
        return figures
    return {**figures, "state": rng.choice(("running", "generate-wacz", "uploading-wacz"))}


@contextlib.contextmanager
def _reader(path: Path) -> Iterator[None]:
    """Another process reads the ledger, and does not come to an end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _READ, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    if process.stdout.readline() != b"reading\n":
        raise RuntimeError("the ledger cannot be read")
    try:
        yield
    finally:
        process.communicate(timeout=60)


def _print(given: argparse.Namespace, found: Figures) -> int:
    reader = ", a reader beside it" if given.reader else ""
    mib, grown = 2**20, found.memory - found.settled
    print(
        f"{given.crawls} CrawlJobs, {found.changes / found.lasted:.0f} changes a second for"
        f" {found.lasted / 60:.0f} minutes{reader}; SQLite {sqlite3.sqlite_version}"
    )
    rows = [
        ("greatest WAL", f"{found.wal / mib:.1f} MiB", "< 16 MiB", found.wal <= WAL_LIMIT),
        ("memory at minute 3", f"{found.settled / mib:.0f} MiB", "", True),
        ("memory at the end", f"{found.memory / mib:.0f} MiB", "+ 32 MiB", grown <= GROWTH_LIMIT),
        ("processor", f"{found.cpu / found.lasted:.1%} of a core", "", True),
        ("the ledger's file", f"{found.ledger / mib:.1f} MiB", "", True),
    ]
    for name, value, limit, met in rows:
        print(f"{name:20} {value:>16}  {limit:9} {'' if met else 'PASSED'}".rstrip())
    return 0 if all(met for *_, met in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

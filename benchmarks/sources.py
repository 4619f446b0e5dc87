"""What each source costs: ``python -m benchmarks.sources [--crawls N]``.

The exporter as a process of its own on the simulator's static crawls with their pods, claims and
usage, measured from outside: with all sources, without each of them, and with CrawlJobs alone. A
change is written to the simulator at a rate, and what the same time costs without changes is taken
off; a round of usage is what lists of it cost while nothing else happens.
"""

import argparse
import asyncio
import random
import re
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from benchmarks import processes, scraping
from benchmarks.peer.measurement import Measured

OPTIONAL: Final = ("pods", "usage", "volumes", "indexes")
_UP: Final = re.compile(rb"^browsertrix_exporter_source_up\{.*\} ([01])", re.MULTILINE)
_TIMEOUT: Final = 120.0
_SETTLE: Final = 20.0
"""Seconds after the start: a first round of usage and the collectors' turn."""
_IDLE: Final = 30.0
"""Seconds, two rounds of usage."""
_RATE: Final = 100.0
_KIB: Final = 1024


@dataclass(slots=True)
class Cost:
    """Of one set of sources: seconds, and bytes."""

    start: float
    memory: int
    idle: float
    """Processor seconds in ``_IDLE``."""
    crawljob: float
    """Processor seconds of a change."""
    pod: float


def wait_until_up(exporter: processes.Process) -> None:
    """Wait until every source that is on vouches for its content."""
    deadline = time.monotonic() + _TIMEOUT
    path = "/metrics?name[]=browsertrix_exporter_source_up"
    while time.monotonic() < deadline:
        found = _UP.findall(scraping.text(exporter.port, path))
        if found and all(value == b"1" for value in found):
            return
        time.sleep(0.05)
    raise TimeoutError("a source did not come up")


def main() -> int:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sources")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    crawls: int = parser.parse_args().crawls
    sets: dict[str, tuple[str, ...]] = {
        "all": (),
        **{f"without {name}": (name,) for name in OPTIONAL},
        "CrawlJobs alone": OPTIONAL,
    }
    print(f"{crawls} CrawlJobs with their pods; {_RATE:g} changes a second")
    print(f"{'sources':18} {'start':>8} {'memory':>16} {'idle':>9} {'CrawlJob':>10} {'pod':>10}")
    with processes.simulator(crawls) as (simulator, kubeconfig):
        for name, off in sets.items():
            flags = [f"--no-source.{source}" for source in off]
            began = time.perf_counter()
            with processes.exporter(kubeconfig, flags=flags) as exporter:
                exporter.wait_until_ready()
                wait_until_up(exporter)
                start = time.perf_counter() - began
                measured = Measured(exporter.pid, exporter.port, "browsertrix_crawl_pages_done")
                cost = asyncio.run(_cost(measured, simulator.port, start))
            print(
                f"{name:18} {cost.start:6.2f} s {cost.memory / crawls / _KIB:12.1f} KiB"
                f" {cost.idle / _IDLE:8.2%} {cost.crawljob * 1e6:7.0f} us {cost.pod * 1e6:7.0f} us",
                flush=True,
            )
    return 0


async def _cost(exporter: Measured, port: int, start: float) -> Cost:
    await asyncio.sleep(_SETTLE)
    await asyncio.to_thread(exporter.scrape, gzip=True)
    memory = exporter.memory
    idle = await _cpu(exporter, asyncio.sleep(_IDLE))
    costs = []
    jobs = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
    pods = "/api/v1/namespaces/crawlers/pods"
    for path, label in ((jobs, ""), (pods, "crawl")):
        changes, cpu = await _changes(exporter, f"http://127.0.0.1:{port}{path}", label)
        costs.append(max(0.0, cpu - idle) / changes)
    return Cost(start, memory, idle, *costs)


async def _cpu(exporter: Measured, work: Any) -> float:
    before = exporter.cpu
    await work
    return exporter.cpu - before


async def _changes(exporter: Measured, base: str, label: str) -> tuple[int, float]:
    """Change objects at the rate for as long as was idled; how many, and what that cost."""
    headers = {"Content-Type": "application/merge-patch+json"}
    rng, slots = random.Random(7), asyncio.Semaphore(8)
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(base, params={"labelSelector": label}) as response:
            names = [item["metadata"]["name"] for item in (await response.json())["items"]]
        done = 0

        async def change(number: int) -> None:
            status = (
                {"startTime": f"2026-01-01T{number % 24:02}:{number % 60:02}:00Z"}
                if label
                else {"pagesDone": number, "size": number * 100_000, "crawlExecTime": number}
            )
            async with session.patch(
                f"{base}/{rng.choice(names)}/status", json={"status": status}
            ) as response:
                response.raise_for_status()
            slots.release()

        before, began = exporter.cpu, time.monotonic()
        async with asyncio.TaskGroup() as group:
            while (elapsed := time.monotonic() - began) < _IDLE:
                await asyncio.sleep(done / _RATE - elapsed)
                await slots.acquire()
                group.create_task(change(done))
                done += 1
        await asyncio.to_thread(exporter.scrape, gzip=True)
        return done, exporter.cpu - before


if __name__ == "__main__":
    sys.exit(main())

"""What each source costs: ``python -m benchmarks.sources [--crawls N] [--before REVISION]``.

Exporters as processes of their own on the simulator's static crawls with their pods, claims and
usage, measured from outside: with all sources, without each of them, with CrawlJobs alone, and as
the exporter was before there were other sources. They start one after the other, and are then
measured together: the same changes at the same time, so that what else the machine does touches
them alike. What the same time costs without changes, scrapes included, is taken off. Usage is not
asked for meanwhile, for one round more or less would be worth thousands of changes; what a round
costs is measured last, and what a small fleet at work takes of a core all day.
"""

import argparse
import asyncio
import random
import re
import sys
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks import processes, scraping
from benchmarks.figures import Figure, report
from benchmarks.peer.measurement import Measured
from exporter.settings.defaults import DEFAULT_USAGE_INTERVAL

OPTIONAL: Final = ("pods", "usage", "volumes", "indexes")
_ALL: Final = "all"
_ALONE: Final = "CrawlJobs alone"
_BEFORE: Final = "before"
SETS: Final[dict[str, tuple[str, ...]]] = {
    _ALL: (),
    **{f"without {name}": (name,) for name in OPTIONAL},
    _ALONE: OPTIONAL,
}
_BEFORE_SOURCES: Final = "80e797f"
"""The last revision that knew CrawlJobs alone."""
_UP: Final = re.compile(rb"^browsertrix_exporter_source_up\{.*\} ([01])", re.MULTILINE)
SETTLE: Final = 20.0
"""Seconds after the last start: the collectors' turn."""
WINDOW: Final = 60.0
_RATE: Final = 100.0
"""Changes a second."""
_SCRAPES: Final = 4
"""In a window, 15 s apart."""
_NOTHING: Final = 0.05
"""Of what a change of a CrawlJob costs: what cannot be told from nothing."""
_SMALL: Final = 100
"""Crawls of a small fleet, of which each has its status written every ten seconds."""
_SMALL_RATE: Final = _SMALL / 10
SELDOM: Final = "--source.usage.interval=1h"
CRAWLJOBS: Final = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
_PODS: Final = "/api/v1/namespaces/crawlers/pods"
_KIB: Final = 1024


@dataclass(slots=True)
class Subject:
    """One exporter, and what it cost: seconds, and bytes."""

    name: str
    exporter: Measured
    ready: float
    """Until CrawlJobs are served."""
    up: float
    """Until every source is."""
    memory: int = 0
    cpu: list[float] = field(default_factory=list)
    """Processor seconds of each window."""
    changes: tuple[float, float] = (0.0, 0.0)
    """Processor seconds of one change of a CrawlJob, and of a pod."""


def wait_until_up(port: int) -> None:
    """Wait until every source that is on vouches for its content."""
    deadline = time.monotonic() + processes.TIMEOUT
    path = "/metrics?name[]=browsertrix_exporter_source_up"
    while time.monotonic() < deadline:
        if all(value == b"1" for value in _UP.findall(scraping.text(port, path))):
            return
        time.sleep(0.05)
    raise TimeoutError("a source did not come up")


def main() -> int:
    """Measure, print the tables; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sources")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument(
        "--before",
        default=_BEFORE_SOURCES,
        metavar="REVISION",
        help="of git, to compare with (default: the last with CrawlJobs alone)",
    )
    arguments = parser.parse_args()
    crawls: int = arguments.crawls
    with (
        processes.earlier_version(arguments.before) as before,
        processes.simulator(crawls) as (simulator, kubeconfig),
    ):
        if before is None:
            print(f"git has no {arguments.before} here: nothing is compared with before")
        subjects = _measured(simulator, kubeconfig, before)
        _print(subjects.values(), crawls)
        usage = _seconds_of_a_round_of_usage(kubeconfig)
    figures = [*_figures(subjects), _of_usage(usage, crawls), _of_a_small_fleet()]
    return report(figures)


def _measured(
    simulator: processes.Process, kubeconfig: Path, before: Path | None
) -> Mapping[str, Subject]:
    """Start all exporters and measure them together; by name."""
    with ExitStack() as running:
        subjects = {}
        for name, off in SETS.items():
            flags = [SELDOM, *(f"--no-source.{source}" for source in off)]
            subjects[name] = _start(running, name, kubeconfig, flags)
        if before is not None:
            subjects[_BEFORE] = _start(running, _BEFORE, kubeconfig, (), before)
        counts = asyncio.run(_measure([*subjects.values()], f"http://127.0.0.1:{simulator.port}"))
        for one in subjects.values():
            idle, *busy = one.cpu
            job, pod = ((cpu - idle) / count for cpu, count in zip(busy, counts, strict=True))
            one.changes = job, pod
        return subjects


def _print(subjects: Iterable[Subject], crawls: int) -> None:
    print(f"{crawls} CrawlJobs with their pods; {_RATE:g} changes a second")
    print(f"{'sources':16} {'ready':>8} {'all up':>8} {'memory':>10} {'CrawlJob':>9} {'pod':>9}")
    for one in subjects:
        job, pod = (1e6 * seconds for seconds in one.changes)
        print(
            f"{one.name:16} {one.ready:6.2f} s {one.up:6.2f} s"
            f" {one.memory / crawls / _KIB:6.1f} KiB {job:6.0f} us {pod:6.0f} us"
        )
    print()


def _figures(subjects: Mapping[str, Subject]) -> Iterator[Figure]:
    """What changes may cost with all sources, against what CrawlJobs alone cost before."""
    everything, alone, before = subjects[_ALL], subjects[_ALONE], subjects.get(_BEFORE)
    if before is not None:
        was = before.changes[0]
        for what, cost, share in (
            ("a change of a CrawlJob", everything.changes[0], 4 / 3),
            ("a change of a pod", everything.changes[1], 2 / 3),
        ):
            yield Figure(
                f"{what}, against a CrawlJob's before",
                f"< {share:.2f} times",
                f"{cost / was:.2f} times ({cost * 1e6:.0f} us against {was * 1e6:.0f} us)",
                cost < share * was,
            )
    off, job = alone.changes[1], alone.changes[0]
    yield Figure(
        "a change of a pod while pods are off",
        "nothing",
        f"{off * 1e6:.0f} us",
        abs(off) < _NOTHING * job,
    )


def _seconds_of_a_round_of_usage(kubeconfig: Path) -> float:
    with ExitStack() as running:
        exporter = _start(running, "usage", kubeconfig, ()).exporter
        time.sleep(SETTLE)
        before = exporter.cpu
        time.sleep(WINDOW)
        return (exporter.cpu - before) / (WINDOW / DEFAULT_USAGE_INTERVAL)


def _of_usage(seconds: float, crawls: int) -> Figure:
    return Figure(
        f"a round of usage, {crawls}, joined and put down",
        "< 2.5 s of a processor",
        f"{seconds:.2f} s",
        seconds < 2.5,
    )


def _of_a_small_fleet() -> Figure:
    """All of what an exporter does all day: statuses, usage, scrapes."""
    with processes.simulator(_SMALL) as (simulator, kubeconfig), ExitStack() as running:
        subject = _start(running, "small", kubeconfig, ())
        time.sleep(SETTLE)
        api = f"http://127.0.0.1:{simulator.port}{CRAWLJOBS}"
        asyncio.run(_window([subject], changes(api, "", _SMALL_RATE)))
        share = subject.cpu[0] / WINDOW
    return Figure(
        f"a fleet of {_SMALL} crawls at work", "< 3 % of a core", f"{share:.1%}", share < 0.03
    )


def _start(
    running: ExitStack,
    name: str,
    kubeconfig: Path,
    flags: Sequence[str],
    source: Path | None = None,
) -> Subject:
    """Start an exporter, alone at work, and wait for all its sources."""
    began = time.perf_counter()
    exporter = running.enter_context(processes.exporter(kubeconfig, flags=flags, source=source))
    exporter.wait_until_ready()
    ready = time.perf_counter() - began
    wait_until_up(exporter.port)
    measured = Measured(exporter.pid, exporter.port, "browsertrix_crawl_pages_done")
    return Subject(name, measured, ready, time.perf_counter() - began)


async def _measure(subjects: Sequence[Subject], api: str) -> list[int]:
    """Fill in what each has cost; returns how many changes there were in each window of them."""
    await asyncio.sleep(SETTLE)
    for one in subjects:
        await asyncio.to_thread(one.exporter.scrape, gzip=True)
        one.memory = one.exporter.memory
    await _window(subjects, asyncio.sleep(WINDOW))
    return [
        await _window(subjects, changes(f"{api}{path}", label))
        for path, label in ((CRAWLJOBS, ""), (_PODS, "crawl"))
    ]


async def _window(subjects: Sequence[Subject], work: Awaitable[Any]) -> Any:
    """Measure each of them while this is done, and scrapes go on."""
    before = [one.exporter.cpu for one in subjects]
    scrapes = asyncio.create_task(_scrape(subjects))
    result = await work
    await scrapes
    for one, cpu in zip(subjects, before, strict=True):
        one.cpu.append(one.exporter.cpu - cpu)
    return result


async def _scrape(subjects: Sequence[Subject]) -> None:
    """The last scrape is after the last change."""
    for _ in range(_SCRAPES):
        await asyncio.sleep(WINDOW / _SCRAPES + 0.5)
        for one in subjects:
            await asyncio.to_thread(one.exporter.scrape, gzip=True)


async def changes(base: str, label: str, rate: float = _RATE) -> int:
    """Change objects at the rate, which is of a second, for a window; how many."""
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

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while (elapsed := time.monotonic() - began) < WINDOW:
                await asyncio.sleep(done / rate - elapsed)
                await slots.acquire()
                group.create_task(change(done))
                done += 1
        return done


if __name__ == "__main__":
    sys.exit(main())

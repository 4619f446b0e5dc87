"""Measure every speed claim, both sides in one run: ``python -m benchmarks [--crawls N]``.

Prints a table; the exit status is 1 if a target is missed. Other work on the machine disturbs it.
"""

import argparse
import statistics
import sys
import time
from collections import Counter

from benchmarks import blocking, processes, remembering, scraping, sources, viewing
from benchmarks.figures import Figure, report
from exporter.metrics.catalog import CATALOG, Group

_ROUNDS = 3
"""Of each side; the other side is slow."""
_KIB = 1024
_COMPARED = {
    family.name.encode()
    for family in CATALOG
    if family.group in {Group.FLEET, Group.CRAWL, Group.POD, Group.VOLUME}
}


def main() -> int:
    """Measure all, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--crawls", type=int, default=10_000, help="(default: %(default)s)")
    crawls: int = parser.parse_args().crawls
    figures = [_recall(), *_viewing(crawls)]
    with processes.simulator(0) as (_, nobody), processes.exporter(nobody) as empty:
        empty.wait_until_ready()
        scraping.get(empty.port, "/metrics", gzip=True)
        memory_empty = empty.memory
    with processes.simulator(crawls) as (simulator, kubeconfig):
        started = time.perf_counter()
        with processes.exporter(kubeconfig) as exporter:
            exporter.wait_until_ready()
            ready = time.perf_counter() - started
            sources.wait_until_up(exporter.port)
            all_up = time.perf_counter() - started
            with processes.baseline(crawls) as baseline:
                figures += _scrapes(exporter, baseline)
            memory = (exporter.memory - memory_empty) / crawls / _KIB
        what = "with pods, claims and usage"
        figures.append(
            Figure(f"memory per CrawlJob {what}", "< 60 KiB", f"{memory:.1f} KiB", memory < 60)
        )
        figures.append(Figure(f"start to ready, {crawls}", "< 8 s", f"{ready:.2f} s", ready < 8))
        figures.append(
            Figure(f"start to all sources, {crawls}", "< 20 s", f"{all_up:.2f} s", all_up < 20)
        )
        for occasion, seconds in blocking.longest_blocks(simulator, kubeconfig).items():
            figures.append(
                Figure(
                    f"event loop blocked by {occasion}",
                    "< 50 ms",
                    f"{seconds * 1e3:.1f} ms",
                    seconds < 0.05,
                )
            )
    return report(figures)


def _recall() -> Figure:
    seconds = remembering.seconds_to_open()
    return Figure(
        f"opening a ledger of {remembering.FINISHED} finished crawls",
        "< 2 s",
        f"{seconds:.2f} s",
        seconds < 2,
    )


def _viewing(crawls: int) -> list[Figure]:
    return [
        Figure(
            f"status page of {crawls}, {name}",
            "< 100 ms, < 5 ms at a time",
            f"{total * 1e3:.0f} ms, {longest * 1e3:.1f} ms at a time",
            total < 0.1 and longest < 0.005,
        )
        for name, (total, longest) in viewing.figures(crawls).items()
    ]


def _scrapes(exporter: processes.Process, baseline: processes.Process) -> list[Figure]:
    """Compare what scrapes take of a processor, by turns so that both see the same machine."""
    figures = []
    ours, theirs = (_samples(process) for process in (exporter, baseline))
    # The exporter serves what its history tells on top, which makes the claim the harder.
    different = [name for name in theirs if ours[name] != theirs[name]]
    if different or not theirs:
        raise AssertionError(f"not the same samples: {different}")
    for gzip, target in ((True, 50), (False, 40)):
        first: list[float] = []
        next_: list[float] = []
        slow: list[float] = []
        for _ in range(_ROUNDS):
            slow.append(_cpu_of_scrape(baseline, gzip=gzip))
            # Meanwhile all usage was measured anew: the first scrape writes what is left of it.
            first.append(_cpu_of_scrape(exporter, gzip=gzip))
            next_ += [_cpu_of_scrape(exporter, gzip=gzip) for _ in range(_ROUNDS)]
        plain = statistics.median(slow)
        how = "with gzip" if gzip else "without compression"
        for when, times in (("again", next_), ("after a round of usage", first)):
            quick = statistics.median(times)
            figures.append(
                Figure(
                    f"scrape {how}, {when}, against prometheus_client",
                    f"≥ {target} times less",
                    f"{plain / quick:.0f} times ({quick * 1e3:.0f} ms against {plain:.2f} s)",
                    plain / quick >= target,
                )
            )
    return figures


def _cpu_of_scrape(process: processes.Process, *, gzip: bool) -> float:
    before = process.cpu
    scraping.get(process.port, "/metrics", gzip=gzip)
    return process.cpu - before


def _samples(process: processes.Process) -> Counter[bytes]:
    """Count the samples of crawls, pods and fleet by their families."""
    lines = scraping.text(process.port, "/metrics").splitlines()
    names = (line.partition(b"{")[0] for line in lines)
    return Counter(name for name in names if name in _COMPARED)


if __name__ == "__main__":
    sys.exit(main())

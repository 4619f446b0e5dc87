"""Figures of one process, taken from outside: start, memory, scrapes, and the cost of a change."""

import contextlib
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import cpu_seconds, resident_bytes
from tools.kube_apiserver import KubeApiserver

_START_TIMEOUT: Final = 300.0
_SCRAPE_INTERVAL: Final = 15.0
_SETTLE: Final = 6.0
"""Seconds after the start before anything is measured: garbage collectors have their turn."""


@dataclass(frozen=True, slots=True)
class Churn:
    """What one run of the writer did."""

    changes: int
    rate: float
    """A second, as reached."""
    written: list[tuple[str, int, float]]
    """The CrawlJob's name, its pages done, and when the API server had it (seconds since 1970)."""


@dataclass(slots=True)
class Figures:
    """Of one process. Seconds, bytes; processor time is the whole process's."""

    start: float = 0.0
    start_cpu: float = 0.0
    identity: float = 0.0
    gzip: float = 0.0
    gzip_cpu: float = 0.0
    size: int = 0
    samples: int = 0
    memory: int = 0
    change_cpu: float = 0.0
    """Processor time of one change, with what it adds to the next scrape.

    Scrapes go on, 15 s apart; what as many cost when nothing changes is taken off.
    """
    share: float = 0.0
    """Of one processor, at that rate of changes and with those scrapes."""
    rate: float = 0.0
    memory_after: int = 0
    exposition: Path | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """A process that serves metrics on 127.0.0.1."""

    pid: int
    port: int
    pages_done: str
    """The metric whose samples show that all CrawlJobs are served, one each."""

    @property
    def cpu(self) -> float:
        """Processor seconds so far, user and system."""
        return cpu_seconds(self.pid)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return resident_bytes(self.pid)

    def served(self) -> int:
        """How many CrawlJobs are served."""
        url = f"http://127.0.0.1:{self.port}/metrics?name[]={self.pages_done}"
        mark = f"\n{self.pages_done}{{".encode()
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                body: bytes = response.read()
                return body.count(mark)
        except OSError:
            return 0

    def scrape(self, output: str = "/dev/null", *, gzip: bool = False) -> tuple[float, float, int]:
        """Scrape by curl: seconds, processor seconds, bytes on the wire."""
        before = self.cpu
        encoding = ["-H", "Accept-Encoding: gzip"] if gzip else []
        answer = subprocess.run(
            ["curl", "-sf", "-o", output, "-w", "%{time_total} %{size_download}", *encoding,
             f"http://127.0.0.1:{self.port}/metrics"],
            check=True, capture_output=True, text=True,
        ).stdout.split()  # fmt: skip
        time.sleep(0.05)  # a tick or two, for /proc counts in ticks
        return float(answer[0]), self.cpu - before, int(answer[1])


def measure(  # noqa: PLR0913 - each by its name
    process: Measured, server: KubeApiserver, crawls: int, started: float, *, rate: float,
    rounds: int, exposition: Path,
) -> Figures:  # fmt: skip
    """Take all figures of a process that was started at ``started`` (time.monotonic)."""
    figures = Figures()
    deadline = time.monotonic() + _START_TIMEOUT
    while process.served() < crawls:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all of {crawls} CrawlJobs are served")
        time.sleep(0.1)
    figures.start = time.monotonic() - started
    figures.start_cpu = process.cpu
    time.sleep(_SETTLE)
    plain = [process.scrape() for _ in range(rounds)]
    packed = [process.scrape(gzip=True) for _ in range(rounds)]
    figures.identity = _median(plain, 0)
    figures.gzip, figures.gzip_cpu = _median(packed, 0), _median(packed, 1)
    figures.size = plain[-1][2]
    process.scrape(str(exposition))
    figures.exposition = exposition
    with exposition.open("rb") as lines:
        figures.samples = sum(not line.startswith(b"#") for line in lines)
    figures.memory = process.memory
    with churn(server, crawls, rate, 42.0) as running:
        time.sleep(3)
        before, began = process.cpu, time.monotonic()
        scrapes = 0
        while (elapsed := time.monotonic() - began) < 30:
            due = _SCRAPE_INTERVAL * (scrapes + 0.5)
            if elapsed >= due:
                process.scrape(gzip=True)
                scrapes += 1
            time.sleep(0.05)
        used = process.cpu - before
        lasted = time.monotonic() - began
        done = running.result()
    figures.rate = done.rate
    figures.share = used / lasted
    figures.change_cpu = (used - scrapes * figures.gzip_cpu) / lasted / done.rate
    figures.memory_after = process.memory
    return figures


@dataclass(slots=True)
class Writer:
    """What changes CrawlJobs, while it runs."""

    process: "subprocess.Popen[str]"

    def begin(self) -> None:
        """Let it begin, where it waits for that."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def result(self) -> Churn:
        """Wait for its end."""
        assert self.process.stdout is not None
        last: dict[str, Any] = json.loads(self.process.stdout.readline())
        written = [(name, pages, when) for name, pages, when in last["written"]]
        return Churn(last["changes"], last["rate"], written)


def fill(server: KubeApiserver, crawls: int) -> float:
    """Create the CrawlJobs; the seconds that took."""
    lines = subprocess.run(
        _writer(server, crawls), check=True, capture_output=True, text=True
    ).stdout.splitlines()
    return float(json.loads(lines[-1])["seconds"])


@contextlib.contextmanager
def churn(server: KubeApiserver, crawls: int, rate: float, seconds: float) -> Iterator[Writer]:
    """Change random CrawlJobs; begins when the first is about to be written."""
    command = [*_writer(server, crawls), f"--rate={rate}", f"--seconds={seconds}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise RuntimeError("the writer ended before it began")
        yield Writer(process)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def replayed(
    listed: Path, certificates: Path, rate: float, seconds: float
) -> Iterator[tuple[str, Writer]]:
    """Serve a recorded list, and changes from ``Writer.begin`` on; see ``replay``. Yields where."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peer.replay", f"--list={listed}",
         f"--certificates={certificates}", f"--rate={rate}", f"--seconds={seconds}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"], Writer(process)
    finally:
        process.kill()
        process.wait()


def _writer(server: KubeApiserver, crawls: int) -> Sequence[str]:
    return (
        sys.executable, "-m", "benchmarks.peer.writer", f"--url={server.url}",
        f"--token={server.token()}", f"--ca-file={server.ca_file}", f"--crawls={crawls}",
    )  # fmt: skip


def _median(rows: Sequence[tuple[float, float, int]], column: int) -> float:
    return statistics.median(row[column] for row in rows)

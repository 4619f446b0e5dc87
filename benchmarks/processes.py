"""The processes that are measured: simulator, exporter, and what the exporter is compared with."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

from benchmarks.scraping import get

_T = TypeVar("_T")

_TICKS: Final = os.sysconf("SC_CLK_TCK")
TIMEOUT: Final = 1800.0
"""Seconds for a process to be ready, however slow the machine."""
_LOOK: Final = 0.001
"""Seconds between looks whether a process waits, of which so many in a row must agree."""
_LOOKS: Final = 20


def resident_bytes(pid: int) -> int:
    """Return what of a process is in memory now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def cpu_seconds(pid: int) -> float:
    """Return what a process has had of processors so far, in seconds, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@dataclass(frozen=True, slots=True)
class Process:
    """A process that listens on 127.0.0.1."""

    pid: int
    port: int
    log: Path

    @property
    def memory(self) -> int:
        """Resident bytes now."""
        return resident_bytes(self.pid)

    @property
    def cpu(self) -> float:
        """Processor seconds so far, user and system."""
        return cpu_seconds(self.pid)

    def wait_until_ready(self) -> None:
        """Wait for ``/readyz`` to say 200."""
        _wait(lambda: get(self.port, "/readyz").status == 200, self.log)


@contextlib.contextmanager
def simulator(crawls: int) -> Iterator[tuple[Process, Path]]:
    """An API server with ``crawls`` static CrawlJobs, and a kubeconfig for it."""
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        arguments = ["--static", f"--crawls={crawls}", f"--kubeconfig={kubeconfig}"]
        with _running("exporter.simulator", arguments, r"http://\S+") as process:
            yield process, kubeconfig


@contextlib.contextmanager
def exporter(
    kubeconfig: Path,
    module: str = "exporter",
    *,
    flags: Sequence[str] = (),
    source: Path | None = None,
) -> Iterator[Process]:
    """The exporter, ready or not, on a free port; ``source`` has the version to run, else ours."""
    arguments = [
        "serve", "--kubeconfig", str(kubeconfig), "--web.listen-address", "127.0.0.1:0", *flags,
    ]  # fmt: skip
    with _running(module, arguments, r"address=(\S+)", source=source) as process:
        yield process


@contextlib.contextmanager
def earlier_version(revision: str) -> Iterator[Path | None]:
    """The exporter's code as it was then; None where git does not have that, as in a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "code.tar"
        found = subprocess.run(
            ["git", "archive", f"--output={archive}", revision, "exporter"], check=False
        )
        if found.returncode:
            yield None
            return
        with tarfile.open(archive) as code:
            code.extractall(folder, filter="data")
        yield Path(folder)


@contextlib.contextmanager
def baseline(crawls: int) -> Iterator[Process]:
    """The same families through a plain custom collector of prometheus_client's."""
    with _running("benchmarks.baseline", [f"--crawls={crawls}"], r"http://\S+") as process:
        yield process


@contextlib.contextmanager
def _running(
    module: str, arguments: list[str], listening: str, *, source: Path | None = None
) -> Iterator[Process]:
    """Run ``python -m module`` until it says where it listens; end it in the end."""
    elsewhere = () if source is None else ("-P",)  # not what is in this folder
    environment = os.environ if source is None else {**os.environ, "PYTHONPATH": str(source)}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *elsewhere, "-m", module, *arguments],
                stdout=output,
                stderr=output,
                env=environment,
            )
        try:
            found = _wait(lambda: _search(listening, process, log), log)
            address = found[found.lastindex or 0]
            port = urlsplit(address if "//" in address else f"//{address}").port
            assert port is not None, address
            yield Process(process.pid, port, log)
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _search(pattern: str, process: subprocess.Popen[bytes], log: Path) -> re.Match[str] | None:
    if process.poll() is not None:
        raise RuntimeError(f"{process.args!r} ended: {log.read_text()}")
    return re.search(pattern, log.read_text())


def _wait(condition: Callable[[], _T | None], log: Path) -> _T:
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionError):
            if met := condition():
                return met
        time.sleep(0.05)  # asking takes of the time that is measured
    raise TimeoutError(f"not ready within {TIMEOUT:.0f} s: {log.read_text()[-2000:]}")


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process stand still that waits: what it was about would seem to take as long."""
    waited = 0
    while waited < _LOOKS:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        waited = waited + 1 if state == "S" else 0
        time.sleep(_LOOK)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)

"""An exporter that is killed and started again, at one address and with one ledger."""

import asyncio
import contextlib
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Final

import aiohttp

from exporter.commands.demo.programs import free_port
from support.chaos import with_clock
from support.exporter_process import Scrape
from support.waiting import PROCESS_TIMEOUT, WAIT_TIMEOUT, until

_LIMITS: Final = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)


class RestartedExporter:
    """One exporter over many lives; ``start`` the first."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.address}"
        self.starts = 0
        self.longest = 0
        """The most bytes that any life has had in memory."""
        self._flags = ("--web.listen-address", self.address, *flags)
        self._clock = folder / "clock"
        self._clock.write_bytes(bytes(8))
        self._log = folder / "exporter.log"
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._file_size = resource.RLIM_INFINITY
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(WAIT_TIMEOUT))

    @property
    def pid(self) -> int:
        """Of this life."""
        assert self._process is not None, "it was started"
        return self._process.pid

    @property
    def log(self) -> str:
        """Of all lives."""
        return self._log.read_text()

    async def start(self) -> None:
        """Begin a life; returns once it listens."""
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(with_clock.__file__), str(self._clock), "exporter"),
            *self._flags,
            stderr=asyncio.subprocess.PIPE,  # a file would be as full as the ledger
        )
        self.starts += 1
        self.limit_file_size(self._file_size)
        assert process.stderr is not None
        listens = asyncio.Event()
        self._reading = asyncio.create_task(self._read(process.stderr, listens))
        await until(
            lambda: listens.is_set() or process.returncode is not None,
            every=0.02,
            within=PROCESS_TIMEOUT,
            otherwise=lambda: self.log[-4000:],
        )
        assert process.returncode is None, self.log[-4000:]

    async def end(self, sign: signal.Signals, status: int) -> None:
        """End this life by a signal, which has to give this exit status."""
        assert self._process is not None
        assert self._reading is not None
        self.memory()
        self._process.send_signal(sign)
        async with asyncio.timeout(PROCESS_TIMEOUT):
            found = await self._process.wait()
            await self._reading
        assert found == status, f"{sign.name}: {found}\n{self.log[-4000:]}"

    async def close(self) -> None:
        """End it in any way, after the test."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading
        await self._session.close()

    # What it is asked

    async def get(self, path: str) -> tuple[int, str] | None:
        """Status and text of a page; None where it cannot be had now."""
        try:
            async with self._session.get(f"{self.url}{path}") as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, OSError):
            return None

    async def scrape(self) -> Scrape | None:
        """All metrics, if they can be had now."""
        found = await self.get("/metrics")
        return Scrape(found[1]) if found is not None and found[0] == 200 else None

    def memory(self) -> int:
        """The most bytes that this life has had in memory so far."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                self.longest = max(self.longest, int(line.split()[1]) * 1024)
        return self.longest

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    # What is done to it

    def send(self, sign: signal.Signals) -> None:
        """Send a signal that does not end it; nothing where it has ended."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(sign)

    def set_clock(self, ahead: float) -> None:
        """Let its wall clock be so many seconds ahead."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", ahead))

    def limit_file_size(self, most: int = resource.RLIM_INFINITY) -> None:
        """Let no file of its grow beyond so many bytes, as on a full disk; by default, none."""
        self._file_size = most
        self._limit(resource.RLIMIT_FSIZE, most)

    def limit_descriptors(self, most: int | None = None) -> None:
        """Let it open no more once it has so many; by default as many as the system lets it."""
        self._limit(resource.RLIMIT_NOFILE, most)

    def _limit(self, which: int, most: int | None) -> None:
        with contextlib.suppress(ProcessLookupError):  # the next life gets what it is to have
            hard = resource.prlimit(self.pid, which)[1]
            resource.prlimit(self.pid, which, (hard if most is None else most, hard))

    async def _read(self, stderr: asyncio.StreamReader, listens: asyncio.Event) -> None:
        with self._log.open("ab", buffering=0) as log:
            while line := await stderr.readline():
                log.write(line)
                if b"msg=listening" in line:
                    listens.set()

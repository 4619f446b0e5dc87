"""The exporter as a process of its own, scraped over HTTP."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from exporter.metrics.catalog import CATALOG, CrawlFamily, Group
from exporter.sources import SOURCES
from support.waiting import PROCESS_TIMEOUT, until

_OF_CRAWLJOBS = {
    family.name
    for family in CATALOG
    if family.group in {Group.FLEET, Group.CRAWL, Group.POD}
    and not (isinstance(family, CrawlFamily) and family.since)
    and not family.source.startswith("the history of")
}

OUT_OF_DESCRIPTORS = "socket.accept() out of system resource"
"""What asyncio logs, with a traceback."""


class Scrape:
    """One exposition: sample lines by series, none of them twice."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.series: dict[str, float] = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                assert name not in self.series, f"twice in one scrape: {name}"
                self.series[name] = float(value)

    def of(self, family: str, **labels: str) -> dict[str, float]:
        """The series of a family that have these labels."""
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return {
            name: value
            for name, value in self.series.items()
            if name.partition("{")[0] == family and all(part in name for part in wanted)
        }

    def value(self, family: str, **labels: str) -> float | None:
        """The value of the one series, None where there is none."""
        found = list(self.of(family, **labels).values())
        assert len(found) <= 1, found
        return found[0] if found else None

    def of_crawljobs(self) -> dict[str, float]:
        """All series that come from CrawlJobs, those of the clock and of history aside."""
        return {
            # An eviction shows as out of memory in the object; who saw it knows better.
            name.replace('exit_reason="evicted"', 'exit_reason="oom"'): value
            for name, value in self.series.items()
            if name.partition("{")[0] in _OF_CRAWLJOBS
        }


@dataclass
class Process:
    """A running exporter."""

    process: asyncio.subprocess.Process
    url: str
    session: aiohttp.ClientSession
    log: Path

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.url}{path}") as response:
            return response.status, await response.text()

    async def scrape(self) -> Scrape:
        status, text = await self.get("/metrics")
        assert status == 200, text
        return Scrape(text)

    async def until(self, condition: Callable[[Scrape], Any]) -> Scrape:
        """Scrape until the condition holds."""

        async def scrape() -> Scrape | None:
            found = await self.scrape()
            return found if condition(found) else None

        return await until(scrape, every=0.05, within=PROCESS_TIMEOUT, otherwise=self._log_end)

    async def until_ready(self) -> None:
        async def ready() -> bool:
            return (await self.get("/readyz"))[0] == 200

        await until(ready, every=0.05, within=PROCESS_TIMEOUT, otherwise=self._log_end)

    def _log_end(self) -> str:
        return f"log:\n{self.log.read_text()[-4000:]}"


Start = Callable[..., Any]

CRAWLJOBS_ALONE: Final = tuple(
    f"--no-source.{source.name}" for source in SOURCES if not source.required
)
"""Flags, for clusters that have nothing else."""


def of_crawljobs_alone(start: Start) -> Start:
    """Start exporters with these flags before others."""

    async def starting(kubeconfig: Path, *flags: str, **more: Any) -> Any:
        return await start(kubeconfig, *CRAWLJOBS_ALONE, *flags, **more)

    return starting


@contextlib.asynccontextmanager
async def exporters(folder: Path) -> AsyncIterator[Start]:
    """Start exporters on a kubeconfig; each ends by SIGTERM, with status 0, at the end."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        number = 0

        async def starting(
            kubeconfig: Path,
            *flags: str,
            listen: str = "127.0.0.1:0",
            within: tuple[str, ...] = (),
        ) -> Process:
            """``within``: a command that runs another one, such as ``env -i``."""
            nonlocal number
            number += 1
            log = folder / f"exporter-{number}.log"
            process = await asyncio.create_subprocess_exec(
                *(*within, sys.executable, "-m", "exporter", "--kubeconfig", str(kubeconfig)),
                *("--web.listen-address", listen, "--log.format", "json", *flags),
                stderr=stack.enter_context(log.open("wb")),
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
            stack.push_async_callback(_ended, process, log)
            return Process(process, await _url(log, process), session, log)

        yield starting


async def _url(log: Path, process: asyncio.subprocess.Process) -> str:
    def listening() -> str | None:
        for line in log.read_text().splitlines():
            if (fields := json.loads(line)).get("msg") == "listening":
                return f"http://{fields['address']}"
        assert process.returncode is None, log.read_text()
        return None

    return await until(listening, every=0.02, within=PROCESS_TIMEOUT, otherwise=log.read_text)


async def _ended(process: asyncio.subprocess.Process, log: Path) -> None:
    if process.returncode is None:  # else the test has ended it, and looked how
        process.terminate()
        async with asyncio.timeout(PROCESS_TIMEOUT):
            assert await process.wait() == 0, log.read_text()
    assert not [
        line
        for line in log.read_text().splitlines()
        if "Traceback" in line and OUT_OF_DESCRIPTORS not in line
    ]

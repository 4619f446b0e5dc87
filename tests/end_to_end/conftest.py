"""The exporter as a process of its own, scraped over HTTP."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.metrics.catalog import CATALOG, CrawlFamily, Group
from exporter.simulator import ApiServer, Cluster

PATIENCE = 30.0
"""Seconds a condition may take to come true on a busy machine."""


_OF_CRAWLJOBS = {
    family.name
    for family in CATALOG
    if family.group in {Group.FLEET, Group.CRAWL, Group.POD}
    and not (isinstance(family, CrawlFamily) and family.since)
}


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
        """All series that come from CrawlJobs, those of the clock aside."""
        return {
            name: value
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while True:
                    scrape = await self.scrape()
                    if condition(scrape):
                        return scrape
                    await asyncio.sleep(0.05)
        raise AssertionError(f"never came true; log:\n{self.log.read_text()[-4000:]}")

    async def until_ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while (await self.get("/readyz"))[0] != 200:
                await asyncio.sleep(0.05)


Start = Callable[..., Any]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start exporters on a kubeconfig; each ends by SIGTERM, with status 0, at the end."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        number = 0

        async def starting(kubeconfig: Path, *flags: str, listen: str = "127.0.0.1:0") -> Process:
            nonlocal number
            number += 1
            log = tmp_path / f"exporter-{number}.log"
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "exporter", "--kubeconfig", str(kubeconfig)),
                *("--web.listen-address", listen, "--log.format", "json", *flags),
                stderr=stack.enter_context(log.open("wb")),
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
            stack.push_async_callback(_ended, process, log)
            return Process(process, await _url(log, process), session, log)

        yield starting


async def _url(log: Path, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        while True:
            for line in log.read_text().splitlines():
                if (fields := json.loads(line)).get("msg") == "listening":
                    return f"http://{fields['address']}"
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.02)


async def _ended(process: asyncio.subprocess.Process, log: Path) -> None:
    if process.returncode is None:  # else the test has ended it, and looked how
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    async with ApiServer(cluster, bookmark_every=0.2) as server:
        yield server

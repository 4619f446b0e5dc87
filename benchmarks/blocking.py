"""How long the event loop is held up at most: by the first list, by a burst, by scrapes."""

import asyncio
import os
import re
import signal
import statistics
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import processes, scraping, sources

_ROUNDS = 5
_BURST = 500


def longest_blocks(simulator: processes.Process, kubeconfig: Path) -> dict[str, float]:
    """Seconds, by occasion; of what is repeated, the median of the rounds' longest."""
    with processes.exporter(kubeconfig, "benchmarks.probe") as exporter:
        _longest(exporter)  # what was before it listened blocked nobody
        exporter.wait_until_ready()
        sources.wait_until_up(exporter.port)
        found = {"the first lists": _longest(exporter)}
        scrapes = []
        bursts = []
        for number in range(_ROUNDS):
            for gzip in (True, False):
                scraping.get(exporter.port, "/metrics", gzip=gzip)
            scrapes.append(_longest(exporter))
            with processes.stopped(exporter.pid):
                asyncio.run(_burst(simulator.port, number))
            scraping.get(exporter.port, "/metrics", gzip=True)
            bursts.append(_longest(exporter))
        found["scrapes"] = statistics.median(scrapes)
        found[f"a burst of {_BURST} changes during a scrape"] = statistics.median(bursts)
    return found


def _longest(process: processes.Process) -> float:
    before = process.log.read_text().count("longest=")
    os.kill(process.pid, signal.SIGUSR1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        values = re.findall(r"longest=(\S+)", process.log.read_text())
        if len(values) > before:
            return float(values[-1])
        time.sleep(0.01)
    raise TimeoutError("the probe does not answer")


async def _burst(port: int, number: int) -> None:
    """Change many CrawlJobs at once."""
    base = f"http://127.0.0.1:{port}/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
    headers = {"Content-Type": "application/merge-patch+json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(base, params={"limit": _BURST}) as response:
            listed = await response.json()
        for item in listed["items"]:
            name = item["metadata"]["name"]
            patch: dict[str, Any] = {"status": {"pagesDone": number}}
            async with session.patch(f"{base}/{name}/status", json=patch) as response:
                response.raise_for_status()

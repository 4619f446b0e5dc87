"""A real Alertmanager for the tests, and what it has."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from exporter.commands.demo import programs
from exporter.commands.demo.configurations import ROUTES, alertmanager_config, shipped
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, WAIT_TIMEOUT, until


@contextmanager
def alertmanager(
    edition: Edition, config: dict[str, Any], folder: Path, *, port: int = 0
) -> Iterator[str]:
    """Run one until the end of the block; gives its URL once it is ready. Port 0 takes a free one.

    It writes to ``folder``; silences and the log of notifications found there are loaded.
    """
    program = programs.alertmanager(edition.require("alertmanager"), folder, config, port=port)
    with (
        program.log.open("wb") as output,
        subprocess.Popen(
            program.command, cwd=program.directory, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_until_ready(f"{program.url}/-/ready", process, program.log)
            yield program.url
        finally:
            process.terminate()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PROCESS_TIMEOUT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=WAIT_TIMEOUT):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"Alertmanager does not get ready: {log.read_text()}")


def routes_by_crawl(url: str) -> dict[str, Any]:
    """The shipped routes, where each event notifies at once, and each crawl for itself.

    What would notify twice does so within a second.
    """
    configuration = alertmanager_config(shipped(ROUTES), url)
    events = configuration["route"]["routes"][0]["routes"][0]
    assert events["matchers"] == ['event="true"']
    for route in (events, *events["routes"]):
        route["group_by"] = ["alertname", "namespace", "oid", "crawl"]
        route["group_wait"] = "0s"
        route["group_interval"] = "1s"
    return configuration


async def event_alerts_in(url: str) -> list[dict[str, Any]]:
    """All event alerts that Alertmanager has."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v2/alerts", params={"filter": 'event="true"'}) as response,
    ):
        found: list[dict[str, Any]] = await response.json()
        return found


async def flushed_again(url: str, groups: int) -> None:
    """Wait until Alertmanager has looked at each group again, and so has logged its notification.

    It sends first and logs then: one that is ended in between notifies twice, and may.
    """

    async def looks() -> float:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
            text = await response.text()
        return next(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith("alertmanager_nflog_queries_total")
        )

    wanted = await looks() + 2 * groups

    async def enough() -> bool:
        return await looks() >= wanted

    await until(enough, every=0.2, within=PROCESS_TIMEOUT)

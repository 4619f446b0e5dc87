"""Writes CrawlJobs to a real API server: all of them once, then random ones at a rate.

A process of its own (``python -m benchmarks.peer.writer``), so that what it costs is nobody
else's. Its results are JSON on standard output, one object a line.
"""

import argparse
import asyncio
import itertools
import json
import random
import ssl
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import aiohttp

from benchmarks.peer.objects import Object, churned, crawljobs

_PATH: Final = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
_CONCURRENCY: Final = 32
_MERGE: Final = {"Content-Type": "application/merge-patch+json"}


async def _fill(session: aiohttp.ClientSession, number: int) -> None:
    work: Iterator[tuple[Object, Object]] = crawljobs(number)

    async def writer() -> None:
        for value, status in work:
            await _send(session, "POST", _PATH, json=value)
            path = f"{_PATH}/{value['metadata']['name']}/status"
            await _send(session, "PATCH", path, json={"status": status}, headers=_MERGE)

    began = time.monotonic()
    await asyncio.gather(*(writer() for _ in range(_CONCURRENCY)))
    _emit(filled=number, seconds=time.monotonic() - began)


async def _churn(session: aiohttp.ClientSession, number: int, rate: float, seconds: float) -> None:
    """Patch random statuses; what each crawl has reached, and when, is the result's last line."""
    known = {value["metadata"]["name"]: status for value, status in crawljobs(number)}
    for name, pages in (await _pages_done(session)).items():
        known[name]["pagesDone"] = pages
    rng = random.Random()
    names = list(known)
    written: list[tuple[str, int, float]] = []
    slots = asyncio.Semaphore(_CONCURRENCY)

    async def write(name: str) -> None:
        try:
            status = churned(rng, known[name])
            path = f"{_PATH}/{name}/status"
            await _send(session, "PATCH", path, json={"status": status}, headers=_MERGE)
            written.append((name, status["pagesDone"], time.time()))
        finally:
            slots.release()

    _emit(ready=len(names))
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for count in itertools.count():
            due = began + count / rate
            if due >= began + seconds or time.monotonic() > began + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await slots.acquire()
            tasks.create_task(write(rng.choice(names)))
    lasted = time.monotonic() - began
    _emit(changes=len(written), seconds=lasted, rate=len(written) / lasted, written=written)


async def _pages_done(session: aiohttp.ClientSession) -> dict[str, int]:
    found: dict[str, int] = {}
    query = {"limit": "500"}
    while True:
        async with session.get(_PATH, params=query) as response:
            page = await response.json()
        for item in page["items"]:
            found[item["metadata"]["name"]] = item["status"]["pagesDone"]
        query["continue"] = page["metadata"].get("continue", "")
        if not query["continue"]:
            return found


async def _send(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> None:
    async with session.request(method, path, **options) as response:
        body = await response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {body[:300]!r}")


def _emit(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer.writer")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--ca-file", required=True)
    parser.add_argument("--crawls", type=int, required=True)
    parser.add_argument("--rate", type=float, help="changes a second; without it, fill")
    parser.add_argument("--seconds", type=float, default=26.0)
    given = parser.parse_args()
    connector = aiohttp.TCPConnector(
        limit=_CONCURRENCY, ssl=ssl.create_default_context(cafile=given.ca_file)
    )
    headers = {"Authorization": f"Bearer {given.token}"}
    async with aiohttp.ClientSession(given.url, connector=connector, headers=headers) as session:
        if given.rate is None:
            await _fill(session, given.crawls)
        else:
            await _churn(session, given.crawls, given.rate, given.seconds)


if __name__ == "__main__":
    asyncio.run(_main())

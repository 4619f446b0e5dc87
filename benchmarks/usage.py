"""What a round of usage costs: ``python -m benchmarks.usage [--pods N]``.

A list of PodMetrics in one body, from a server in a process of its own, is polled by this one:
the processor time of a round in which every figure is new, and the longest turn of the event loop.
What is done with the changes (``crawls``, ``metrics``) comes on top.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from benchmarks.probe import take_longest, time_callbacks
from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.poller import Poller
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from exporter.runtime.garbage_collection import keep_collections_short

_ROUNDS: Final = 6
_INTERVAL: Final = 5.0
"""Seconds; a round takes less."""


def _pod_metrics(number: int, minute: int) -> dict[str, Any]:
    """One pod's, as metrics-server writes them: labels of the pod, and one container."""
    crawl = f"manual-20250521114400-{number // 4:012x}"
    cpu, memory = random.randrange(2 * 10**9), random.randrange(2 * 2**20)
    return {
        "metadata": {
            "name": f"crawl-{crawl}-{number % 4}",
            "namespace": "crawlers",
            "creationTimestamp": f"2025-05-21T12:{minute:02}:15Z",
            "labels": {
                "btrix.org": "11111111-2222-4333-8444-555555555555",
                "btrix.storage": "default",
                "btrix.user": "99999999-2222-4333-8444-555555555555",
                "crawl": crawl,
                "network-policy": "limit-crawler-egress",
                "role": "crawler",
            },
        },
        "timestamp": f"2025-05-21T12:{minute:02}:{number % 60:02}Z",
        "window": "15.083s",
        "containers": [{"name": "crawler", "usage": {"cpu": f"{cpu}n", "memory": f"{memory}Ki"}}],
    }


def _body(pods: int, minute: int) -> bytes:
    value = {
        "kind": "PodMetricsList",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": [_pod_metrics(number, minute) for number in range(pods)],
    }
    return json.dumps(value, separators=(",", ":")).encode()


def _serve(pods: int, port: Connection) -> None:
    """Answer each list with all figures new; send the port that was free."""
    bodies = cycle([_body(pods, minute) for minute in range(2)])

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=next(bodies), content_type="application/json")

    async def listen() -> None:
        app = web.Application()
        app.router.add_get(PODMETRICS_RESOURCE.path("crawlers"), answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(listen())


class _Rounds:
    """Counts what each round hands on, and what it takes."""

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self.seconds: list[float] = []
        self.longest: list[float] = []
        self.changes: list[int] = []
        self._changes = 0
        self._began = time.process_time()

    def on_change(self, change: Change[PodMetrics]) -> None:
        self._changes += not change.deleted

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - as all
        now = time.process_time()
        self.seconds.append(now - self._began)
        self.longest.append(take_longest())
        self.changes.append(self._changes)
        self._began, self._changes = now, 0
        if len(self.seconds) == _ROUNDS:
            self.complete.set()

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """There are none."""

    def on_unknown(self, scope: str) -> None:
        raise AssertionError(f"the lists of {scope} fail")


async def _poll(kubeconfig: Path) -> _Rounds:
    client = await ApiClient.open(kubeconfig)
    keep_collections_short()  # as the exporter does
    rounds = _Rounds()
    poller = Poller(client, PODMETRICS_RESOURCE, "crawlers", rounds, interval=_INTERVAL)
    task = asyncio.create_task(poller.run())
    await rounds.complete.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await client.close()
    return rounds


def _kubeconfig(folder: str, port: int) -> Path:
    value = {
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    path = Path(folder) / "kubeconfig"
    path.write_text(json.dumps(value))
    return path


def figures(pods: int) -> tuple[float, float]:
    """Return processor seconds of a round, and those of the longest turn of the loop.

    Of several rounds the median, the first left out; of the turns the median of the longest.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(pods, there), daemon=True)
    server.start()
    try:
        time_callbacks()
        with tempfile.TemporaryDirectory() as folder:
            rounds = asyncio.run(_poll(_kubeconfig(folder, here.recv())))
    finally:
        server.terminate()
        server.join()
    if rounds.changes != [pods] * _ROUNDS:
        raise AssertionError(f"not every figure was new: {rounds.changes}")
    return statistics.median(rounds.seconds[1:]), statistics.median(rounds.longest[1:])


def main() -> int:
    """Measure and print; the exit status is 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.usage")
    parser.add_argument("--pods", type=int, default=40_000, help="(default: %(default)s)")
    pods: int = parser.parse_args().pods
    seconds, longest = figures(pods)
    print(f"a round of usage over {pods} pods: {seconds:.2f} s of CPU (< 2.5 s)")
    print(f"the event loop was held for at most {longest * 1e3:.1f} ms (< 50 ms)")
    return 0 if seconds < 2.5 and longest < 0.05 else 1


if __name__ == "__main__":
    sys.exit(main())

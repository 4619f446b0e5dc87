"""Killed again and again while hundreds of crawls live: everything is recorded exactly once."""

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from exporter.history.reading import events, finished_crawls
from exporter.simulator import ApiServer, Browsertrix, Cluster
from support.exporter_process import Process, Start
from support.ground_truth import endings, miscounted, served_counts
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("a hundred processes are started and killed", timeout=1800)

KILLS = 100
FINISHED = 200
"""Both at least: how many crawls end between two kills is the machine's business."""
CRAWLS = 12
"""At a time."""


WITHOUT_PODS = "--no-source.pods"
"""So fast, a container ends twice within a second, which is one exit by its time: pod and status
may show another one of the two. With pods: tests/history/test_accounts_with_pods.py."""


class Mortal:
    """An exporter that is started, lives for a random while, and is killed."""

    def __init__(self, kubeconfig: Path, ledger: Path, log: Path) -> None:
        self._command = (
            *(sys.executable, "-m", "exporter", "--kubeconfig", str(kubeconfig)),
            *("--web.listen-address", "127.0.0.1:0", "--history.path", str(ledger)),
            WITHOUT_PODS,
        )
        self._log = log

    async def live_and_die(self, rng: random.Random) -> None:
        with self._log.open("ab") as log:
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *self._command, stderr=asyncio.subprocess.PIPE
            )
            assert process.stderr is not None
            # From before its first list to well into its watch.
            async with asyncio.timeout(PROCESS_TIMEOUT):
                while b"msg=listening" not in (line := await process.stderr.readline()):
                    assert line, self._log.read_text()
                    log.write(line)
            draining = asyncio.create_task(_drain(process.stderr, log))
            # On a busy machine it needs longer for all it does, as it did for its start; else what
            # is to be replayed would grow from life to life.
            started = time.monotonic() - began
            await asyncio.sleep(rng.expovariate(1 / max(0.25, 0.2 * started)))
            process.kill()
            assert await process.wait() == -9, "it was alive until then"
            await draining


async def _drain(stderr: asyncio.StreamReader, log: object) -> None:
    with contextlib.suppress(ConnectionError):
        while line := await stderr.readline():
            log.write(line)  # type: ignore[attr-defined]  # a binary file


async def test_a_hundred_kills_lose_nothing_and_double_nothing(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    rng = random.Random(20261124)
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    ledger = tmp_path / "history.db"
    browsertrix = Browsertrix(
        cluster, seed=11, speed=900, crawls=CRAWLS, pause_limit=4, stale_writes=True, sync_every=60
    )
    # Crawls that ended before the first list of a new ledger are nobody's to know.
    first: Process = await start(kubeconfig, WITHOUT_PODS, "--history.path", str(ledger))
    await first.until_ready()
    first.process.terminate()
    await first.process.wait()
    living = asyncio.create_task(browsertrix.run())
    mortal = Mortal(kubeconfig, ledger, tmp_path / "mortal.log")
    kills = 0
    while kills < KILLS or len(browsertrix.ground_truth.finished) < FINISHED:
        await mortal.live_and_die(rng)
        kills += 1
        assert not living.done(), living
        if rng.random() < 0.1:
            server.faults.cut("reset")

    survivor: Process = await start(kubeconfig, WITHOUT_PODS, "--history.path", str(ledger))
    await survivor.until_ready()
    browsertrix.crawls = 0
    await until(lambda: not browsertrix.active, every=0.1, within=2 * PROCESS_TIMEOUT)
    living.cancel()
    ground_truth = browsertrix.ground_truth
    scrape = await survivor.until(lambda scrape: sum(scrape.of("browsertrix_crawls").values()) == 0)
    assert miscounted(served_counts(scrape), ground_truth) == {}
    recorded = [
        (one.namespace, one.oid, one.crawl, one.state, one.stop_reason, one.finished)
        for one in finished_crawls(ledger)
    ]
    assert (
        len(recorded)
        == len(set(recorded))
        == len(ground_truth.finished) + len(ground_truth.vanished)
    )
    assert {one for one in recorded if one[3] != "unknown"} == endings(ground_truth)
    emitted = Counter(one.uid for one in events(ledger) if one.kind == "finished")
    assert set(emitted) == set(ground_truth.finished)
    assert set(emitted.values()) == {1}, "each end was emitted once"
    for namespace, oid, crawl, state, stop_reason, timestamp in endings(ground_truth):
        assert (
            scrape.value(
                "browsertrix_crawl_finished_timestamp_seconds",
                namespace=namespace, oid=oid, crawl=crawl, state=state, stop_reason=stop_reason,
            )
            == timestamp
        )  # fmt: skip

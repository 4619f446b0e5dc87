"""Killed again and again while hundreds of crawls live: everything is recorded exactly once."""

import asyncio
import random
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from exporter.commands.demo.programs import free_port
from exporter.history.ledger import Ledger
from exporter.history.reading import events, finished_crawls
from exporter.simulator import ApiServer, Browsertrix, Cluster
from support.counters import FINISHED as FINISHED_TOTAL
from support.counters import VANISHED as VANISHED_TOTAL
from support.exporter_process import Process, Start
from support.ground_truth import (
    counted,
    ended_as,
    endings,
    expected_ends,
    miscounted,
    served_counts,
)
from support.hook_calls import Held, calling, hook_flags
from support.mortal import mortal
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow(
    "hundreds of processes are started and killed", timeout=1800, waits=True
)

KILLS = 100
FINISHED = 200
"""Both at least: how many crawls end between two kills is the machine's business."""
CRAWLS = 12
"""At a time."""
HOOK_KILLS = 200
ENDS = {"finished", "vanished"}


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
    first: Process = await start(kubeconfig, "--history.path", str(ledger))
    await first.until_ready()
    first.process.terminate()
    await first.process.wait()
    living = asyncio.create_task(browsertrix.run())
    flags = ("--history.path", str(ledger))
    kills = 0
    async with mortal(kubeconfig, tmp_path / "mortal.log", *flags) as exporter:
        while kills < KILLS or len(browsertrix.ground_truth.finished) < FINISHED:
            await exporter.live_and_die(rng)
            kills += 1
            assert not living.done(), living
            if rng.random() < 0.1:
                server.faults.cut("reset")

    survivor: Process = await start(kubeconfig, "--history.path", str(ledger))
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


async def test_two_hundred_kills_lose_and_double_no_end_that_a_finalizer_waits_for(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> None:
    """Called by metacontroller, which goes on trying while nobody is there.

    It tells states: what of them are missed, nobody promised. Ends are not.
    """
    rng = random.Random(20261128)
    ledger, port = tmp_path / "history.db", free_port()
    flags = (*hook_flags(port), "--history.path", str(ledger))
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    browsertrix = Browsertrix(
        cluster, seed=12, speed=900, crawls=CRAWLS, pause_limit=4, sync_every=300
    )
    ground_truth = browsertrix.ground_truth
    # One for each object: else those that fail would keep it from the new ones, and so fast these
    # are over before they have its finalizer.
    async with calling(cluster, port, workers=50) as controller:
        held = Held(cluster, controller.spec.finalizer).uids
        living = asyncio.create_task(browsertrix.run())
        async with mortal(kubeconfig, tmp_path / "mortal.log", *flags) as exporter:
            for _ in range(HOOK_KILLS):
                await exporter.live_and_die(rng)
                assert not living.done(), living
        survivor: Process = await start(kubeconfig, *flags)
        browsertrix.crawls = 0
        await until(lambda: not browsertrix.active, every=0.1, within=2 * PROCESS_TIMEOUT)
        living.cancel()
        await until(lambda: cluster.count() == 0, every=0.1, within=PROCESS_TIMEOUT)
    assert len(ground_truth.finished) >= FINISHED
    assert len(ground_truth.finished.keys() - held) < 0.1 * len(ground_truth.finished)

    served = served_counts(await survivor.scrape())
    survivor.process.terminate()
    assert await survivor.process.wait() == 0
    with closing(Ledger.open(ledger, cluster=None)) as kept:
        counts = counted(kept)
    recorded = finished_crawls(ledger)
    found = {one.uid: one for one in recorded}
    assert len(found) == len(recorded)
    stated = {uid: one for uid, one in found.items() if one.state != "unknown"}
    expected = expected_ends(ground_truth)
    assert ground_truth.finished.keys() & held <= stated.keys(), "no end was lost"
    assert ground_truth.vanished.keys() & held <= found.keys() - stated.keys()
    assert {uid: ended_as(one) for uid, one in stated.items()} == {
        uid: expected[uid] for uid in stated
    }
    emitted = Counter((one.uid, one.kind) for one in events(ledger) if one.kind in ENDS)
    assert set(emitted.values()) == {1}, "each end was emitted once"
    assert {uid for uid, _ in emitted} == found.keys()
    finished = {key: count for key, count in counts.items() if key[0] == FINISHED_TOTAL}
    assert finished == {key: served[key] for key in served if key[0] == FINISHED_TOTAL}
    assert sum(finished.values()) == len(stated)
    vanished = sum(count for key, count in counts.items() if key[0] == VANISHED_TOTAL)
    assert vanished == len(found) - len(stated)

"""Faults of all kinds at once, at random: every part lives on, and the account is exact.

API server, Alertmanager, disk, clock, signals and clients (``support.chaos.faults``), for as many
seconds as ``CHAOS_SECONDS`` says and from the seed of ``CHAOS_SEED``; without them from one seed
and for two and a half minutes, with the recovery three. The cluster is the simulator's, for only of
its crawls is the ground truth known.
"""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from exporter.history.reading import events, finished_crawls
from exporter.simulator import ApiServer, Browsertrix, Cluster
from support.alert_receiver import Receiver
from support.api_servers import Simulated
from support.chaos.restarted_exporter import RestartedExporter
from support.chaos.running import wreak
from support.chaos.world import StoppableClock, World
from support.ground_truth import endings, expected_notifications
from support.tcp_proxy import TcpProxy
from support.waiting import PROCESS_TIMEOUT, until

SECONDS: Final = float(os.environ.get("CHAOS_SECONDS") or 150)
SEED: Final = int(os.environ.get("CHAOS_SEED") or 1)

pytestmark = pytest.mark.slow(
    "faults for two minutes and a half, and the recovery", timeout=SECONDS + 1200, waits=True
)

CRAWLS: Final = 15
"""At a time."""
MEMORY_LIMIT: Final = 256 * 2**20
"""Bytes of any life, with as few crawls."""
SPARE_DESCRIPTORS: Final = 8
"""A checkpoint's, and those of the scrapes that look."""
PAGED: Final = ("pause_expires", "reaches_size_limit", "fails")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = StoppableClock()
    cluster = Cluster(clock=clock, history=10**6, seed=SEED)
    browsertrix = Browsertrix(
        cluster, seed=SEED, speed=600, pause_limit=4, stale_writes=True, sync_every=60, clock=clock
    )
    async with (
        ApiServer(cluster, bookmark_every=0.2) as server,
        TcpProxy.running(Simulated(server).port) as network,
        Receiver() as alertmanager,
        TcpProxy.running(alertmanager.port) as alert_network,
    ):
        ledger = tmp_path / "ledger" / "history.db"
        ledger.parent.mkdir()
        kubeconfig = Simulated(server).kubeconfig(tmp_path / "kubeconfig", port=network.port)
        exporter = RestartedExporter(
            tmp_path,
            *("--kubeconfig", str(kubeconfig), "--history.path", str(ledger)),
            *("--history.retention", "7d"),  # longer than any jump of the clock
            *("--alertmanager.url", f"http://127.0.0.1:{alert_network.port}"),
        )
        try:
            yield World(
                server, network, browsertrix, clock, alertmanager, alert_network, exporter, ledger
            )
        finally:
            await exporter.close()


async def answers(world: World, path: str) -> None:
    async def well() -> bool:
        return await world.exporter.get(path) == (200, "ok\n")

    await until(
        well, every=0.1, within=PROCESS_TIMEOUT, otherwise=lambda: world.exporter.log[-4000:]
    )


async def test_every_part_outlives_chaos_and_the_account_is_exact(
    world: World, say: Callable[[str], None]
) -> None:
    try:
        say(await outlived(world))
    except BaseException as error:
        error.add_note(f"CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:g}")
        raise


async def outlived(world: World) -> str:
    """Let faults happen, and check everything that has to hold afterwards; what it came to."""
    exporter, browsertrix = world.exporter, world.browsertrix
    await exporter.start()
    # Crawls that ended before the first list of a new ledger are nobody's to know.
    await answers(world, "/readyz")
    descriptors = exporter.descriptors()
    browsertrix.crawls = CRAWLS
    living = asyncio.create_task(browsertrix.run())

    counts = await wreak(world, SECONDS, SEED)

    await answers(world, "/readyz")
    await answers(world, "/livez")
    browsertrix.crawls = 0
    await until(lambda: not browsertrix.active, every=0.1, within=2 * PROCESS_TIMEOUT)
    for kind in PAGED:  # whatever it takes to see these end, and to notify of it, is alive
        browsertrix.start(kind)
    await until(lambda: not browsertrix.active, every=0.1, within=2 * PROCESS_TIMEOUT)
    assert not living.done(), living
    living.cancel()
    async with world.at_rest():
        pass

    scrape = await world.until_scrape(lambda _: True)
    restarts = scrape.of("browsertrix_exporter_task_restarts_total")
    assert len(restarts) >= 5
    assert set(restarts.values()) == {0.0}, restarts
    assert scrape.value("browsertrix_exporter_ledger_failing") == 0

    expected = expected_notifications(browsertrix.ground_truth)
    await until(
        lambda: expected.keys() <= world.alertmanager.notifications().keys(),
        every=0.5,
        within=PROCESS_TIMEOUT,
        otherwise=lambda: str(expected - world.alertmanager.notifications()),
    )
    notified = world.alertmanager.notifications()
    assert {key: n for key, n in notified.items() if "Pod" not in key[0]} == expected
    assert {n for key, n in notified.items() if "Pod" in key[0]} <= {1}

    await until(
        lambda: exporter.descriptors() <= descriptors + SPARE_DESCRIPTORS,
        every=0.1,
        within=PROCESS_TIMEOUT,
    )
    memory = exporter.memory()
    assert memory < MEMORY_LIMIT

    await exporter.end(signal.SIGTERM, 0)
    # Out of descriptors asyncio says so once a second, and a page cannot be made, with a traceback.
    assert [
        line
        for line in exporter.log.splitlines()
        if "Traceback" in line
        and "socket.accept() out of system resource" not in line
        and "Too many open files" not in line
    ] == []
    truth = browsertrix.ground_truth
    recorded = [
        (one.namespace, one.oid, one.crawl, one.state, one.stop_reason, one.finished)
        for one in finished_crawls(world.ledger)
    ]
    assert len(recorded) == len(truth.finished) + len(truth.vanished)
    assert {one for one in recorded if one[3] != "unknown"} == endings(truth)
    emitted = Counter(one.uid for one in events(world.ledger) if one.kind == "finished")
    assert set(emitted.values()) <= {1}, "no end was emitted twice"
    return (
        f"Chaos: {counts.total()} faults of {len(counts)} kinds in {SECONDS:.0f} s, "
        f"{exporter.starts} starts; {len(truth.finished)} ends counted and "
        f"{expected.total()} notified once; at most {memory / 2**20:.0f} MiB; seed {SEED}"
    )

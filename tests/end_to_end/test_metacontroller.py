"""The exporter as a process that metacontroller calls: each end is recorded and told once.

The cluster and metacontroller are the simulator's. Killed two hundred times: ``test_crash``;
alerts that come either way: ``test_notified_once``.
"""

import asyncio
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.commands.demo.programs import free_port
from exporter.commands.demo.receiver import receiver
from exporter.history.reading import events, finished_crawls
from exporter.simulator import ApiServer, Browsertrix, Cluster
from exporter.simulator.apiserver.encoding import stamp
from support.alert_receiver import Receiver
from support.alertmanager import alertmanager, flushed_again, routes_by_crawl
from support.crawl_writes import delete_crawl, patch_status
from support.exporter_process import CRAWLJOBS_ALONE, Process, Scrape, Start
from support.factories import NAMESPACE, OID, crawljob
from support.ground_truth import ended_as, expected_ends
from support.hook_calls import Held, calling, finalizers_of, hook_flags
from support.inbox import Inbox
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)

FAILED: Final = "BrowsertrixCrawlFailed"
ENDS: Final = {"finished", "vanished"}
OURS: Final = "metacontroller.io/decoratorcontroller-browsertrix-exporter"
CRAWLS: Final = 30
"""At a time."""


def begin(cluster: Cluster, *crawls: str) -> None:
    for crawl in crawls:
        cluster.create(crawljob(crawl=crawl))


def fail(cluster: Cluster, crawl: str) -> None:
    patch_status(cluster, crawl, state="failed", finished=stamp(time.time()))


def exists(cluster: Cluster, crawl: str) -> bool:
    return cluster.exists(NAMESPACE, f"crawljob-{crawl}")


def is_held(cluster: Cluster, crawl: str) -> bool:
    return OURS in finalizers_of(cluster, NAMESPACE, f"crawljob-{crawl}")


async def end(exporter: Process, number: int = signal.SIGKILL) -> None:
    exporter.process.send_signal(number)
    assert await exporter.process.wait() == (-9 if number == signal.SIGKILL else 0)


def total(scrape: Scrape) -> float:
    return sum(scrape.of("browsertrix_crawls_finished_total").values())


# -- an account


@pytest.mark.slow("crawls for more than a minute", timeout=600, waits=True)
@pytest.mark.parametrize("finalize", [True, False], ids=["finalizer", "none"])
async def test_of_crawls_at_speed_each_end_is_recorded_once(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path, *, finalize: bool
) -> None:
    """Without a finalizer: as what it was, if metacontroller told of that before it was gone.

    Whoever was told of and is gone without an end has vanished; nobody is counted twice.
    """
    chaos = random.Random(1)
    ledger, port = tmp_path / "history.db", free_port()
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    exporter: Process = await start(
        kubeconfig, *hook_flags(port, finalize=finalize), f"--history.path={ledger}"
    )
    browsertrix = Browsertrix(cluster, seed=2, speed=150, sync_every=1200, pause_limit=8)
    truth = browsertrix.ground_truth
    async with calling(cluster, port, finalize=finalize) as controller:
        with_finalizer = Held(cluster, OURS).uids
        await exporter.until_ready()
        browsertrix.crawls = CRAWLS
        living = asyncio.create_task(browsertrix.run())
        while len(truth.finished) < CRAWLS:
            controller.faults.duplicates += chaos.randrange(3)
            controller.faults.overtaken += chaos.randrange(3)
            controller.faults.delay = chaos.choice((0.0, 0.0, 0.01))
            await asyncio.sleep(0.1)
            assert not living.done(), living
        browsertrix.crawls = 0
        await until(lambda: not browsertrix.active, every=0.1, within=PROCESS_TIMEOUT)
        living.cancel()
        await until(lambda: cluster.count() == 0, every=0.1, within=PROCESS_TIMEOUT)
        scrape = await exporter.until(lambda scrape: not scrape.of("browsertrix_crawl_info"))
    await end(exporter, signal.SIGTERM)
    recorded = {one.uid: one for one in finished_crawls(ledger)}
    stated = {uid: one for uid, one in recorded.items() if one.state != "unknown"}
    expected = expected_ends(truth)
    assert {uid: ended_as(one) for uid, one in stated.items()} == {
        uid: expected[uid] for uid in stated
    }
    if finalize:
        assert with_finalizer & truth.finished.keys() <= stated.keys(), "no end was lost"
        assert with_finalizer & truth.vanished.keys() <= recorded.keys() - stated.keys()
    assert stated, "how many are told of in time is the machine's business"
    emitted = Counter(one.uid for one in events(ledger) if one.kind in ENDS)
    assert emitted == dict.fromkeys(recorded, 1)
    assert total(scrape) == len(stated)
    assert scrape.value("browsertrix_crawls_vanished_total") == len(recorded) - len(stated)


# -- alerts


async def test_a_crawl_first_heard_of_when_it_is_finalized_notifies_once_over_kills(
    server: ApiServer, cluster: Cluster, start: Start, edition: Edition, tmp_path: Path
) -> None:
    inbox = Inbox("alertname", "crawl")
    port, alertmanager_port = free_port(), free_port()
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    flags = (
        *hook_flags(port),
        f"--alertmanager.url=http://127.0.0.1:{alertmanager_port}",
        f"--history.path={tmp_path / 'history.db'}",
    )
    async with calling(cluster, port), receiver(inbox.take) as webhook:
        begin(cluster, "known", "last")
        exporter: Process = await start(kubeconfig, *flags)
        await exporter.until_ready()
        await end(exporter)

        begin(cluster, "unheard")
        await until(lambda: is_held(cluster, "unheard"))
        for crawl in ("known", "unheard"):
            fail(cluster, crawl)
            delete_crawl(cluster, crawl)
            assert finalizers_of(cluster, NAMESPACE, f"crawljob-{crawl}") == [OURS]

        # Nothing but the ledger knows of them after this: Alertmanager is not there yet.
        exporter = await start(kubeconfig, *flags)
        await until(
            lambda: not exists(cluster, "known") and not exists(cluster, "unheard"),
            within=PROCESS_TIMEOUT,
        )
        await end(exporter)

        expected = {(FAILED, "known"), (FAILED, "unheard")}
        with alertmanager(
            edition, routes_by_crawl(webhook), tmp_path, port=alertmanager_port
        ) as url:
            exporter = await start(kubeconfig, *flags)
            await until(lambda: expected <= set(inbox.at), within=PROCESS_TIMEOUT)
            await flushed_again(url, len(expected))
            await end(exporter)
            exporter = await start(kubeconfig, *flags)
            await exporter.until_ready()
            fail(cluster, "last")
            await inbox.first(FAILED, "last")
            await flushed_again(url, len(expected) + 1)
        assert total(await exporter.scrape()) == 3
    assert inbox.counts == dict.fromkeys(expected | {(FAILED, "last")}, 1)


# -- from one to the other


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["ended", "killed"])
async def test_a_watch_and_metacontroller_take_turns_and_nothing_is_told_twice_or_vanishes(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path, number: int
) -> None:
    port, ledger = free_port(), tmp_path / "history.db"
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    names = ["watched", "between", "called", "between-again", "watched-again", "goes-on"]
    watched, between, called, between_again, watched_again, goes_on = names
    begin(cluster, *names)

    async with Receiver() as alerts:
        common = (*CRAWLJOBS_ALONE, f"--history.path={ledger}", f"--alertmanager.url={alerts.url}")

        def shows(finished: int, *there: str) -> Any:
            def shown(scrape: Scrape) -> bool:
                info = scrape.of("browsertrix_crawl_info")
                return (
                    total(scrape) == finished
                    and len(info) == len(there)
                    and all(scrape.of("browsertrix_crawl_info", crawl=crawl) for crawl in there)
                )

            return shown

        exporter: Process = await start(kubeconfig, *common)
        await exporter.until_ready()
        fail(cluster, watched)
        delete_crawl(cluster, watched)
        await exporter.until(shows(1, *names[1:]))
        await end(exporter, number)

        fail(cluster, between)  # while nobody looks
        async with calling(cluster, port):
            exporter = await start(kubeconfig, *common, *hook_flags(port))
            await exporter.until_ready()
            scrape = await exporter.until(shows(2, *names[1:]))
            assert scrape.value("browsertrix_crawls_vanished_total") == 0
            fail(cluster, called)
            for crawl in (between, called):
                delete_crawl(cluster, crawl)
            await until(lambda: not exists(cluster, between) and not exists(cluster, called))
            await exporter.until(shows(3, *names[3:]))
        async with calling(cluster, port, finalize=False):  # as one gets rid of it
            await until(lambda: not any(is_held(cluster, crawl) for crawl in names[3:]))
        await end(exporter, number)

        fail(cluster, between_again)
        exporter = await start(kubeconfig, *common)
        await exporter.until_ready()
        scrape = await exporter.until(shows(4, *names[3:]))
        of_watch = {"source": "crawljobs"}
        assert scrape.value("browsertrix_exporter_lists_total", **of_watch) == 1
        failures = scrape.of("browsertrix_exporter_list_failures_total", **of_watch)
        failures |= scrape.of("browsertrix_exporter_watch_reconnects_total", **of_watch)
        assert set(failures.values()) <= {0}, "there was nothing to take up, and so no error"
        fail(cluster, watched_again)
        for crawl in (between_again, watched_again):
            delete_crawl(cluster, crawl)
        scrape = await exporter.until(shows(5, goes_on))
        assert scrape.value("browsertrix_crawls_vanished_total") == 0
        expected = {(FAILED, NAMESPACE, OID, crawl): 1 for crawl in names[:-1]}
        await until(lambda: len(alerts.notifications()) == len(expected), within=PROCESS_TIMEOUT)
        assert alerts.notifications() == expected
    emitted = Counter((one.crawl, one.kind) for one in events(ledger) if one.kind in ENDS)
    assert emitted == {(crawl, "finished"): 1 for crawl in names[:-1]}

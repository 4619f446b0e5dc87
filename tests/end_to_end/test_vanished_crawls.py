"""Crawls that end while the exporter is dead: Browsertrix says how, once, and so do the alerts.

The exporter is a process, it asks the simulator's Browsertrix over real HTTP, and posts to an
Alertmanager. The API server has forgotten what happened meanwhile, so that no watch can tell.
"""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix_api import Accounts, BrowsertrixServer, Database, User
from exporter.simulator.browsertrix_api.accounts import DEFAULT_PASSWORD, SUPERADMIN
from exporter.simulator.browsertrix_api.people import MARKS
from support.alert_receiver import Receiver
from support.crawl_writes import delete_crawl
from support.exporter_process import CRAWLJOBS_ALONE, Process, Scrape, Start
from support.factories import NAMESPACE, OID, crawljob
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)

FINISHED: Final = "browsertrix_crawl_finished_timestamp_seconds"
LEARNED: Final = "browsertrix_crawl_end_learned_timestamp_seconds"
PENDING: Final = "browsertrix_exporter_pending_ends"
FAILED: Final = "BrowsertrixCrawlFailed"
SIZE_LIMIT: Final = "BrowsertrixCrawlSizeLimitReached"
CANNOT: Final = "cannot be asked how vanished crawls ended"
LATE: Final = 5 * 3600
"""Seconds before it is asked for."""
CRAWLS: Final = ("late", "full", "erased", "alive")


class Installation:
    """A cluster, and the Browsertrix that has the records of its crawls."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.database = Database(time.time)
        self._statuses: dict[str, dict[str, Any]] = {}
        for crawl in CRAWLS:
            made = crawljob(crawl=crawl, metadata={"finalizers": None})
            cluster.create(made)
            self._statuses[crawl] = made["status"] = dict(made["status"])
            self.database.add_crawljob(made)

    def end(self, crawl: str, **status: Any) -> None:
        """It ends, as its record has it, and its object is gone."""
        self._statuses[crawl].update(status)
        delete_crawl(self.cluster, crawl)


@pytest.fixture
def installation(cluster: Cluster) -> Installation:
    return Installation(cluster)


@pytest.fixture
async def browsertrix(installation: Installation) -> AsyncIterator[BrowsertrixServer]:
    accounts = Accounts(User(email=SUPERADMIN, password=DEFAULT_PASSWORD), clock=time.time)
    async with BrowsertrixServer(installation.database, accounts) as found:
        yield found


async def killed(exporter: Process) -> None:
    exporter.process.kill()
    assert await exporter.process.wait() == -9


def total(scrape: Scrape, state: str, stop_reason: str = "") -> float | None:
    counter = "browsertrix_crawls_finished_total"
    return scrape.value(counter, state=state, stop_reason=stop_reason)


def starts(receiver: Receiver, alert: str) -> set[float]:
    return {
        datetime.fromisoformat(one["startsAt"]).timestamp()
        for one in receiver.taken
        if one["labels"]["alertname"] == alert
    }


def assert_nothing_of_people(folder: Path, scrape: Scrape) -> None:
    kept = b"".join(file.read_bytes() for file in folder.glob("history.db*"))
    assert b"late" in kept
    for mark in MARKS:
        assert mark.encode() not in kept
        assert mark not in scrape.text


def assert_told(scrape: Scrape, now: float) -> None:
    """All three ends, each as what it was, in the series and once in the counters."""
    late = {"crawl": "late", "state": "failed", "stop_reason": ""}
    full = {"crawl": "full", "state": "complete", "stop_reason": "size-limit"}
    assert scrape.value(FINISHED, **late) == now - LATE
    assert scrape.value(FINISHED, **full) == now
    assert (scrape.value(LEARNED, **late) or 0) >= now
    assert scrape.value(FINISHED, crawl="erased", state="deleted") is not None
    assert total(scrape, "failed") == 1
    assert total(scrape, "complete", "size-limit") == 1
    assert total(scrape, "complete") == 0
    assert scrape.value("browsertrix_crawls_vanished_total") == 1, "the erased one"
    lengths = scrape.of("browsertrix_crawl_duration_seconds_count")
    assert sum(lengths.values()) == 2, "not of the erased one"
    restarts = "browsertrix_exporter_task_restarts_total"
    assert scrape.value(restarts, task="vanished crawls") == 0


async def test_it_ends_while_nobody_looks_and_is_told_and_alerted_once_as_what_it_was(
    server: ApiServer,
    installation: Installation,
    browsertrix: BrowsertrixServer,
    start: Start,
    tmp_path: Path,
) -> None:
    cluster, ledger = installation.cluster, tmp_path / "history.db"
    (tmp_path / "password").write_text(DEFAULT_PASSWORD)
    async with Receiver() as receiver:
        flags = (
            f"--browsertrix.url={browsertrix.url}",
            f"--browsertrix.username={SUPERADMIN}",
            f"--browsertrix.password-file={tmp_path / 'password'}",
            "--browsertrix.interval=5s",
            f"--alertmanager.url={receiver.url}",
            f"--history.path={ledger}",
            *CRAWLJOBS_ALONE,
        )
        kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
        exporter = await start(kubeconfig, *flags)
        await exporter.until(lambda scrape: len(scrape.of("browsertrix_crawl_info")) == 4)
        await exporter.until(lambda scrape: scrape.value(PENDING) == 0)
        await killed(exporter)

        now = float(int(time.time()))
        installation.end("late", state="failed", finished=stamp(now - LATE))
        installation.end("full", state="complete", finished=stamp(now), size=100 * 2**30)
        installation.end("erased", state="complete", finished=stamp(now), size=100 * 2**30)
        installation.database.delete_crawl("erased")
        cluster.compact()

        # Browsertrix is away as well; killed meanwhile, the exporter goes on asking after that.
        await browsertrix.stop()
        exporter = await start(kubeconfig, *flags)
        scrape = await exporter.until(lambda scrape: scrape.value(PENDING) == 3)
        log = exporter.log
        await until(lambda: CANNOT in log.read_text(), within=PROCESS_TIMEOUT)
        assert not scrape.of(FINISHED)
        await killed(exporter)
        await browsertrix.start()
        exporter = await start(kubeconfig, *flags)
        scrape = await exporter.until(
            lambda scrape: scrape.value(PENDING) == 0 and len(scrape.of(FINISHED)) == 3
        )

        assert_told(scrape, now)
        learned = scrape.value(LEARNED, crawl="late")
        expected = {(FAILED, NAMESPACE, OID, "late"): 1, (SIZE_LIMIT, NAMESPACE, OID, "full"): 1}
        await until(lambda: receiver.notifications() == expected, within=PROCESS_TIMEOUT)

        sent, asked = len(receiver.posts), browsertrix.count("crawl")
        await killed(exporter)
        exporter = await start(kubeconfig, *flags)
        await exporter.until_ready()
        await until(lambda: len(receiver.posts) > sent, within=PROCESS_TIMEOUT)
        scrape = await exporter.scrape()
        assert_told(scrape, now)
        assert scrape.value(LEARNED, crawl="late") == learned
        assert browsertrix.count("crawl") == asked
    assert receiver.notifications() == expected
    assert starts(receiver, SIZE_LIMIT) == {now}
    assert {int(one) for one in starts(receiver, FAILED)} == {int(learned or 0)}
    assert_nothing_of_people(tmp_path, scrape)

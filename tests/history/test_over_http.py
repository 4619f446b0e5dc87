"""The recorder behind a real reflector and a faulty API server: every count is the true one."""

import asyncio
import random
from pathlib import Path

import pytest

from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import Kubeconfig
from exporter.cluster.reflector import Reflector
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.runtime.backoff import Backoff
from exporter.simulator import ApiServer
from exporter.sources import CRAWLJOBS
from support import counters
from support.crawl_history import Clock, kill
from support.factories import NAMESPACE
from support.ground_truth import (
    counted,
    expected_counts,
    expected_ends,
    installation,
    paused,
    remembered,
    run,
)
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow(
    "thousands of events, and replays that may have to be given up", waits=True
)


class Exporter:
    """A recorder behind a reflector; ``stop`` it, and ``start`` it again from its ledger."""

    def __init__(self, server: ApiServer, folder: Path, clock: Clock) -> None:
        self._server = server
        self._folder = folder
        self._clock = clock

    async def start(self) -> None:
        self.ledger = Ledger.open(self._folder / "history.db", clock=self._clock)
        recorder = HistoryRecorder(self.ledger, (NAMESPACE,), self._clock)
        kubeconfig = self._server.write_kubeconfig(self._folder / "kubeconfig")
        self._connection = ApiClient(Kubeconfig([kubeconfig], None))
        await self._connection.refresh_credentials()
        self.reflector = Reflector(
            self._connection,
            CRAWLJOB_RESOURCE,
            NAMESPACE,
            CrawlJoin(recorder),
            resume=self.ledger.resume_point(CRAWLJOBS.name, NAMESPACE),
            backoff=Backoff(first=0.01, most=0.02),
        )
        self._task = asyncio.create_task(self.reflector.run())

    async def caught_up(self) -> None:
        """Wait until everything was handled."""
        cluster = self._server.cluster

        def handled() -> bool:
            point = self.ledger.resume_point(CRAWLJOBS.name, NAMESPACE)
            return (
                self.reflector.synced
                and point is not None
                and int(point.resource_version) >= cluster.resource_version
            )

        # It is synced after a replay, which may last until the product gives it up.
        await until(handled, within=PROCESS_TIMEOUT)

    async def stop(self, *, killed: bool) -> None:
        """End; when ``killed`` what is not on disk is lost."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.close()
        if killed:
            kill(self.ledger)
        else:
            self.ledger.close()


async def test_streams_cut_and_events_sent_again_change_no_count(tmp_path: Path) -> None:
    clock, cluster, browsertrix = installation(5)
    chaos = random.Random(5)
    browsertrix.crawls = 8
    async with ApiServer(cluster, bookmark_every=0.02) as server:
        exporter = Exporter(server, tmp_path, clock)
        await exporter.start()
        faults = (
            lambda: server.faults.cut("clean"),
            lambda: server.faults.cut("mid-line"),
            lambda: server.faults.resend(40),
            lambda: server.faults.duplicate(5),
            server.faults.invalid_line,
        )
        await exporter.caught_up()  # what happened before the first list is not counted by anybody
        browsertrix.step(clock.now)
        while browsertrix.next_due is not None:
            run(browsertrix, clock, lambda: None, 150)
            if len(browsertrix.ground_truth.finished) >= 10:
                browsertrix.crawls = 0
            await exporter.caught_up()
            chaos.choice(faults)()
            if chaos.random() < 0.3:
                server.faults.expire_streams()
                cluster.advance()
                await exporter.caught_up()  # what happens between a 410 and the list is lost
        await exporter.caught_up()
        await exporter.stop(killed=False)
    assert counted(exporter.ledger) == expected_counts(browsertrix.ground_truth)
    assert remembered(exporter.ledger) == expected_ends(browsertrix.ground_truth)


async def test_what_happened_in_downtimes_is_replayed_and_counted(tmp_path: Path) -> None:
    """Also where the replay itself is cut, doubled, or ended by a kill."""
    clock, cluster, browsertrix = installation(6)
    chaos = random.Random(6)
    browsertrix.crawls = 8
    for kind in ("pauses_and_resumes", "is_evicted", "pause_expires"):
        browsertrix.start(kind)
    ground_truth = browsertrix.ground_truth
    missed = {"ends": 0, "exits": 0, "evictions": 0, "pauses": 0, "resumes": 0}

    def happened() -> dict[str, int]:
        return {
            "ends": len(ground_truth.finished),
            "exits": ground_truth.exits.total(),
            "evictions": ground_truth.evictions.total(),
            "pauses": ground_truth.pauses.total(),
            "resumes": ground_truth.resumes.total(),
        }

    async with ApiServer(cluster, bookmark_every=0.02) as server:
        exporter = Exporter(server, tmp_path, clock)
        await exporter.start()
        await exporter.caught_up()
        browsertrix.step(clock.now)
        while browsertrix.next_due is not None:
            run(browsertrix, clock, lambda: None, chaos.randrange(200))
            if chaos.random() < 0.7:
                await exporter.caught_up()
            await exporter.stop(killed=chaos.random() < 0.7)
            before = happened()
            run(browsertrix, clock, lambda: None, chaos.randrange(800))
            for name, count in happened().items():
                missed[name] += count - before[name]
            if len(ground_truth.finished) >= 12:
                browsertrix.crawls = 0
            server.faults.duplicate(chaos.choice((0, 50)))
            if chaos.random() < 0.3:
                server.faults.refuse(503, 2, only="watch")
            await exporter.start()
            if chaos.random() < 0.3:
                await asyncio.sleep(0.05)
                server.faults.cut(chaos.choice(("clean", "mid-line", "reset")))
            if chaos.random() < 0.7:
                await exporter.caught_up()
        await exporter.caught_up()
        await exporter.stop(killed=False)
    assert counted(exporter.ledger) == expected_counts(ground_truth)
    assert remembered(exporter.ledger) == expected_ends(ground_truth)
    assert paused(exporter.ledger) == dict(+ground_truth.paused_seconds)
    assert all(missed.values()), missed


async def test_a_downtime_that_the_server_has_forgotten_makes_the_missing_vanish(
    tmp_path: Path,
) -> None:
    clock, cluster, browsertrix = installation(3)
    browsertrix.crawls = 10
    async with ApiServer(cluster, bookmark_every=0.02) as server:
        exporter = Exporter(server, tmp_path, clock)
        await exporter.start()
        run(browsertrix, clock, lambda: None, 400)
        await exporter.caught_up()
        await exporter.stop(killed=False)
        alive = {uid for uid, baseline in exporter.ledger.baselines.items() if not baseline.ending}
        browsertrix.crawls = 0
        run(browsertrix, clock, lambda: None, 3000)
        cluster.compact()
        await exporter.start()
        await exporter.caught_up()
        there = {one["metadata"]["uid"] for one in cluster.objects()}
        finished = exporter.ledger.finished_crawls
        assert {uid for uid, one in finished.items() if one.state == "unknown"} == alive - there
        assert alive - there
        assert counted(exporter.ledger)[counters.VANISHED, (NAMESPACE,)] == len(alive - there)
        assert exporter.reflector.stats.lists == 1
        await exporter.stop(killed=True)

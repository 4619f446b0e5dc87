"""Simulated scenarios, watched through kills and downtime: every count equals the ground truth.

The simulator keeps a ground truth of what a perfect recorder of the wire would count. Its statuses
step back; the recorder is killed at random between any two events and replays what it has not on
disk, and more.
"""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from exporter.cluster.changes import Change
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.lookup import VanishedCrawls
from exporter.history.reading import events
from exporter.history.recorder import HistoryRecorder
from exporter.resources.crawljob import parse_json
from exporter.simulator import Cluster
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from exporter.sources import CRAWLJOBS
from support import counters
from support.crawl_history import Clock, kill
from support.crawl_records import Records, record_of
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
from support.virtual_time import in_virtual_time

pytestmark = pytest.mark.slow("thousands of events, and a ledger written for each")


class Exporter:
    """A recorder that follows a cluster in-process, as the reflector would have it."""

    def __init__(
        self, cluster: Cluster, path: Path, clock: Clock, *, hold_back: bool = False
    ) -> None:
        self._hold_back = hold_back
        self._cluster = cluster
        self._path = path
        self._clock = clock
        self._version = 0
        self.start()

    def start(self) -> None:
        """Open the ledger, list, replay from its resume point, and be synced."""
        self.ledger = Ledger.open(self._path, clock=self._clock, retention=10**9)
        recorder = HistoryRecorder(
            self.ledger, (NAMESPACE,), self._clock, hold_back=self._hold_back
        )
        self._crawls = CrawlJoin(recorder)
        resume_point = self.ledger.resume_point(CRAWLJOBS.name, NAMESPACE)
        version = 0 if resume_point is None else int(resume_point.resource_version)
        listed = self._cluster.snapshot()
        if version < self._cluster.compacted_version:  # 410
            version = listed.version
        for stored in listed.objects:
            if stored.version <= version:
                self._crawls.on_change(Change(NAMESPACE, None, parse_json(stored.data)))
        self._version = version
        self.follow()
        self._crawls.on_synced(NAMESPACE, str(self._version))

    def follow(self, most: int = 10**9) -> None:
        """Handle up to so many events."""
        for event in self._cluster.since(self._version, most):
            deleted = event.type == "DELETED"
            self._crawls.on_change(Change(NAMESPACE, None, parse_json(event.after.data), deleted))
            self._version = event.version

    def bookmark(self) -> None:
        self._crawls.on_bookmark(NAMESPACE, str(self._version))

    def kill(self) -> None:
        """End at once: what is not on disk is lost."""
        kill(self.ledger)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_is_counted_as_it_was(scenario: str, tmp_path: Path) -> None:
    clock, cluster, browsertrix = installation(7)
    for _ in range(2):
        browsertrix.start(scenario)
    exporter = Exporter(cluster, tmp_path / "ledger", clock)
    run(browsertrix, clock, exporter.follow)
    assert counted(exporter.ledger) == expected_counts(browsertrix.ground_truth)
    assert remembered(exporter.ledger) == expected_ends(browsertrix.ground_truth)
    assert paused(exporter.ledger) == dict(+browsertrix.ground_truth.paused_seconds)
    exporter.kill()


@pytest.mark.parametrize("seed", range(3))
def test_kills_between_any_two_events_change_no_count(tmp_path: Path, seed: int) -> None:
    chaos = random.Random(seed)
    clock, cluster, browsertrix = installation(seed)
    browsertrix.crawls = 5
    path = tmp_path / "ledger"
    exporter = Exporter(cluster, path, clock)
    kills = 0

    def between() -> None:
        nonlocal exporter, kills
        if len(browsertrix.ground_truth.finished) >= 9:
            browsertrix.crawls = 0
        dice = chaos.random()
        if dice < 0.02:
            exporter.follow(chaos.randrange(3))  # killed between two changes
            exporter.kill()
            kills += 1
            exporter = Exporter(cluster, path, clock)
        elif dice < 0.03:
            exporter.kill()
            kills += 1
            run(browsertrix, clock, lambda: None, chaos.randrange(300))
            exporter = Exporter(cluster, path, clock)
        else:
            exporter.follow()
            if dice < 0.1:
                exporter.bookmark()
            elif dice < 0.2:
                exporter.ledger.expire()
                exporter.ledger.flush()

    run(browsertrix, clock, between)
    exporter.follow()
    assert len(browsertrix.ground_truth.finished) >= 9
    assert kills
    assert counted(exporter.ledger) == expected_counts(browsertrix.ground_truth)
    assert remembered(exporter.ledger) == expected_ends(browsertrix.ground_truth)
    exporter.ledger.close()
    exporter = Exporter(cluster, path, clock)
    assert counted(exporter.ledger) == expected_counts(browsertrix.ground_truth)
    assert remembered(exporter.ledger) == expected_ends(browsertrix.ground_truth)
    log = Counter(one.uid for one in events(path) if one.kind == "finished")
    assert log == dict.fromkeys(browsertrix.ground_truth.finished, 1)
    exporter.kill()


def test_two_exporters_of_which_one_was_often_down_agree(tmp_path: Path) -> None:
    clock, cluster, browsertrix = installation(11)
    browsertrix.crawls = 8
    steady = Exporter(cluster, tmp_path / "steady", clock)
    shaky = Exporter(cluster, tmp_path / "shaky", clock)
    steps = 0

    def between() -> None:
        nonlocal shaky, steps
        steps += 1
        if len(browsertrix.ground_truth.finished) >= 9:
            browsertrix.crawls = 0
        steady.follow()
        if steps % 200 == 0:
            shaky.kill()
            shaky = Exporter(cluster, tmp_path / "shaky", clock)

    run(browsertrix, clock, between)
    shaky.follow()

    assert len(said(steady)) >= 9
    assert said(steady) == said(shaky)
    assert counted(steady.ledger) == counted(shaky.ledger)
    for exporter in (steady, shaky):
        exporter.kill()


def said(exporter: Exporter) -> set[tuple[str, str, str, float, float]]:
    return {
        (one.uid, one.state, one.stop_reason, one.finished, one.paused_seconds)
        for one in exporter.ledger.finished_crawls.values()
    }


def test_an_exporter_that_was_down_when_a_crawl_was_resumed_knows_for_how_long_it_was_paused(
    tmp_path: Path,
) -> None:
    clock, cluster, browsertrix = installation(4)
    ground_truth = browsertrix.ground_truth
    browsertrix.start("pauses_and_resumes")
    steady = Exporter(cluster, tmp_path / "steady", clock)
    shaky = Exporter(cluster, tmp_path / "shaky", clock)
    down_since = 0.0

    def between() -> None:
        nonlocal down_since
        steady.follow()
        if not ground_truth.resumes:
            shaky.follow()
        elif not down_since:
            shaky.kill()
            down_since = clock.now

    run(browsertrix, clock, between)
    shaky = Exporter(cluster, tmp_path / "shaky", clock)
    assert clock.now - down_since > 10
    assert said(steady) == said(shaky)
    assert ground_truth.paused_seconds.total() > 0
    assert paused(shaky.ledger) == ground_truth.paused_seconds
    for exporter in (steady, shaky):
        exporter.kill()


def test_after_compaction_what_is_missing_has_vanished(tmp_path: Path) -> None:
    clock, cluster, browsertrix = installation(3)
    browsertrix.crawls = 10
    path = tmp_path / "ledger"
    exporter = Exporter(cluster, path, clock)
    run(browsertrix, clock, exporter.follow, 400)
    exporter.ledger.flush()
    exporter.kill()
    before = {uid for uid, baseline in exporter.ledger.baselines.items() if baseline.ending is None}
    browsertrix.crawls = 0
    run(browsertrix, clock, lambda: None, 3000)
    cluster.compact()
    exporter = Exporter(cluster, path, clock)
    there = {one["metadata"]["uid"] for one in cluster.objects()}
    vanished = {
        uid for uid, one in exporter.ledger.finished_crawls.items() if one.state == "unknown"
    }
    assert vanished
    assert vanished == before - there
    assert counted(exporter.ledger)[counters.VANISHED, (NAMESPACE,)] == len(vanished)
    exporter.kill()


def test_after_compaction_browsertrix_says_how_what_is_missing_ended(tmp_path: Path) -> None:
    clock, cluster, browsertrix = installation(3)
    browsertrix.crawls = 10
    path = tmp_path / "ledger"
    exporter = Exporter(cluster, path, clock, hold_back=True)
    run(browsertrix, clock, exporter.follow, 400)
    exporter.ledger.flush()
    exporter.kill()
    browsertrix.crawls = 0
    run(browsertrix, clock, lambda: None)
    cluster.compact()
    for _ in range(2):
        exporter = Exporter(cluster, path, clock, hold_back=True)
        missing = set(exporter.ledger.held_ends)
        exporter.kill()
    truth = browsertrix.ground_truth.finished
    assert len(missing) > 3

    @in_virtual_time
    async def ask() -> None:
        nonlocal exporter
        exporter = Exporter(cluster, path, clock, hold_back=True)
        records = Records(
            {
                one.crawl: record_of(one.crawl, one.state, one.finished, oid=None)
                for one in truth.values()
            }
        )
        task = asyncio.create_task(VanishedCrawls(exporter.ledger, records, clock).run())
        await asyncio.sleep(10)
        task.cancel()
        assert len(records.asked) == len(missing)

    ask()
    ended = exporter.ledger.finished_crawls
    assert {uid: (ended[uid].state, ended[uid].finished) for uid in missing} == {
        uid: (truth[uid].state, float(truth[uid].finished)) for uid in missing
    }
    by_state = Counter(one.state for one in ended.values())
    found = Counter[str]()
    for (family, labels), value in counted(exporter.ledger).items():
        if family == counters.FINISHED:
            found[labels[1]] += int(value)
    assert found == by_state
    assert (counters.VANISHED, (NAMESPACE,)) not in counted(exporter.ledger)
    exporter.kill()

"""Crawls seen by their statuses and by their pods: each happening counted once, in any order.

Either watch may be ahead of the other by seconds or by minutes, or the exporter be killed in
between; the counts are those of the simulator, which let it all happen.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster.changes import Change, ChangeHandler
from exporter.cluster.object_cache import ObjectCache
from exporter.cluster.problems import Problems
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.resources.resource import Resource
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import CRAWLJOBS as SERVED_CRAWLJOBS
from exporter.simulator.apiserver.served_resource import PODS as SERVED_PODS
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from exporter.sources import CRAWLJOBS, PODS
from support.crawl_history import Clock, kill
from support.factories import NAMESPACE
from support.ground_truth import START, counted, expected_counts_with_pods, run

pytestmark = pytest.mark.slow("thousands of events, and a ledger written for each")


class Watch:
    """What a reflector would hand on of one resource, as far as it is let."""

    def __init__(
        self,
        cluster: Cluster,
        served: ServedResource,
        resource: Resource[Any],
        handler: ChangeHandler[Any],
        version: int = 0,
    ) -> None:
        self._cluster, self._served, self._reader = cluster, served, resource.reader
        self._cache = ObjectCache(NAMESPACE, handler, Problems(resource))
        self._handler = handler
        self.version = version

    def synced(self) -> None:
        self._handler.on_synced(NAMESPACE, str(self.version))

    def follow(self, most: int = 10**9) -> None:
        """Handle up to so many events."""
        for event in self._cluster.since(self.version, 10**9):
            if event.after.resource is self._served:
                if not most:
                    return
                most -= 1
                apply = self._cache.delete if event.type == "DELETED" else self._cache.upsert
                apply(self._reader.parse_json(event.after.data))
            self.version = event.version

    def list(self) -> None:
        """Take what is there now."""
        snapshot = self._cluster.snapshot(self._served)
        for stored in snapshot.objects:
            self._cache.upsert(self._reader.parse_json(stored.data))
        self.version = snapshot.version


class Exporter:
    """A recorder behind a join that is fed by two watches."""

    def __init__(self, cluster: Cluster, path: Path | None, clock: Clock) -> None:
        self.ledger = Ledger.open(path, clock=clock, retention=10**9)
        self._due: list[Callable[[], None]] = []
        recorder = HistoryRecorder(self.ledger, (NAMESPACE,), clock)
        join = CrawlJoin(recorder, schedule=self._due.append)
        point = self.ledger.resume_point(CRAWLJOBS.name, NAMESPACE)
        listed = cluster.snapshot(SERVED_CRAWLJOBS)
        version = listed.version if point is None else int(point.resource_version)
        self.jobs = Watch(cluster, SERVED_CRAWLJOBS, CRAWLJOB_RESOURCE, join, version)
        self.pods = Watch(cluster, SERVED_PODS, POD_RESOURCE, join.by_source[PODS.name])
        self._join = join
        for stored in listed.objects:
            if stored.version <= version:  # what a replay emits as it was
                job = CRAWLJOB_RESOURCE.reader.parse_json(stored.data)
                join.on_change(Change(NAMESPACE, None, job))
        self.jobs.follow()
        self.jobs.synced()
        self.pods.list()
        self.pods.synced()
        self.turn()

    def turn(self) -> None:
        while self._due:
            self._due.pop(0)()
        self._join.on_bookmark(NAMESPACE, str(self.jobs.version))


def simulated(seed: int, **options: Any) -> tuple[Clock, Cluster, Browsertrix]:
    clock = Clock(START)
    cluster = Cluster(clock=clock, seed=seed, history=10**6)
    options = {"stale_writes": True, "speed": 20, "pause_limit": 600} | options
    return clock, cluster, Browsertrix(cluster, seed=seed, clock=clock, **options)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("first", ["pods", "statuses"])
def test_every_scenario_is_counted_as_it_was(scenario: str, first: str) -> None:
    clock, cluster, browsertrix = simulated(7)
    for _ in range(2):
        browsertrix.start(scenario)
    exporter = Exporter(cluster, None, clock)

    def between() -> None:
        for watch in (
            (exporter.pods, exporter.jobs) if first == "pods" else (exporter.jobs, exporter.pods)
        ):
            watch.follow()
            exporter.turn()

    run(browsertrix, clock, between)
    assert counted(exporter.ledger) == expected_counts_with_pods(browsertrix.ground_truth)
    kill(exporter.ledger)


@pytest.mark.parametrize("seed", range(6))
def test_watches_that_lag_behind_each_other_change_no_count(seed: int) -> None:
    chaos = random.Random(seed)
    clock, cluster, browsertrix = simulated(seed, troubles=0.5)
    browsertrix.crawls = 6
    exporter = Exporter(cluster, None, clock)

    def between() -> None:
        if len(browsertrix.ground_truth.finished) >= 25:
            browsertrix.crawls = 0
        dice = chaos.random()
        if dice < 0.45:
            exporter.pods.follow(chaos.randrange(1, 6))
        elif dice < 0.9:
            exporter.jobs.follow(chaos.randrange(1, 6))
        if chaos.random() < 0.5:
            exporter.turn()

    run(browsertrix, clock, between)
    exporter.pods.follow()
    exporter.jobs.follow()
    exporter.turn()
    assert counted(exporter.ledger) == expected_counts_with_pods(browsertrix.ground_truth)
    assert browsertrix.ground_truth.pods_only.oom_kills.total() > 0
    kill(exporter.ledger)


@pytest.mark.parametrize("seed", range(3))
def test_kills_between_any_two_events_change_no_count(seed: int, tmp_path: Path) -> None:
    """The pods are listed anew each time, with the ends they still show."""
    chaos = random.Random(seed)
    clock, cluster, browsertrix = simulated(seed, troubles=0.5)
    browsertrix.crawls = 5
    exporter = Exporter(cluster, tmp_path / "ledger", clock)
    kills = 0

    def between() -> None:
        nonlocal exporter, kills
        if len(browsertrix.ground_truth.finished) >= 9:
            browsertrix.crawls = 0
        exporter.pods.follow()
        exporter.turn()
        if chaos.random() < 0.02:
            kill(exporter.ledger)
            kills += 1
            exporter = Exporter(cluster, tmp_path / "ledger", clock)
        exporter.jobs.follow()
        exporter.turn()

    run(browsertrix, clock, between)
    assert kills > 3
    assert counted(exporter.ledger) == expected_counts_with_pods(browsertrix.ground_truth)
    kill(exporter.ledger)

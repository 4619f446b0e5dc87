"""All that happens to simulated crawls, told by metacontroller: every count is the true one.

Crawls, pods and claims come by calls alone. Events happen one after the other, and each is synced
before the next one: metacontroller needs milliseconds for that where a crawl needs seconds. What is
lost where it is slower, and what is not, is in ``tests/end_to_end/test_metacontroller.py``.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.history.reading import events
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from exporter.simulator.metacontroller import DecoratorController, Spec
from support.crawl_history import Clock
from support.crawl_writes import patch_status
from support.factories import crawljob
from support.ground_truth import (
    START,
    counted,
    expected_counts_with_pods,
    expected_ends,
    paused,
    remembered,
)
from support.hooked import PERIOD, Hooked
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("thousands of calls, and a ledger written for each")

ENDS = {"finished", "vanished"}
WITNESS = "witness"
"""A crawl that goes on: while metacontroller calls about it, who is not told of has vanished."""


class Account:
    """An installation whose metacontroller tells one exporter, and its ground truth."""

    def __init__(self, hooked: Hooked, spec: Spec, clock: Clock, seed: int, **options: Any) -> None:
        self.hooked = hooked
        self.clock = clock
        self.cluster = Cluster(clock=self.clock, seed=seed, history=10**6)
        options = {"speed": 20, "pause_limit": 600, "sync_every": 240} | options
        self.browsertrix = Browsertrix(self.cluster, seed=seed, clock=self.clock, **options)
        self.controller = DecoratorController(self.cluster, spec)
        self._pages = 0
        self._of_witness: dict[Any, float] = {}

    async def begin(self) -> None:
        """Let the first round pass, with the witness alone."""
        self.cluster.create(crawljob(crawl=WITNESS))
        await self.let_periods_pass(2)
        assert self.hooked.jobs.synced
        self._of_witness = counted(self.hooked.ledger)

    async def synced(self) -> None:
        """Wait until metacontroller has called about all that was written."""
        await until(lambda: self.controller.is_idle, every=0, within=PROCESS_TIMEOUT)

    async def play(self, between: Callable[[], None] = lambda: None) -> None:
        """Let scenarios run, event by event, until nothing is left to happen."""
        self.browsertrix.step(self.clock.now)
        await self.synced()
        while self.browsertrix.next_due is not None:
            self.clock.now = self.browsertrix.next_due
            self.browsertrix.step(self.clock.now)
            await self.synced()
            between()

    async def let_periods_pass(self, periods: int) -> None:
        """Let resync periods pass, in each of which the witness is called about."""
        for _ in range(periods):
            self._pages += 1
            patch_status(self.cluster, WITNESS, pagesDone=self._pages)
            await self.synced()
            self.hooked.after(PERIOD - 1)

    def assert_is_true(self, path: Path) -> None:
        """Each count and each end is the ground truth's, each end was told once, all are gone."""
        truth, ledger = self.browsertrix.ground_truth, self.hooked.ledger
        of_crawls = Counter(counted(ledger))
        of_crawls.subtract(self._of_witness)
        assert {key: value for key, value in of_crawls.items() if value} == (
            expected_counts_with_pods(truth)
        )
        assert remembered(ledger) == expected_ends(truth)
        assert paused(ledger) == dict(+truth.paused_seconds)
        unknown = {uid for uid, one in ledger.finished_crawls.items() if one.state == "unknown"}
        assert unknown == set(truth.vanished)
        ledger.flush()
        emitted = Counter((one.uid, one.kind) for one in events(path) if one.kind in ENDS)
        assert set(emitted.values()) == {1}
        assert {uid for uid, _ in emitted} == {*truth.finished, *truth.vanished}
        assert [one.spec.id for one in self.hooked.jobs.objects] == [WITNESS]
        assert len(self.hooked.pods.objects) == len(self.hooked.volumes.objects) == 0


@asynccontextmanager
async def account(
    path: Path, *, finalize: bool, seed: int = 7, **options: Any
) -> AsyncIterator[Account]:
    clock = Clock(START)
    async with Hooked(path, finalize=finalize, clock=clock) as hooked:
        spec = Spec(hook_url=hooked.url, finalize=finalize, resync_period=10**6)
        played = Account(hooked, spec, clock, seed, **options)
        async with played.controller:
            await played.begin()
            yield played


async def test_with_a_finalizer_every_scenario_is_counted_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    async with account(path, finalize=True) as played:
        for scenario in SCENARIOS:
            played.browsertrix.start(scenario)
        await played.play()
        assert played.cluster.count() == 1, "each was released, at once"
        for part in (played.hooked.pods, played.hooked.volumes):
            assert part.stats.events["ADDED"] > len(SCENARIOS), "what is related came along"
        played.assert_is_true(path)


async def test_without_a_finalizer_every_end_that_was_told_is_counted_and_every_other_vanishes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "history.db"
    async with account(path, finalize=False) as played:
        for scenario in SCENARIOS:
            played.browsertrix.start(scenario)
        await played.play()
        truth = played.browsertrix.ground_truth
        assert set(remembered(played.hooked.ledger)) == set(truth.finished)
        assert truth.vanished, "of these nobody says that they are gone"
        await played.let_periods_pass(5)
        played.assert_is_true(path)


@pytest.mark.parametrize("finalize", [True, False], ids=["finalizer", "none"])
async def test_calls_that_are_late_doubled_or_overtaken_change_no_count(
    tmp_path: Path, *, finalize: bool
) -> None:
    chaos = random.Random(3)
    path = tmp_path / "history.db"
    async with account(path, finalize=finalize, seed=3, troubles=0.4) as played:
        faults, browsertrix = played.controller.faults, played.browsertrix

        def between() -> None:
            if len(browsertrix.ground_truth.finished) >= 12:
                browsertrix.crawls = 0
            dice = chaos.random()
            if dice < 0.1:
                faults.duplicates = chaos.randrange(1, 4)
            elif dice < 0.3:
                faults.overtaken = chaos.randrange(1, 4)
            faults.delay = 0.005 if dice > 0.95 else 0.0

        browsertrix.crawls = 6
        await played.play(between)
        assert played.hooked.hooks.requests["sync", "outdated"] > 50, "they came"
        await played.let_periods_pass(5)
        played.assert_is_true(path)

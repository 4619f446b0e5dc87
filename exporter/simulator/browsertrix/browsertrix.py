"""Schedules the scenarios of many crawls on one cluster.

Seeded: the same seed gives the same crawls, events and ground truth, however time is cut into
steps. Durations of scenarios are simulated seconds, which pass ``speed`` times as fast as real
ones; the timestamps written are real, so that a recorder's clock agrees with them.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.served_resource import POD_METRICS
from exporter.simulator.browsertrix.agenda import Agenda
from exporter.simulator.browsertrix.bystanders import add_bystanders
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.crawljob_manifest import Traits
from exporter.simulator.browsertrix.dedupe_index import DedupeIndexes
from exporter.simulator.browsertrix.ground_truth import GroundTruth
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.operator import Operator
from exporter.simulator.browsertrix.scenarios import ORDINARY, SCENARIOS, TROUBLED, Scenario
from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded
from exporter.simulator.browsertrix.stages import Steps
from exporter.simulator.browsertrix.usage import PodUsage

_DEFAULT_PAUSE_LIMIT: Final = 7 * 24 * 3600.0
_LONGEST_STRIDE: Final = 0.1
"""Real seconds that are made up for at once after the process was suspended."""


class Backend(Protocol):
    """What keeps workflows, and the records of crawls that outlive their CrawlJobs."""

    def assign(self, traits: Traits, at: float, /) -> Traits:
        """Make a crawl that is about to begin one of a workflow."""

    def began(self, crawl: Crawl, /) -> None:
        """It has begun."""


class Browsertrix:
    """Crawls in one or several namespaces, started on demand or kept at a number.

    ``crawls`` is how many are active at a time (may be changed; 0 starts no more by itself).
    ``pause_limit`` is in real seconds, by default seven simulated days. ``resize`` is Browsertrix'
    auto-resize: without it nobody measures memory and CPU. ``stale_writes`` lets the status step
    back now and then. ``sync_every`` is in simulated seconds: the operator's interval. ``troubles``
    is the share of crawls started by themselves of whose troubles only pods, claims or indexes
    tell; ``bystanders`` is the number of pods in each namespace that belong to no crawl.
    """

    def __init__(  # each a property of an installation  # noqa: PLR0913
        self,
        cluster: Cluster,
        *,
        seed: int = 0,
        speed: float = 1.0,
        crawls: int = 0,
        clock: Callable[[], float] = time.time,
        pause_limit: float | None = None,
        resize: bool = True,
        stale_writes: bool = False,
        namespaces: tuple[str, ...] = ("crawlers",),
        organisations: int = 3,
        sync_every: float = 10.0,
        troubles: float = 0.0,
        bystanders: int = 0,
    ) -> None:
        self.ground_truth = GroundTruth()
        self.crawls = crawls
        self.active: dict[str, Crawl] = {}
        """Crawls whose scenario has not ended, by uid."""
        self.backend: Backend | None = None
        """Where there is none, each crawl is of a workflow of its own."""
        self._agenda = Agenda(clock(), speed)
        self.operator = Operator(self._agenda)
        self._installation = Installation(
            cluster,
            self.ground_truth,
            self._agenda,
            self.operator,
            PodUsage(clock, speed),
            _DEFAULT_PAUSE_LIMIT / speed if pause_limit is None else pause_limit,
            resize,
            stale_writes,
        )
        if POD_METRICS in cluster.resources:
            cluster.compute(POD_METRICS, self._installation.usage.objects)
        self._indexes = DedupeIndexes(self._installation)
        self.clock = clock
        """Seconds since 1970."""
        self.seed = seed
        self._sync_every = sync_every
        self._troubles = troubles
        self._namespaces = namespaces
        rng = seeded(seed, "organisations")
        self.organisations = [random_uuid(rng) for _ in range(organisations)]
        add_bystanders(self._installation, namespaces, bystanders)
        self._started = 0
        self._arrivals = 0
        self._expected = 0

    @property
    def pause_limit(self) -> float:
        """Real seconds after which a paused crawl is stopped."""
        return self._installation.pause_limit

    @property
    def speed(self) -> float:
        """Simulated seconds a real one."""
        return self._agenda.speed

    @property
    def next_due(self) -> float | None:
        """When (real seconds since 1970) the next step is due; None when none is planned."""
        return self._agenda.next_due

    def start(self, scenario: str | Scenario, **overrides: Any) -> Crawl:
        """Start a crawl with this scenario now; overrides are fields of ``Traits``.

        Raises ValueError for a name that no scenario has.
        """
        self._agenda.now = max(self._agenda.now, self.clock())
        return self.start_when_due(scenario, **overrides)

    def start_when_due(self, scenario: str | Scenario, **overrides: Any) -> Crawl:
        """Start a crawl as ``start`` does, at the time for which the caller was planned."""
        if isinstance(scenario, str):
            if scenario not in SCENARIOS:
                raise ValueError(
                    f"no scenario is called {scenario}; there are: {', '.join(SCENARIOS)}"
                )
            scenario = SCENARIOS[scenario]
        return self._start(scenario, overrides)

    def plan(self, at: float, callback: Callable[[], None]) -> None:
        """Call back at that time, in seconds since 1970; at once where it has passed."""
        self._agenda.after(max(0.0, at - self._agenda.now) * self.speed, callback)

    def step(self, now: float | None = None) -> None:
        """Run everything that is due until ``now``, by default the clock's."""
        until = self.clock() if now is None else now
        self._keep_number()
        while self._agenda.run_next(until):
            self._keep_number()
        self._agenda.now = max(self._agenda.now, until)

    async def run(self) -> None:
        """Step in real time, until cancelled."""
        while True:
            now = self.clock()
            behind = now - self._agenda.now > _LONGEST_STRIDE
            self.step(self._agenda.now + _LONGEST_STRIDE if behind else now)
            due = self.next_due
            wait = _LONGEST_STRIDE if due is None else due - self.clock()
            await asyncio.sleep(0 if behind else min(max(wait, 0.001), _LONGEST_STRIDE))

    def _keep_number(self) -> None:
        """See to it that as many crawls are active, or are about to be, as shall be."""
        while len(self.active) + self._expected < self.crawls:
            self._expected += 1
            self._arrivals += 1
            delay = seeded(self.seed, "arrival", self._arrivals).uniform(0, 60)
            self._agenda.after(delay, self._arrive)

    def _arrive(self) -> None:
        self._expected -= 1
        if len(self.active) < self.crawls:
            rng = seeded(self.seed, "kind", self._started)
            dice = seeded(self.seed, "trouble", self._started).random()
            among: tuple[Scenario, ...] = TROUBLED if dice < self._troubles else ORDINARY
            weights = [scenario.weight for scenario in among]
            self._start(rng.choices(among, weights)[0], {})

    def _start(self, scenario: Scenario, overrides: dict[str, Any]) -> Crawl:
        rng = seeded(self.seed, "crawl", self._started)
        self._started += 1
        pods = rng.choices((1, 2, 3, 4), (3, 4, 2, 1))[0]
        work = rng.uniform(600, 5400)
        chosen: dict[str, Any] = {
            "namespace": rng.choice(self._namespaces),
            "oid": rng.choice(self.organisations),
            "cid": random_uuid(rng),
            "userid": random_uuid(rng),
            "origin": rng.choice(("manual", "sched")),
            "pods": pods,
            "work": work,
            "pages": int(work * pods * rng.uniform(0.1, 0.5)),
            "page_size": rng.randrange(200_000, 3_000_000),
        }
        traits = Traits(**{**chosen, **scenario.traits, **overrides})
        if self.backend is not None and "cid" not in overrides:
            traits = self.backend.assign(traits, self._agenda.now)
        crawl = Crawl(self._installation, traits, rng, self._agenda.now)
        if self.backend is not None:
            self.backend.began(crawl)
        if traits.dedupe_collection:
            collection = (crawl.namespace, traits.oid, traits.dedupe_collection)
            crawl.index = self._indexes.of(*collection)
            if crawl.index is not None:
                crawl.index.use(crawl.uid)
        self.active[crawl.uid] = crawl
        self._next_step(crawl, scenario.script(crawl))
        self._agenda.after(self._sync_every, lambda: self._sync(crawl))
        return crawl

    def _next_step(self, crawl: Crawl, steps: Steps) -> None:
        crawl.now = self._agenda.now
        wait = next(steps, None)
        if wait is None:
            del self.active[crawl.uid]
        else:
            step = partial(self._next_step, crawl, steps)
            self._agenda.after(wait, lambda: self.operator.do(step))

    def _sync(self, crawl: Crawl) -> None:
        if crawl.is_over:
            return
        crawl.now = self._agenda.now
        if crawl.pods and not self.operator.is_frozen:  # without any nothing could have changed
            crawl.sync()
        self._agenda.after(self._sync_every, lambda: self._sync(crawl))

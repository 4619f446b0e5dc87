"""A Browsertrix whose crawls live on a cluster.

Seeded: the same seed gives the same crawls, lives and ground truth, however time is
cut into steps. A life's durations are simulated seconds, which pass ``speed`` times as fast as
real ones; the moments written are real, so that a recorder's clock agrees with them.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Any, Final

from exporter.simulator.cluster import Cluster
from exporter.simulator.crawl import Crawl, Installation
from exporter.simulator.ground_truth import GroundTruth
from exporter.simulator.manifest import Traits, random_uuid, seeded
from exporter.simulator.scenarios import SCENARIOS, Scenario
from exporter.simulator.stages import Life

_DEFAULT_PAUSE_LIMIT: Final = 7 * 24 * 3600.0
_LONGEST_STRIDE: Final = 0.1
"""Real seconds that are made up for at once when the process was held up."""


class Browsertrix:
    """Crawls in one or several namespaces, started on demand or kept at a number.

    ``crawls`` is how many live at a time (may be changed; 0 lets those there are live out).
    ``pause_limit`` is in real seconds, by default seven simulated days. ``resize`` is Browsertrix'
    auto-resize: without it nobody measures memory and CPU. ``stale_writes`` lets the status step
    back now and then. ``sync_every`` is in simulated seconds: the operator's interval.
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
    ) -> None:
        self.ground_truth = GroundTruth()
        self.crawls = crawls
        self.live: dict[str, Crawl] = {}
        """By uid."""
        self._installation = Installation(
            cluster,
            self.ground_truth,
            speed,
            _DEFAULT_PAUSE_LIMIT / speed if pause_limit is None else pause_limit,
            resize,
            stale_writes,
        )
        self._clock = clock
        self._seed = seed
        self._sync_every = sync_every
        self._namespaces = namespaces
        rng = seeded(seed, "organisations")
        self._organisations = [random_uuid(rng) for _ in range(organisations)]
        self._now = clock()
        self._started = 0
        self._arrivals = 0
        self._expected = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._entries = 0

    @property
    def pause_limit(self) -> float:
        """Real seconds after which a paused crawl is stopped."""
        return self._installation.pause_limit

    @property
    def next_due(self) -> float | None:
        """When (real seconds since 1970) something happens next; None when nothing will."""
        return self._agenda[0][0] if self._agenda else None

    def start(self, kind: str | Scenario, **overrides: Any) -> Crawl:
        """Start a life of this kind now; overrides are fields of ``Traits``.

        Raises ValueError for a name that no kind has.
        """
        if isinstance(kind, str):
            if kind not in SCENARIOS:
                raise ValueError(
                    f"no kind of life is called {kind}; there are: {', '.join(SCENARIOS)}"
                )
            kind = SCENARIOS[kind]
        self._now = max(self._now, self._clock())
        return self._start(kind, overrides)

    def step(self, now: float | None = None) -> None:
        """Let everything happen that is due until ``now``, by default the clock's."""
        until = self._clock() if now is None else now
        self._keep_number()
        while self._agenda and self._agenda[0][0] <= until:
            self._now, _, happen = heapq.heappop(self._agenda)
            happen()
            self._keep_number()
        self._now = max(self._now, until)

    async def run(self) -> None:
        """Live in real time, until cancelled."""
        while True:
            now = self._clock()
            behind = now - self._now > _LONGEST_STRIDE
            self.step(self._now + _LONGEST_STRIDE if behind else now)
            due = self.next_due
            wait = _LONGEST_STRIDE if due is None else due - self._clock()
            await asyncio.sleep(0 if behind else min(max(wait, 0.001), _LONGEST_STRIDE))

    def _keep_number(self) -> None:
        """See to it that as many crawls live, or are about to, as shall."""
        while len(self.live) + self._expected < self.crawls:
            self._expected += 1
            self._arrivals += 1
            delay = seeded(self._seed, "arrival", self._arrivals).uniform(0, 60)
            self._after(delay, self._arrive)

    def _arrive(self) -> None:
        self._expected -= 1
        if len(self.live) < self.crawls:
            rng = seeded(self._seed, "kind", self._started)
            weights = [kind.weight for kind in SCENARIOS.values()]
            self._start(rng.choices(list(SCENARIOS.values()), weights)[0], {})

    def _start(self, kind: Scenario, overrides: dict[str, Any]) -> Crawl:
        rng = seeded(self._seed, "crawl", self._started)
        self._started += 1
        pods = rng.choices((1, 2, 3, 4), (3, 4, 2, 1))[0]
        work = rng.uniform(600, 5400)
        chosen: dict[str, Any] = {
            "namespace": rng.choice(self._namespaces),
            "oid": rng.choice(self._organisations),
            "cid": random_uuid(rng),
            "userid": random_uuid(rng),
            "origin": rng.choice(("manual", "sched")),
            "pods": pods,
            "work": work,
            "pages": int(work * pods * rng.uniform(0.1, 0.5)),
            "page_size": rng.randrange(200_000, 3_000_000),
        }
        traits = Traits(**{**chosen, **kind.traits, **overrides})
        crawl = Crawl(self._installation, traits, rng, self._now)
        self.live[crawl.uid] = crawl
        self._go_on(crawl, kind.live(crawl))
        self._after(self._sync_every, lambda: self._sync(crawl))
        return crawl

    def _go_on(self, crawl: Crawl, life: Life) -> None:
        crawl.now = self._now
        wait = next(life, None)
        if wait is None:
            del self.live[crawl.uid]
        else:
            self._after(wait, lambda: self._go_on(crawl, life))

    def _sync(self, crawl: Crawl) -> None:
        if crawl.is_over:
            return
        crawl.now = self._now
        if crawl.pods:  # without any there is nothing that could have changed
            crawl.sync()
        self._after(self._sync_every, lambda: self._sync(crawl))

    def _after(self, simulated: float, happen: Callable[[], None]) -> None:
        self._entries += 1  # so that two at the same moment happen in the order they were planned
        due = self._now + simulated / self._installation.speed
        heapq.heappush(self._agenda, (due, self._entries, happen))

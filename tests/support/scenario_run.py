"""One scenario of the simulator, run on a fake clock."""

from functools import cache
from itertools import pairwise
from typing import Any

from exporter.resources import crawljob
from exporter.resources.crawljob import derived
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.event_log import WatchEvent
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, PODS
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.ground_truth import Ended
from support.api_client import NOW

PAUSE_LIMIT = 5000.0
NS = "crawlers"


class ScenarioRun:
    """One scenario from its start to its end on a fake clock, with every event it wrote."""

    def __init__(self, scenario: str, **options: Any) -> None:
        overrides = options.pop("overrides", {})
        self.now = NOW
        self.cluster = Cluster(clock=lambda: self.now)
        self.browsertrix = Browsertrix(
            self.cluster, clock=lambda: self.now, pause_limit=PAUSE_LIMIT, **options
        )
        self.crawl: Crawl = self.browsertrix.start(scenario, **overrides)
        while self.browsertrix.active:
            due = self.browsertrix.next_due
            assert due is not None
            self.now = due
            self.browsertrix.step()
        self.ground_truth = self.browsertrix.ground_truth
        self.written: list[WatchEvent] = self.cluster.since(1, 10_000)
        """To all resources."""
        self.events = [one for one in self.written if one.after.resource is CRAWLJOBS]
        self.values = [event.after.value() for event in self.events]
        self.statuses = [value.get("status", {}) for value in self.values]

    @property
    def states(self) -> list[str]:
        """The states it went through; ``-`` is no status."""
        return changes("", [status.get("state", "-") for status in self.statuses])

    @property
    def transitions(self) -> list[str | None]:
        """What it was on its way to, as the exporter reads it."""
        return changes(
            "", [derived.transition(crawljob.parse_value(value)) for value in self.values]
        )

    @property
    def ended(self) -> Ended:
        """Its end, by the ground truth."""
        return self.ground_truth.finished[self.crawl.uid]

    def lives(self, name: str) -> list[dict[str, Any]]:
        """What was written of the pods of this name, oldest first."""
        found = [one.after for one in self.written if one.after.resource is PODS]
        return [one.value() for one in found if one.key[1] == name]

    def pod(self, index: int) -> list[dict[str, Any]]:
        """The entries of one crawler pod in the statuses."""
        name = self.crawl.pod(index)
        entries = [status.get("podStatus", {}).get(name) for status in self.statuses]
        return [entry for entry in entries if entry]


@cache
def default_run(scenario: str) -> ScenarioRun:
    """A run without overrides; to be read only."""
    return ScenarioRun(scenario)


def changes(first: Any, values: list[Any]) -> list[Any]:
    """The values that differ from the one before; ``first`` comes before all."""
    return [value for before, value in pairwise([first, *values]) if value != before]

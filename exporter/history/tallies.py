"""Counters and histograms of what happened: plain numbers, fed by events and growth alone.

They only ever grow, also through restarts (the ledger keeps them). What a namespace can count is
there at 0 as soon as it is seen, for a counter that is born at 1 has never increased.
"""

from bisect import bisect_left
from dataclasses import dataclass

from exporter.history.baseline import Baseline
from exporter.history.difference import Difference
from exporter.history.events import COUNTERS
from exporter.history.measures import BUCKETS, BYTES, EXEC_SECONDS, HISTOGRAMS, PAGES

Key = tuple[str, tuple[str, ...]]
"""A counter's or histogram's name and its label values, in the order of its label names."""


@dataclass(slots=True)
class Histogram:
    """Observations by bucket, not cumulated; the last one counts those above every bound."""

    counts: list[int]
    sum: float = 0.0

    def observe(self, value: float) -> None:
        """Count one value, in seconds."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.sum += value


class Tallies:
    """All counters and histograms, and which of them changed since they were last written."""

    def __init__(self) -> None:
        self.totals: dict[Key, float] = {}
        self.histograms: dict[Key, Histogram] = {}
        self.changed: set[Key] = set()
        self._namespaces: set[str] = set()

    def see_namespace(self, namespace: str) -> None:
        """Create at 0 what can be counted there."""
        self._namespaces.add(namespace)
        for counter in COUNTERS:
            for values in counter.zeros:
                self.totals.setdefault((counter.name, (namespace, *values)), 0.0)
        for histogram in HISTOGRAMS:
            for values in histogram.zeros:
                self._histogram((histogram.name, (namespace, *values)))

    def add(self, baseline: Baseline, difference: Difference) -> None:
        """Count what happened to one crawl, and what it consumed."""
        namespace = baseline.namespace
        if namespace not in self._namespaces:
            self.see_namespace(namespace)
        for counter, amount in (
            (EXEC_SECONDS, difference.exec_seconds),
            (PAGES, difference.pages),
            (BYTES, difference.size),
        ):
            if amount:
                self._count((counter.name, (namespace, baseline.oid, baseline.role)), amount)
        for event in difference.events:
            if event.counter is not None:
                self._count((event.counter.name, (namespace, *event.label_values())))
            for histogram, values, seconds in event.observations():
                if seconds is not None:
                    self._observe((histogram.name, (namespace, *values)), seconds)

    def _count(self, key: Key, amount: float = 1.0) -> None:
        self.totals[key] = self.totals.get(key, 0.0) + amount
        self.changed.add(key)

    def _observe(self, key: Key, seconds: float) -> None:
        self._histogram(key).observe(seconds)
        self.changed.add(key)

    def _histogram(self, key: Key) -> Histogram:
        found = self.histograms.get(key)
        if found is None:
            found = self.histograms[key] = Histogram([0] * (len(BUCKETS) + 1))
        return found

"""How many crawls there are in which state, kept as they change and not counted at each scrape."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.metrics.catalog import Fleet
from exporter.resources.crawljob.states import RUNNING


@dataclass(frozen=True, slots=True)
class Pulse:
    """That Browsertrix's operator acts; seconds since 1970."""

    written: float
    """When it last wrote the status of a crawl at work, by its own clock."""
    seen: float
    """When that came here, by ours: however wrong its clock is, as long as it writes this moves."""


class Counts:
    """What is counted of one scope's crawls, by namespace."""

    def __init__(self, scope: str, clock: Callable[[], float] = time.time) -> None:
        """A scope that is one namespace is counted from the start, with zeros."""
        self._clock = clock
        namespaces = [scope] if scope else []
        self.crawls: dict[str, Counter[str]] = {name: Counter() for name in namespaces}
        self.malformed: Counter[str] = Counter(dict.fromkeys(namespaces, 0))
        self.dropped_pods: Counter[str] = Counter(dict.fromkeys(namespaces, 0))
        self._pulse: dict[str, Pulse] = {}
        """By namespace, of the latest time written into the status of a crawl at work."""

    def add(self, namespace: str, state: str, *, malformed: bool, by: int) -> None:
        """Count a crawl in (``by`` 1) or out again (-1)."""
        states = self.crawls.setdefault(namespace, Counter())
        states[state] += by
        if not states[state]:
            del states[state]
        self.malformed[namespace] += by * malformed
        self.dropped_pods[namespace] += 0

    def note_status(self, namespace: str, state: str, written: float | None) -> None:
        """A status says when it was written, which of crawls at work is about every minute."""
        if written is None or state not in RUNNING:
            return
        known = self._pulse.get(namespace)
        if known is None or written > known.written:
            self._pulse[namespace] = Pulse(written, self._clock())

    @property
    def pulse(self) -> dict[str, Pulse]:
        """By namespace, of the crawls at work, if there are any."""
        return {
            namespace: pulse
            for namespace, pulse in self._pulse.items()
            if not RUNNING.isdisjoint(self.crawls.get(namespace, ()))
        }


def fleet(scopes: Sequence[Counts]) -> Fleet:
    """Add up several scopes."""
    crawls: dict[str, Counter[str]] = {}
    malformed: Counter[str] = Counter()
    dropped_pods: Counter[str] = Counter()
    for counts in scopes:
        for namespace, states in counts.crawls.items():
            crawls.setdefault(namespace, Counter()).update(states)
        malformed.update(counts.malformed)
        dropped_pods.update(counts.dropped_pods)
    last_status = {namespace: one.written for namespace, one in pulse(scopes).items()}
    return Fleet(crawls, malformed, dropped_pods, last_status)


def pulse(scopes: Iterable[Counts]) -> Mapping[str, Pulse]:
    """The operator's, by namespace: of several scopes the latest."""
    latest: dict[str, Pulse] = {}
    for counts in scopes:
        for namespace, one in counts.pulse.items():
            if namespace not in latest or one.written > latest[namespace].written:
                latest[namespace] = one
    return latest

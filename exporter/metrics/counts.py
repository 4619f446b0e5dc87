"""How many crawls there are in which state, kept as they change and not counted at each scrape."""

from collections import Counter
from collections.abc import Iterable

from exporter.metrics.catalog import Fleet
from exporter.resources.crawljob.states import RUNNING


class Counts:
    """What is counted of one scope's crawls, by namespace."""

    def __init__(self, scope: str) -> None:
        """A scope that is one namespace is counted from the start, with zeros."""
        namespaces = [scope] if scope else []
        self.crawls: dict[str, Counter[str]] = {name: Counter() for name in namespaces}
        self.malformed: Counter[str] = Counter(dict.fromkeys(namespaces, 0))
        self.dropped_pods: Counter[str] = Counter(dict.fromkeys(namespaces, 0))
        self._last_status: dict[str, float] = {}
        """By namespace, the latest time written into the status of a crawl at work."""

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
        if written is not None and state in RUNNING:
            self._last_status[namespace] = max(written, self._last_status.get(namespace, 0.0))

    @property
    def last_status(self) -> dict[str, float]:
        """By namespace, when the status of a crawl at work was last written, if there is one.

        Seconds since 1970.
        """
        return {
            namespace: written
            for namespace, written in self._last_status.items()
            if not RUNNING.isdisjoint(self.crawls.get(namespace, ()))
        }


def fleet(scopes: Iterable[Counts]) -> Fleet:
    """Add up several scopes."""
    crawls: dict[str, Counter[str]] = {}
    malformed: Counter[str] = Counter()
    dropped_pods: Counter[str] = Counter()
    last_status: dict[str, float] = {}
    for counts in scopes:
        for namespace, states in counts.crawls.items():
            crawls.setdefault(namespace, Counter()).update(states)
        malformed.update(counts.malformed)
        dropped_pods.update(counts.dropped_pods)
        for namespace, written in counts.last_status.items():
            last_status[namespace] = max(written, last_status.get(namespace, 0.0))
    return Fleet(crawls, malformed, dropped_pods, last_status)

"""How many crawls there are in which state, kept as they change and not counted at each scrape."""

from collections import Counter
from collections.abc import Iterable

from exporter.metrics.catalog import Fleet


class Counts:
    """What is counted of one scope's crawls, by namespace."""

    def __init__(self, scope: str) -> None:
        """A scope that is one namespace is counted from the start, with zeros."""
        namespaces = [scope] if scope else []
        self.crawls: dict[str, Counter[str]] = {name: Counter() for name in namespaces}
        self.malformed: Counter[str] = Counter(dict.fromkeys(namespaces, 0))
        self.dropped_pods: Counter[str] = Counter(dict.fromkeys(namespaces, 0))

    def add(self, namespace: str, state: str, *, malformed: bool, by: int) -> None:
        """Count a crawl in (``by`` 1) or out again (-1)."""
        states = self.crawls.setdefault(namespace, Counter())
        states[state] += by
        if not states[state]:
            del states[state]
        self.malformed[namespace] += by * malformed
        self.dropped_pods[namespace] += 0


def fleet(scopes: Iterable[Counts]) -> Fleet:
    """Add up several scopes."""
    crawls: dict[str, Counter[str]] = {}
    malformed: Counter[str] = Counter()
    dropped_pods: Counter[str] = Counter()
    for counts in scopes:
        for namespace, states in counts.crawls.items():
            crawls.setdefault(namespace, Counter()).update(states)
        malformed.update(counts.malformed)
        dropped_pods.update(counts.dropped_pods)
    return Fleet(crawls, malformed, dropped_pods)

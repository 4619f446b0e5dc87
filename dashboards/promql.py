"""Expressions that the panels share, so that each pattern is written once.

A pair of exporters says everything twice: ``max by`` the labels that tell series apart merges
them, and what merges cannot be forgotten, for a selection only gives merged series.
"""

from collections.abc import Iterable
from typing import Final

from exporter.metrics import CATALOG
from exporter.metrics.catalog import Kind

CRAWL: Final = ("namespace", "oid", "crawl")
POD: Final = (*CRAWL, "pod")


def _labels() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for family in CATALOG:
        for name in family.sample_names:
            le = ("le",) if family.kind is Kind.HISTOGRAM and name.endswith("_bucket") else ()
            found[name] = (*family.labels, *le)
    return found


LABELS: Final = _labels()
"""The labels of each sample the exporter can serve, by name."""


class Selection:
    """The crawls that a dashboard's variables choose.

    ``matchers`` are the variables' by label; a metric is matched by those that it has. A metric
    without any of a crawl's labels is the exporter's own.
    """

    def __init__(self, **matchers: str) -> None:
        self._matchers = matchers

    def of(self, metric: str, *matchers: str) -> str:
        """The series of a metric, unmerged; ``matchers`` such as ``state="running"``."""
        labels = (*LABELS[metric], "job", "instance")
        chosen = [text for label, text in self._matchers.items() if label in labels]
        inner = ", ".join((*chosen, *matchers))
        return f"{metric}{{{inner}}}" if inner else metric

    def merged(self, metric: str, *matchers: str, by: Iterable[str] = ()) -> str:
        """One series for each combination of the metric's labels, or of those named."""
        labels = ", ".join(by or LABELS[metric])
        return f"max by ({labels}) ({self.of(metric, *matchers)})"

    def last(self, metric: str, *matchers: str, by: Iterable[str] = ()) -> str:
        """As ``merged``, with the last value within the time shown: also of what is gone."""
        labels = ", ".join(by or LABELS[metric])
        return f"max by ({labels}) (last_over_time({self.of(metric, *matchers)}[$__range]))"

    def rate(self, metric: str, *matchers: str, per: str = "$__rate_interval") -> str:
        """How fast a counter grows a second, merged."""
        labels = ", ".join(LABELS[metric])
        return f"max by ({labels}) (rate({self.of(metric, *matchers)}[{per}]))"

    def increase(self, metric: str, *matchers: str, over: str = "$__rate_interval") -> str:
        """By how much a counter grows within a time, merged."""
        labels = ", ".join(LABELS[metric])
        return f"max by ({labels}) (increase({self.of(metric, *matchers)}[{over}]))"

    def happened(self, metric: str, *matchers: str) -> str:
        """How often something happened between a point and the one before.

        A difference, where ``increase`` over windows that overlap or leave gaps would show one
        event twice or not at all. The ledger lets counters of events go on after a restart.
        """
        labels = ", ".join(LABELS[metric])
        series = self.of(metric, *matchers)
        before = f"max by ({labels}) ({series} offset $__interval)"
        return f"clamp_min(max by ({labels}) ({series}) - {before}, 0)"

    def in_states(self, states: Iterable[str]) -> str:
        """A condition: the crawls in one of the states."""
        series = self.merged("browsertrix_crawl_state", one_of("state", states), by=CRAWL)
        return f"and on ({', '.join(CRAWL)}) {series}"


def one_of(label: str, words: Iterable[str]) -> str:
    """A matcher for several values."""
    return f'{label}=~"{"|".join(sorted(words))}"'


def total(expression: str, *by: str) -> str:
    """The sum, for each combination of the labels."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def largest(number: int, expression: str) -> str:
    """The series with the largest values."""
    return f"topk({number}, {expression})"


def quantile(share: float, expression: str, *by: str) -> str:
    """A quantile of a histogram's buckets, for each combination of the labels."""
    return f"histogram_quantile({share}, {total(expression, *by, 'le')})"


def exit_reasons(selection: Selection) -> str:
    """Why each pod exited last, one series for a pod.

    When the reason changes, one of a pair of exporters still says the old one for a scrape: two
    series for a pod, which a join would refuse, and with it the whole answer.
    """
    return f"topk by ({', '.join(POD)}) (1, {selection.of('browsertrix_pod_info')})"


def named_pods(expression: str, selection: Selection) -> str:
    """Add a pod's role and index: a legend with whole pod names is nothing to read."""
    info = selection.merged("browsertrix_pod_info", by=(*POD, "role", "index"))
    return f"{expression} * on ({', '.join(POD)}) group_left (role, index) {info}"

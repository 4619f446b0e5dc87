"""Expressions that the panels share, so that each pattern is written once.

A pair of exporters serves every series twice: ``max by`` the labels of the metric merges them. What
shards have counted, each of its own crawls, is added up.
``Selection`` writes that for every panel but those on the exporter itself.
"""

from collections.abc import Iterable
from typing import Final

from exporter.metrics import CATALOG
from exporter.metrics.catalog import Group, Kind
from exporter.metrics.sharding import shard_labels
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS, SHARD, TOTAL_SHARDS
from exporter.rules.promql import CLUSTER, EXPORTER, added, added_growth, by, on


def _labels() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for family in CATALOG:
        for name in family.sample_names:
            le = ("le",) if family.kind is Kind.HISTOGRAM and name.endswith("_bucket") else ()
            found[name] = (*family.labels, *le)
    return found


def _shares() -> dict[str, tuple[str, ...]]:
    counts = (family for family in CATALOG if family.group is not Group.EXPORTER)
    return {name: shard_labels(family) for family in counts for name in family.sample_names}


_SHARES: Final = _shares()
"""The labels by which each sample says of which shard it is, where that counts over crawls."""


def _merged(metric: str, labels: Iterable[str], expression: str) -> str:
    """One series for each combination of the labels, with what all shards have counted."""
    shares = _SHARES.get(metric, ())
    if TOTAL_SHARDS in shares:
        return added(expression, *labels)
    return added_growth(expression, *labels) if shares else f"max {by(*labels)} ({expression})"


LABELS: Final = _labels()
"""The labels of each sample the exporter can serve, by name."""
_EXPORTERS: Final = f"max {by(*EXPORTER, SHARD)} (browsertrix_exporter_total_shards ^ 0)"
"""1 for each exporter, with its shard."""
_VOLUME_USED: Final = "pod_resource:browsertrix_volume_used:ratio"


class Selection:
    """The series that a dashboard's variables select.

    ``matchers`` are the variables' matchers by label, beside that of the cluster; a metric gets
    those whose label it has. All methods raise KeyError for a metric that is not in the catalog.
    """

    def __init__(self, **matchers: str) -> None:
        self._matchers = {CLUSTER: f'{CLUSTER}=~"$cluster"', **matchers}

    def selector(self, metric: str, *matchers: str) -> str:
        """The series of a metric, unmerged; ``matchers`` such as ``state="running"``."""
        return self.matching(metric, (*LABELS[metric], *EXPORTER), *matchers)

    def matching(self, metric: str, labels: Iterable[str], *matchers: str) -> str:
        """The series of a metric that has these labels, be it recorded or another's."""
        has = {CLUSTER, *labels}
        selected = [text for label, text in self._matchers.items() if label in has]
        inner = ", ".join((*selected, *matchers))
        return f"{metric}{{{inner}}}" if inner else metric

    def merged(
        self, metric: str, *matchers: str, labels: Iterable[str] = (), merge: str = "max"
    ) -> str:
        """One series for each combination of the metric's labels, or of those named."""
        series, labels = self.selector(metric, *matchers), tuple(labels) or LABELS[metric]
        if merge != "max":
            return f"{merge} {by(*labels)} ({series})"
        return _merged(metric, labels, series)

    def count(self, metric: str, *matchers: str, labels: Iterable[str] = (), only: str = "") -> str:
        """How many series there are, of each combination of the labels; ``only`` such as ``> 0``.

        Each exporter's are counted apart, and of a pair of one shard the higher count stands: of
        many thousand pods that takes a fraction of the time of merging each. No series where there
        are none.
        """
        labels, series = tuple(labels), self.selector(metric, *matchers)
        condition = f" {only}" if only else ""
        counted = f"count {by('namespace', *labels, *EXPORTER)} ({series}{condition})"
        of_shard = f"{counted} * {on(*EXPORTER)} group_left (shard) {_EXPORTERS}"
        return sum_by(f"max {by('namespace', *labels, SHARD)} ({of_shard})", *labels)

    def last(self, metric: str, *matchers: str, labels: Iterable[str] = ()) -> str:
        """As ``merged``, with the last value within the time shown: also of deleted objects."""
        last = f"last_over_time({self.selector(metric, *matchers)}[$__range])"
        return _merged(metric, tuple(labels) or LABELS[metric], last)

    def rate(self, metric: str, *matchers: str, per: str = "$__rate_interval") -> str:
        """How fast a counter grows a second, merged."""
        return _merged(metric, LABELS[metric], f"rate({self.selector(metric, *matchers)}[{per}])")

    def increase(self, metric: str, *matchers: str, over: str = "$__rate_interval") -> str:
        """By how much a counter grows within a time, merged."""
        return _merged(
            metric, LABELS[metric], f"increase({self.selector(metric, *matchers)}[{over}])"
        )

    def step_increase(self, metric: str, *matchers: str) -> str:
        """By how much a counter grows from one point to the next, merged.

        A difference, where ``increase`` over windows that overlap or leave gaps would show one
        event twice or not at all. The ledger lets counters of events go on after a restart.
        """
        series = self.selector(metric, *matchers)
        now, before = (
            _merged(metric, LABELS[metric], one) for one in (series, f"{series} offset $__interval")
        )
        return f"clamp_min({now} - {before}, 0)"

    def in_states(self, states: Iterable[str]) -> str:
        """``and …``: only those crawls that are in one of the states."""
        series = self.merged(
            "browsertrix_crawl_state", one_of("state", states), labels=CRAWL_LABELS
        )
        return f"and {on(*CRAWL_LABELS)} {series}"


def one_of(label: str, values: Iterable[str]) -> str:
    """A matcher for several values."""
    return f'{label}=~"{"|".join(sorted(values))}"'


def sum_by(expression: str, *labels: str) -> str:
    """The sum for each combination of the labels; without labels, of all."""
    return f"sum {by(*labels)} ({expression})" if labels else f"sum({expression})"


def topk(number: int, expression: str) -> str:
    """The series with the largest values."""
    return f"topk({number}, {expression})"


def histogram_quantile(share: float, expression: str, *labels: str) -> str:
    """A quantile of a histogram's buckets, for each combination of the labels."""
    return f"histogram_quantile({share}, {sum_by(expression, *labels, 'le')})"


def memory_of_limit(selection: Selection) -> str:
    """Used bytes of memory over the limit of each pod, where it is killed.

    Browsertrix sets that a fifth above what it gives a pod, of which the usage ratio is.
    """
    used, limit = (
        selection.selector(f"browsertrix_pod_memory_{what}_bytes") for what in ("used", "limit")
    )
    return f"max {by(*POD_LABELS)} ({used} / {limit})"


def volume_fill(selection: Selection) -> str:
    """Used over total bytes of the volume of each pod, as recorded.

    Where nobody scrapes kubelets there is nothing.
    """
    used = selection.matching(_VOLUME_USED, (*POD_LABELS, "resource"), 'resource="storage"')
    return f"max {by(*POD_LABELS)} ({used})"


def exit_reasons(selection: Selection) -> str:
    """The info series of each pod with its last exit reason, one series for a pod.

    When the reason changes, one of a pair of exporters still serves the old one for a scrape: two
    series for a pod, which a join would refuse, and with it the whole query.
    """
    return f"topk {by(*POD_LABELS)} (1, {selection.selector('browsertrix_pod_info')})"


def with_role_and_index(expression: str, selection: Selection) -> str:
    """Add the labels ``role`` and ``index``: legends with whole pod names would be unreadable."""
    info = selection.merged("browsertrix_pod_info", labels=(*POD_LABELS, "role", "index"))
    return f"{expression} * {on(*POD_LABELS)} group_left (role, index) {info}"

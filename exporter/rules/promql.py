"""Clauses of PromQL, written from label names; rules and dashboards share them.

Which labels say whose a series is stands in ``exporter.resources.identity``: expressions that group
or match by them read it there, so a label that is added or renamed reaches all of them. Every
clause keeps ``cluster`` too: behind one ruler (Thanos, Mimir) the series of several clusters stand
side by side, and neither may hide or complete the other's. Where no series has the label, it
changes nothing.

So do expressions that shards of an exporter have a part in keep ``shard``, until they are added up.
"""

from typing import Final

from exporter.resources.identity import SHARD, TOTAL_SHARDS

CLUSTER: Final = "cluster"
"""The label that says which cluster a series is of, as kube-prometheus-stack's users call it."""
EXPORTER: Final = ("job", "instance")
"""Prometheus's own labels of a target: they tell one exporter from another."""
INSTANCE: Final = "Exporter {{ $labels.instance }}"
"""Which exporter it is, at the beginning of an alert's text."""


def by(*labels: str) -> str:
    """The clause of an aggregation: ``by (cluster, namespace, state)``."""
    return f"by ({', '.join((CLUSTER, *labels))})"


def on(*labels: str) -> str:
    """The clause of vector matching: ``on (cluster, namespace, state)``."""
    return f"on ({', '.join((CLUSTER, *labels))})"


def added(series: str, *labels: str) -> str:
    """How many there are by what shards count now: a pair of one is merged, and shards are added.

    While their number changes, a crawl may be counted in a shard of the old number and in one of
    the new; of the two sums the higher one stands, and neither has a crawl twice.
    """
    merged = f"max {by(*labels, SHARD, TOTAL_SHARDS)} ({series})"
    return f"max {by(*labels)} (sum {by(*labels, TOTAL_SHARDS)} ({merged}))"


def added_growth(expression: str, *labels: str) -> str:
    """By how much counters grew: as ``added``, these go on when the number of shards changes."""
    return f"sum {by(*labels)} (max {by(*labels, SHARD)} ({expression}))"

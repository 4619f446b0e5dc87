"""Clauses of PromQL, written from label names; rules and dashboards share them.

Which labels say whose a series is stands in ``exporter.resources.identity``: expressions that group
or match by them read it there, so a label that is added or renamed reaches all of them. Every
clause keeps ``cluster`` too: behind one ruler (Thanos, Mimir) the series of several clusters stand
side by side, and neither may hide or complete the other's. Where no series has the label, it
changes nothing.
"""

from typing import Final

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

"""Clauses of PromQL, written from label names; rules and dashboards share them.

Which labels say whose a series is stands in ``exporter.resources.identity``: expressions that group
or match by them read it there, so a label that is added or renamed reaches all of them.
"""


def by(*labels: str) -> str:
    """The clause of an aggregation: ``by (namespace, state)``."""
    return f"by ({', '.join(labels)})"


def on(*labels: str) -> str:
    """The clause of vector matching: ``on (namespace, state)``."""
    return f"on ({', '.join(labels)})"

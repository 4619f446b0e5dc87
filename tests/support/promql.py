"""Static checks of PromQL: whether metrics and labels exist, and which labels the result has.

Prometheus takes a misspelt label for one that is empty, so it loads a rule that can never fire
without an error. Here every name is checked against what is served.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import promql_parser as promql

from exporter.metrics import CATALOG
from exporter.metrics.catalog import Family, Kind
from exporter.metrics.sharding import shard_labels
from exporter.resources.identity import POD_LABELS
from support.rules import RECORDS

MetricLabels = Mapping[str, frozenset[str]]
"""The labels of each metric that exists, by name."""

TARGET: Final = frozenset({"cluster", "job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes, ``cluster`` where it has several."""
_RENAMED: Final = frozenset({"exported_namespace"})
"""What Prometheus makes of labels that a target's own hide, without ``honor_labels``."""

_SELECTING: Final = ("topk", "bottomk")
"""Aggregations whose result is some of the series, unchanged."""
_SET_OPERATORS: Final = ("and", "or", "unless")


class QueryError(Exception):
    """The expression does not parse, or names a metric or label that does not exist."""


def sample_labels(families: Iterable[Family]) -> dict[str, frozenset[str]]:
    """The labels of each sample name of the families, as Prometheus stores them."""
    found = {}
    for family in families:
        for name in family.sample_names:
            bucket = family.kind is Kind.HISTOGRAM and name.endswith("_bucket")
            own = {*family.labels, *shard_labels(family), *({"le"} if bucket else ())}
            found[name] = TARGET | own
    return found


_KUBELET: Final = {
    f"kubelet_volume_stats_{name}": TARGET | {"namespace", "persistentvolumeclaim"}
    for name in ("used_bytes", "capacity_bytes", "inodes_used", "inodes")
}
"""Of Kubernetes, ``pkg/kubelet/metrics/collectors/volume_stats.go``."""

METRICS: Final = (
    sample_labels(CATALOG)
    | {record.name: frozenset({"cluster", *record.labels}) for record in RECORDS}
    | {"up": TARGET, "ALERTS": frozenset({"alertname", "alertstate", "cluster", *POD_LABELS})}
    | _KUBELET
)
"""All that the exporter serves and this repository's rules record, and what others give them."""


def result_labels(expression: str, metrics: MetricLabels) -> frozenset[str]:
    """The labels that the series of the expression's result can have.

    Raises QueryError when it does not parse, is no vector, or names what does not exist.
    """
    try:
        parsed = promql.parse(expression)
    except ValueError as error:
        raise QueryError(f"{error}: {expression}") from error
    labels = _labels(parsed, metrics)
    if labels is None:
        raise QueryError(f"it does not result in series: {expression}")
    return labels


def _labels(expr: promql.Expr, metrics: MetricLabels) -> frozenset[str] | None:
    """The labels of a vector or a matrix; None of a scalar or a string."""
    match expr:
        case promql.VectorSelector():
            labels: frozenset[str] | None = _selected(expr, metrics)
        case promql.MatrixSelector():
            labels = _selected(expr.vector_selector, metrics)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            labels = _labels(expr.expr, metrics)
        case promql.AggregateExpr():
            labels = _aggregated(expr, metrics)
        case promql.Call():
            labels = _called(expr, metrics)
        case promql.BinaryExpr():
            labels = _combined(expr, metrics)
        case promql.NumberLiteral() | promql.StringLiteral():
            labels = None
        case _:
            raise QueryError(f"this check does not support {type(expr).__name__}")
    return labels


def _selected(selector: promql.VectorSelector, metrics: MetricLabels) -> frozenset[str]:
    if selector.name is None or selector.name not in metrics:
        raise QueryError(f"there is no metric {selector.name}")
    labels = metrics[selector.name]
    named = {matcher.name for matcher in selector.matchers.matchers} - _RENAMED
    _require(named, labels, selector.name)
    return labels


def _aggregated(expr: promql.AggregateExpr, metrics: MetricLabels) -> frozenset[str]:
    inner = _vector(expr.expr, metrics)
    added: frozenset[str] = frozenset()
    if str(expr.op) == "count_values":
        added = frozenset({_string(expr.param)})
    if expr.modifier is None:
        return inner if str(expr.op) in _SELECTING else added
    _require(expr.modifier.labels, inner, f"{expr.op} ({expr.expr.prettify()})")
    if str(expr.op) in _SELECTING:
        return inner
    named = frozenset(expr.modifier.labels) | added
    return named if expr.modifier.type == promql.AggModifierType.By else inner - named


def _string(expr: promql.Expr | None) -> str:
    if not isinstance(expr, promql.StringLiteral):
        raise QueryError(f"no string literal: {expr}")
    return expr.val


def _called(expr: promql.Call, metrics: MetricLabels) -> frozenset[str] | None:
    vectors = [labels for arg in expr.args if (labels := _labels(arg, metrics)) is not None]
    if expr.func.return_type == promql.ValueType.Scalar or not vectors:
        return None
    if expr.func.name in ("absent", "absent_over_time"):
        return frozenset()
    if expr.func.name == "label_replace":
        return vectors[0] | {_string(expr.args[1])}
    return vectors[0] - {"le"} if expr.func.name == "histogram_quantile" else vectors[0]


def _combined(expr: promql.BinaryExpr, metrics: MetricLabels) -> frozenset[str] | None:
    left, right = _labels(expr.lhs, metrics), _labels(expr.rhs, metrics)
    if left is None or right is None:
        return right if left is None else left
    matching = expr.modifier.matching if expr.modifier else None
    where = f"{expr.op} in {expr.prettify()}"
    if matching is None and str(expr.op) == "or":
        return left | right
    if matching is None and str(expr.op) == "or":
        return left | right
    if matching is None:
        if left != right:
            raise QueryError(f"labels {set(left ^ right)} are on one side only of {where}")
        return left
    _require(matching.labels, left, f"the left of {where}")
    _require(matching.labels, right, f"the right of {where}")
    if str(expr.op) in _SET_OPERATORS:
        return left | right if str(expr.op) == "or" else left
    group = expr.modifier.group_labels if expr.modifier else None
    if expr.modifier and expr.modifier.card == promql.VectorMatchCardinality.OneToMany:
        left, right = right, left
    _require(group or (), right, f"the one side of {where}")
    return left | frozenset(group or ()) if group is not None else frozenset(matching.labels)


def _vector(expr: promql.Expr, metrics: MetricLabels) -> frozenset[str]:
    labels = _labels(expr, metrics)
    if labels is None:
        raise QueryError(f"it does not result in series: {expr.prettify()}")
    return labels


def _require(wanted: Iterable[str], labels: frozenset[str], where: str) -> None:
    missing = sorted(set(wanted) - labels)
    if missing:
        raise QueryError(f"no label {', '.join(missing)} on {where}; it has {sorted(labels)}")

"""What a PromQL expression asks for: whether its metrics and labels exist, and what comes out.

Prometheus takes a misspelt label for one that is empty, so a rule that can never fire loads without
a word. Here every name is checked against what is served.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import promql_parser as promql

from exporter.metrics.catalog import Family, Kind

Known = Mapping[str, frozenset[str]]
"""The labels of each metric that exists."""

TARGET: Final = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""

_CHOOSING: Final = ("topk", "bottomk")
"""Aggregations that give some of the series as they are."""
_SETS: Final = ("and", "or", "unless")


class QueryError(Exception):
    """The expression asks for something that does not exist."""


def served(families: Iterable[Family]) -> dict[str, frozenset[str]]:
    """All samples of the families with their labels, as Prometheus stores them."""
    known = {}
    for family in families:
        for name in family.sample_names:
            bucket = family.kind is Kind.HISTOGRAM and name.endswith("_bucket")
            known[name] = frozenset(family.labels) | TARGET | ({"le"} if bucket else set())
    return known


def labels_of(expression: str, known: Known) -> frozenset[str]:
    """The labels that the expression's series can have.

    Raises QueryError when it does not parse, is no vector, or names what does not exist.
    """
    try:
        parsed = promql.parse(expression)
    except ValueError as error:
        raise QueryError(f"{error}: {expression}") from error
    labels = _labels(parsed, known)
    if labels is None:
        raise QueryError(f"no series come out: {expression}")
    return labels


def _labels(expr: promql.Expr, known: Known) -> frozenset[str] | None:
    """The labels of a vector or a matrix; None of a scalar or a string."""
    match expr:
        case promql.VectorSelector():
            labels: frozenset[str] | None = _selected(expr, known)
        case promql.MatrixSelector():
            labels = _selected(expr.vector_selector, known)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            labels = _labels(expr.expr, known)
        case promql.AggregateExpr():
            labels = _aggregated(expr, known)
        case promql.Call():
            labels = _called(expr, known)
        case promql.BinaryExpr():
            labels = _combined(expr, known)
        case promql.NumberLiteral() | promql.StringLiteral():
            labels = None
        case _:
            raise QueryError(f"not known to this check: {type(expr).__name__}")
    return labels


def _selected(selector: promql.VectorSelector, known: Known) -> frozenset[str]:
    if selector.name is None or selector.name not in known:
        raise QueryError(f"there is no metric {selector.name}")
    labels = known[selector.name]
    _require((matcher.name for matcher in selector.matchers.matchers), labels, selector.name)
    return labels


def _aggregated(expr: promql.AggregateExpr, known: Known) -> frozenset[str]:
    inner = _vector(expr.expr, known)
    added: frozenset[str] = frozenset()
    if str(expr.op) == "count_values":
        added = frozenset({_text(expr.param)})
    if expr.modifier is None:
        return inner if str(expr.op) in _CHOOSING else added
    _require(expr.modifier.labels, inner, f"{expr.op} ({expr.expr.prettify()})")
    if str(expr.op) in _CHOOSING:
        return inner
    named = frozenset(expr.modifier.labels) | added
    return named if expr.modifier.type == promql.AggModifierType.By else inner - named


def _text(expr: promql.Expr | None) -> str:
    if not isinstance(expr, promql.StringLiteral):
        raise QueryError(f"no text: {expr}")
    return expr.val


def _called(expr: promql.Call, known: Known) -> frozenset[str] | None:
    vectors = [labels for arg in expr.args if (labels := _labels(arg, known)) is not None]
    if expr.func.return_type == promql.ValueType.Scalar or not vectors:
        return None
    if expr.func.name in ("absent", "absent_over_time"):
        return frozenset()
    if expr.func.name == "label_replace":
        return vectors[0] | {_text(expr.args[1])}
    return vectors[0] - {"le"} if expr.func.name == "histogram_quantile" else vectors[0]


def _combined(expr: promql.BinaryExpr, known: Known) -> frozenset[str] | None:
    left, right = _labels(expr.lhs, known), _labels(expr.rhs, known)
    if left is None or right is None:
        return right if left is None else left
    matching = expr.modifier.matching if expr.modifier else None
    where = f"{expr.op} in {expr.prettify()}"
    if matching is None:
        if left != right:
            raise QueryError(f"labels {set(left ^ right)} are on one side only of {where}")
        return left
    _require(matching.labels, left, f"the left of {where}")
    _require(matching.labels, right, f"the right of {where}")
    if str(expr.op) in _SETS:
        return left | right if str(expr.op) == "or" else left
    group = expr.modifier.group_labels if expr.modifier else None
    _require(group or (), right, f"the right of {where}")
    return left | frozenset(group or ()) if group is not None else frozenset(matching.labels)


def _vector(expr: promql.Expr, known: Known) -> frozenset[str]:
    labels = _labels(expr, known)
    if labels is None:
        raise QueryError(f"no series come out: {expr.prettify()}")
    return labels


def _require(wanted: Iterable[str], labels: frozenset[str], where: str) -> None:
    missing = sorted(set(wanted) - labels)
    if missing:
        raise QueryError(f"no label {', '.join(missing)} on {where}; it has {sorted(labels)}")

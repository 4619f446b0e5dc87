"""Every query of a dashboard, as Grafana would send it to Prometheus: for tests and pictures.

Read from the JSON rather than from the declarations, as Grafana reads the JSON, too.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.resources.identity import CRAWL_LABELS

SCRAPE_INTERVAL: Final = 60
"""Seconds; set in Grafana's data source, which derives ``$__rate_interval`` from it."""
ALL_SELECTED: Final = dict.fromkeys(("cluster", *CRAWL_LABELS, "cid", "job", "instance"), ".*")
"""Every variable of any dashboard, where nothing is selected."""
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|([A-Za-z_]\w*))")
"""``$1`` is none, but what ``label_replace`` has matched: Grafana leaves it as it is."""
_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")
_QUERY_RESULT: Final = re.compile(r"query_result\((.+)\)")
_GROUP: Final = re.compile(r'(\w+)="\(\?<(value|text)>\[\^"\]\+\)')
"""A part of a variable's regular expression: the label whose value is the value, or the text."""
_TEMPLATE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class DashboardQuery:
    """The expression of a panel or an annotation, and how its result is used."""

    where: str
    """Dashboard, panel and ref, as in ``Browsertrix / Pods / Exits / A``."""
    expr: str
    """With Grafana's variables still in it."""
    instant: bool
    labels: frozenset[str]
    """The labels that must be on the result, as the panel shows them or links by them."""
    min_interval: float = 0
    """The shortest step, in seconds."""
    in_table: bool = False
    """Whether ``labels`` may come from other queries of the same table."""


def interpolate(expr: str, span: float, step: float, variables: Mapping[str, str]) -> str:
    """Replace variables; ``span`` is the time shown and ``step`` between points, in seconds.

    Raises KeyError for a variable that is neither given nor one of Grafana's own.
    """
    values = {
        "__range": f"{round(span)}s",
        "__range_s": f"{round(span)}",
        "__interval": f"{round(step)}s",
        "__rate_interval": f"{round(max(step + SCRAPE_INTERVAL, 4 * SCRAPE_INTERVAL))}s",
        **variables,
    }
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], expr)


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels that have queries: all but the headings of rows and texts."""
    return (panel for panel in dashboard["panels"] if panel["type"] not in ("row", "text"))


def panel_queries(dashboard: Mapping[str, Any]) -> Iterator[DashboardQuery]:
    """The queries of the panels, in their order."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield DashboardQuery(
                f"{dashboard['title']} / {panel['title']} / {target['refId']}",
                target["expr"],
                target.get("instant", False),
                _used_labels(panel, target),
                seconds(panel.get("interval", "")),
                panel["type"] == "table",
            )


def annotation_queries(dashboard: Mapping[str, Any]) -> Iterator[DashboardQuery]:
    """The queries of the annotations but the built-in one, which has none."""
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            text = f"{annotation['titleFormat']} {annotation['textFormat']}"
            yield DashboardQuery(
                f"{dashboard['title']} / annotation {annotation['name']}",
                annotation["expr"],
                instant=False,
                labels=frozenset([*_TEMPLATE.findall(text), *annotation["tagKeys"].split(",")]),
                min_interval=seconds(annotation["step"]),
            )


@dataclass(frozen=True, slots=True)
class VariableQuery:
    """The query of a variable: the values of a label among the series of a selector."""

    where: str
    name: str
    selector: str
    label: str
    text: str = ""
    """The label that is shown instead, where it is not empty; then the selector is an expression
    that is evaluated at the end of the time shown."""


def variable_queries(dashboard: Mapping[str, Any]) -> Iterator[VariableQuery]:
    """The queries of the variables.

    Raises ValueError for one that is neither ``label_values`` nor a ``query_result`` with an
    expression that picks one label as value and one as text.
    """
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            where = f"{dashboard['title']} / variable {variable['name']}"
            if match := _LABEL_VALUES.fullmatch(query):
                yield VariableQuery(where, variable["name"], match[1], match[2])
                continue
            picked = {group: label for label, group in _GROUP.findall(variable.get("regex", ""))}
            result = _QUERY_RESULT.fullmatch(query)
            if result is None or set(picked) != {"value", "text"}:
                raise ValueError(f"{where}: {query} is no label_values(series, label)")
            yield VariableQuery(where, variable["name"], result[1], picked["value"], picked["text"])


def _used_labels(panel: Mapping[str, Any], target: Mapping[str, Any]) -> frozenset[str]:
    """Labels in the legend; of a table its columns, hidden ones included."""
    if panel["type"] != "table":
        return frozenset(_TEMPLATE.findall(target.get("legendFormat", "")))
    organize = panel["transformations"][-1]["options"]
    return frozenset(name for name in organize["indexByName"] if not name.startswith("Value"))


def seconds(duration: str) -> float:
    """Parse a duration such as ``60s``, ``10m`` or ``7d``; 0 where it is empty."""
    if not duration:
        return 0
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]

"""Every question a dashboard asks, as Grafana would put it to Prometheus.

Read from the built JSON rather than from what built it, for that is what Grafana reads.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.backfill.record import SCRAPE_EVERY

_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")
_TEMPLATE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Question:
    """One expression, and what is done with the answer."""

    where: str
    """Dashboard, panel and query, for a reader."""
    expr: str
    """With Grafana's variables still in it."""
    instant: bool
    labels: frozenset[str]
    """The labels that must be on the answer, for the panel shows or links them."""
    every: float = 0
    """The shortest step, in seconds."""
    in_table: bool = False
    """Whether other queries give labels, too."""


def interpolated(expr: str, span: float, step: float, variables: Mapping[str, str]) -> str:
    """Fill in variables; ``span`` is the time shown and ``step`` between points, in seconds.

    Raises KeyError for a variable that nothing gives.
    """
    known = {
        "__range": f"{round(span)}s",
        "__interval": f"{round(step)}s",
        "__rate_interval": f"{round(max(step + SCRAPE_EVERY, 4 * SCRAPE_EVERY))}s",
        **variables,
    }
    return _VARIABLE.sub(lambda match: known[match[1] or match[2]], expr)


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The panels that show something: rows are only headings."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def panel_questions(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """What the panels ask."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            yield Question(
                f"{dashboard['title']} / {panel['title']} / {target['refId']}",
                target["expr"],
                target.get("instant", False),
                _used_labels(panel, target),
                seconds(panel.get("interval", "")),
                panel["type"] == "table",
            )


def event_questions(dashboard: Mapping[str, Any]) -> Iterator[Question]:
    """What the annotations ask."""
    for event in dashboard["annotations"]["list"]:
        if "expr" in event:
            text = f"{event['titleFormat']} {event['textFormat']}"
            yield Question(
                f"{dashboard['title']} / event {event['name']}",
                event["expr"],
                instant=False,
                labels=frozenset([*_TEMPLATE.findall(text), *event["tagKeys"].split(",")]),
                every=seconds(event["step"]),
            )


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable's choice: the values of a label of some series."""

    where: str
    name: str
    selector: str
    label: str


def choices(dashboard: Mapping[str, Any]) -> Iterator[Choice]:
    """What the variables ask."""
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            match = _LABEL_VALUES.fullmatch(variable["query"]["query"])
            where = f"{dashboard['title']} / variable {variable['name']}"
            if match is None:
                raise ValueError(f"{where}: {variable['query']} is no label_values(series, label)")
            yield Choice(where, variable["name"], match[1], match[2])


def _used_labels(panel: Mapping[str, Any], target: Mapping[str, Any]) -> frozenset[str]:
    """Labels in the legend; of a table the columns and what links take from a row."""
    if panel["type"] != "table":
        return frozenset(_TEMPLATE.findall(target.get("legendFormat", "")))
    organised = panel["transformations"][-1]["options"]
    return frozenset(name for name in organised["indexByName"] if not name.startswith("Value"))


def seconds(duration: str) -> float:
    """Read ``60s``, ``10m``; 0 where nothing is said."""
    if not duration:
        return 0
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]

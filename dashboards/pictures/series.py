"""The series of a panel: its queries' results, named and coloured as Grafana does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboards.backfill import Prometheus
from dashboards.pictures.field_config import overrides
from dashboards.queries import SCRAPE_INTERVAL, interpolate, seconds

PALETTE: Final = (
    "#7EB26D", "#EAB839", "#6ED0E0", "#EF843C", "#E24D42", "#1F78C1", "#BA43A9", "#705DA0",
    "#508642", "#CCA300", "#447EBC", "#C15C17", "#890F02", "#0A437C", "#6D1F62", "#584477",
)  # fmt: skip
"""Grafana's classic palette: the colours of series without one of their own, in turn."""
_TEMPLATE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(slots=True)
class Series:
    """A query's series as a panel shows it: one line, bar or row."""

    name: str
    points: list[tuple[float, float]]
    """Seconds since 1970 and value; one point where the query was instant."""
    colour: str
    dashed: bool = False
    stacked: bool = True

    @property
    def last(self) -> float:
        """The value of the last point."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class QueryRunner:
    """Runs a panel's queries for a time range and selected variables."""

    prometheus: Prometheus
    variables: Mapping[str, str]
    start: float
    end: float

    def run(
        self, target: Mapping[str, Any], width: float, min_interval: float
    ) -> list[dict[str, Any]]:
        """The series of a query, each with ``metric`` and ``values``; ``width`` is in points."""
        step = max(SCRAPE_INTERVAL, min_interval, (self.end - self.start) / max(width, 1))
        step = -(-step // SCRAPE_INTERVAL) * SCRAPE_INTERVAL
        expr = interpolate(target["expr"], self.end - self.start, step, self.variables)
        if target.get("instant"):
            found = self.prometheus.query(expr)
            return [{"metric": one["metric"], "values": [one["value"]]} for one in found]
        return self.prometheus.query_range(expr, self.start, self.end, step)


def series_of(runner: QueryRunner, panel: Mapping[str, Any], width: float) -> list[Series]:
    """The series that have values, in the order of the queries; ``width`` in pixels."""
    found: list[Series] = []
    min_interval = seconds(panel.get("interval", ""))
    for target in panel["targets"]:
        for result in runner.run(target, width / 3, min_interval):
            name = _legend_name(target.get("legendFormat", ""), result["metric"])
            points = [
                (timestamp, float(value))
                for timestamp, value in result["values"]
                if value not in ("NaN", "+Inf", "-Inf")
            ]
            if points:
                found.append(_styled(panel, name, points, len(found)))
    return found


def _legend_name(template: str, labels: Mapping[str, str]) -> str:
    return _TEMPLATE.sub(lambda match: labels.get(match[1], ""), template).strip()


def _styled(
    panel: Mapping[str, Any], name: str, points: list[tuple[float, float]], number: int
) -> Series:
    own = overrides(panel, name)
    colour = own.get("color", {}).get("fixedColor") or PALETTE[number % len(PALETTE)]
    return Series(
        name,
        points,
        colour,
        dashed="custom.lineStyle" in own,
        stacked=own.get("custom.stacking", {}).get("mode") != "none",
    )

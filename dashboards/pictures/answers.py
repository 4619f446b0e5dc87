"""What a panel shows: its queries' answers, named, coloured and arranged as Grafana does."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dashboards.backfill import Prometheus
from dashboards.backfill.questions import interpolated, seconds
from dashboards.backfill.record import SCRAPE_EVERY
from dashboards.pictures.units import written
from exporter.web.colours import NOTICE

PALETTE: Final = (
    "#7EB26D", "#EAB839", "#6ED0E0", "#EF843C", "#E24D42", "#1F78C1", "#BA43A9", "#705DA0",
    "#508642", "#CCA300", "#447EBC", "#C15C17", "#890F02", "#0A437C", "#6D1F62", "#584477",
)  # fmt: skip
_TEMPLATE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(slots=True)
class Series:
    """One line, bar, or row."""

    name: str
    points: list[tuple[float, float]]
    """Seconds since 1970 and value; one point where the query was for a moment."""
    colour: str
    dashed: bool = False
    stacked: bool = True

    @property
    def last(self) -> float:
        """The last value."""
        return self.points[-1][1]


@dataclass(slots=True)
class Grid:
    """A table's columns and rows."""

    columns: list["Column"] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)


@dataclass(slots=True)
class Column:
    """One column, as its overrides have it."""

    title: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Show:
    """What is asked, and for which choice of variables."""

    prometheus: Prometheus
    variables: Mapping[str, str]
    start: float
    end: float

    def ask(self, target: Mapping[str, Any], width: float, every: float) -> list[dict[str, Any]]:
        """The series that answer a query, each with ``metric`` and ``values``."""
        step = max(SCRAPE_EVERY, every, (self.end - self.start) / max(width, 1))
        step = -(-step // SCRAPE_EVERY) * SCRAPE_EVERY
        expr = interpolated(target["expr"], self.end - self.start, step, self.variables)
        if target.get("instant"):
            found = self.prometheus.instant(expr)
            return [{"metric": one["metric"], "values": [one["value"]]} for one in found]
        return self.prometheus.over(expr, self.start, self.end, step)


def series_of(show: Show, panel: Mapping[str, Any], width: float) -> list[Series]:
    """The series of a panel in the order of its queries; ``width`` in pixels."""
    found: list[Series] = []
    every = seconds(panel.get("interval", ""))
    for target in panel["targets"]:
        for answer in show.ask(target, width / 3, every):
            name = _named(target.get("legendFormat", ""), answer["metric"])
            points = [
                (moment, float(value))
                for moment, value in answer["values"]
                if value not in ("NaN", "+Inf", "-Inf")
            ]
            if points:
                found.append(_with_field_config(panel, name, points, len(found)))
    return found


def _named(template: str, labels: Mapping[str, str]) -> str:
    return _TEMPLATE.sub(lambda match: labels.get(match[1], ""), template).strip()


def thresholds(options: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Steps, rising; the first is from minus infinity."""
    steps = options.get("thresholds", {}).get("steps", [])
    return [(float("-inf") if s["value"] is None else s["value"], s["color"]) for s in steps]


def colour_at(options: Mapping[str, Any], value: float) -> str:
    """The colour that a value has by its thresholds."""
    found = NOTICE
    for level, colour in thresholds(options):
        if value >= level:
            found = colour
    return found


def overrides(panel: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is said of a field of this name alone."""
    found: dict[str, Any] = {}
    for one in panel["fieldConfig"]["overrides"]:
        kind, wanted = one["matcher"]["id"], one["matcher"]["options"]
        if (kind == "byName" and wanted == name) or (
            kind == "byRegexp" and re.search(wanted.strip("/"), name)
        ):
            found |= {item["id"]: item["value"] for item in one["properties"]}
    return found


def grid_of(show: Show, panel: Mapping[str, Any]) -> Grid:
    """A table, merged, organised and sorted."""
    frames = [
        {
            tuple(sorted(answer["metric"].items())): float(answer["values"][0][1])
            for answer in show.ask(target, 1, 0)
        }
        for target in panel["targets"]
    ]
    records = list(_merged(frames))
    options = panel["transformations"][-1]["options"]
    shown = sorted(options["indexByName"], key=options["indexByName"].__getitem__)
    grid = Grid()
    kept = []
    for name in shown:
        title = options["renameByName"].get(name, name)
        own = overrides(panel, title)
        if not own.get("custom.hidden"):
            kept.append(name)
            grid.columns.append(Column(title, own))
    sort = panel["options"].get("sortBy") or []
    if sort:
        titles = {title: name for name, title in options["renameByName"].items()}
        by = titles[sort[0]["displayName"]]
        records.sort(key=lambda record: record.get(by, float("-inf")), reverse=True)
    grid.rows = [[record.get(name) for name in kept] for record in records]
    return grid


def cell_text(column: Column, value: Any) -> str:
    """A cell's text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    for mapping in column.options.get("mappings", []):
        text = mapping["options"].get(f"{value:g}", {}).get("text")
        if text is not None:
            return str(text)
    return written(value, column.options.get("unit", "short"), column.options.get("decimals"))


def _merged(frames: list[dict[tuple[tuple[str, str], ...], float]]) -> Iterator[dict[str, Any]]:
    """As Grafana's merge: rows are the same where the labels that all queries have agree."""
    present = [frame for frame in frames if frame]
    names = [{label for key in frame for label, _ in key} for frame in present]
    common = sorted(set.intersection(*names)) if names else []
    found: dict[tuple[str | None, ...], dict[str, Any]] = {}
    for number, frame in enumerate(frames):
        value = "Value" if len(frames) == 1 else f"Value #{chr(ord('A') + number)}"
        for key, amount in frame.items():
            labels = dict(key)
            identity = tuple(labels.get(name) for name in common)
            if len(frames) == 1:
                identity = tuple(labels.values())
            found.setdefault(identity, {}).update(labels | {value: amount})
    yield from found.values()


def _with_field_config(
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

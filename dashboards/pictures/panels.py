"""A panel: its card and title, and the drawing of its type; stat and bar gauge are here."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from dashboards.pictures.canvas import EDGE, FAINT, Box, Canvas, width_of
from dashboards.pictures.field_config import colour_at, overrides, value_text
from dashboards.pictures.over_time import (
    Mark,
    draw_heatmap,
    draw_state_timeline,
    draw_time_axis,
    draw_time_series,
)
from dashboards.pictures.series import QueryRunner, Series, series_of
from dashboards.pictures.tables import draw_table
from dashboards.pictures.units import format_value

_MARKDOWN: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)|`|\*")
"""Links, of which the text stays, and marks."""


def draw(
    canvas: Canvas, box: Box, panel: Mapping[str, Any], runner: QueryRunner, marks: list[Mark]
) -> bool:
    """Draw one panel; returns whether its queries had a result."""
    canvas.card(box)
    canvas.text(box.x + 10, box.y + 16, panel["title"], size=13, bold=True, fit=box.w - 16)
    inside = box.inner(10, 32, 10, 8)
    if panel["type"] == "text":
        _draw_text(canvas, inside, panel["options"]["content"])
        return True
    if panel["type"] == "table":
        return draw_table(canvas, inside, panel, runner)
    series = series_of(runner, panel, box.w)
    if not series:
        no_value = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        size = 24 if panel["type"] == "stat" else 14
        middle, y = box.x + box.w / 2, box.y + box.h / 2 + 8
        canvas.text(middle, y, no_value, size=size, colour=FAINT, align="center")
        return False
    _TYPES[panel["type"]](canvas, inside, panel, series)
    if panel["type"] in ("timeseries", "state-timeline", "heatmap"):
        marks = [] if panel["type"] == "heatmap" else marks
        draw_time_axis(canvas.figure.axes[-1], runner.start, runner.end, marks)
    return True


def _draw_text(canvas: Canvas, box: Box, content: str) -> None:
    """A paragraph, without what is Markdown in it."""
    plain, line, y = _MARKDOWN.sub(r"\1", content), "", box.y + 8
    for word in plain.split():
        if width_of(f"{line} {word}", 12) > box.w:
            canvas.text(box.x, y, line)
            line, y = "", y + 17
        line = f"{line} {word}".strip()
    canvas.text(box.x, y, line)


def _draw_stat(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    shown = series[0]
    options = panel["fieldConfig"]["defaults"]
    if panel["options"]["textMode"] == "name":
        text = shown.name
        colour = overrides(panel, text).get("color", {}).get("fixedColor")
    else:
        text, colour = value_text(options, shown.last), None
    colour = colour or colour_at(options, shown.last)
    size = 34.0
    while width_of(text, size) > box.w - 6:
        size -= 1
    trend = panel["options"].get("graphMode") == "area" and len(shown.points) > 1
    canvas.text(
        box.x + box.w / 2,
        box.y + box.h * (0.4 if trend else 0.5),
        text,
        size=size,
        colour=colour,
        align="center",
        bold=True,
    )
    if trend:
        axes = canvas.axes(Box(box.x - 6, box.y + box.h * 0.64, box.w + 12, box.h * 0.36 + 4))
        axes.grid(visible=False)
        axes.tick_params(labelbottom=False, labelleft=False)
        x, y = [list(values) for values in zip(*shown.points, strict=True)]
        axes.plot(x, y, color=colour, linewidth=1)
        axes.fill_between(x, y, min(0, *y), color=colour, alpha=0.2, linewidth=0)
        axes.margins(0, 0.05)


def _draw_bar_gauge(
    canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]
) -> None:
    options = panel["fieldConfig"]["defaults"]
    series = sorted(series, key=lambda one: -one.last)
    most = max(one.last for one in series) or 1
    each = min(box.h / len(series), 40)
    label = min(max(width_of(one.name, 12) for one in series) + 10, box.w * 0.5)
    for number, one in enumerate(series):
        y = box.y + number * each + each / 2
        canvas.text(box.x + label - 8, y, one.name, size=12, align="right", fit=label)
        width = box.w - label - 44
        canvas.bar(Box(box.x + label, y - each * 0.34, width, each * 0.68), EDGE, 0.6)
        canvas.bar(
            Box(box.x + label, y - each * 0.34, width * one.last / most, each * 0.68), one.colour
        )
        canvas.text(
            box.x + label + width + 8,
            y,
            format_value(one.last, options["unit"], options.get("decimals")),
            colour=one.colour,
            bold=True,
        )


_TYPES: Final[Mapping[str, Callable[[Canvas, Box, Mapping[str, Any], list[Series]], None]]] = {
    "stat": _draw_stat,
    "timeseries": draw_time_series,
    "state-timeline": draw_state_timeline,
    "bargauge": _draw_bar_gauge,
    "heatmap": draw_heatmap,
}

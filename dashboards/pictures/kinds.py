"""How each kind of panel is drawn."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from dashboards.pictures.answers import (
    Series,
    Show,
    colour_at,
    overrides,
    series_of,
    thresholds,
)
from dashboards.pictures.canvas import EDGE, FAINT, TEXT, Box, Canvas, width_of
from dashboards.pictures.tables import draw_table
from dashboards.pictures.units import ticks, written

Annotation = tuple[float, str]
"""A moment (seconds since 1970) and a colour."""

_SPECTRAL: Final = LinearSegmentedColormap.from_list(
    "spectral", ["#2B3A67", "#3288BD", "#66C2A5", "#E6F598", "#FDAE61", "#D53E4F"]
)
_LEGEND: Final = 3
"""Lines of a legend at most."""


def draw(
    canvas: Canvas, box: Box, panel: Mapping[str, Any], show: Show, events: list[Annotation]
) -> bool:
    """Draw one panel; whether it had anything to show."""
    canvas.card(box)
    canvas.text(box.x + 10, box.y + 16, panel["title"], size=13, bold=True, fit=box.w - 16)
    inside = box.inner(10, 32, 10, 8)
    if panel["type"] == "table":
        return draw_table(canvas, inside, panel, show)
    series = series_of(show, panel, box.w)
    if not series:
        said = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        size = 24 if panel["type"] == "stat" else 14
        canvas.text(
            box.x + box.w / 2, box.y + box.h / 2 + 8, said, size=size, colour=FAINT, align="center"
        )
        return False
    _KINDS[panel["type"]](canvas, inside, panel, series)
    if panel["type"] in ("timeseries", "state-timeline", "heatmap"):
        _date(canvas.figure.axes[-1], show, () if panel["type"] == "heatmap" else events)
    return True


def _number(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    shown = series[0]
    options = panel["fieldConfig"]["defaults"]
    if panel["options"]["textMode"] == "name":
        text = shown.name
        colour = overrides(panel, text).get("color", {}).get("fixedColor")
    else:
        text, colour = _words_for(options, shown.last), None
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


def _words_for(options: Mapping[str, Any], value: float) -> str:
    """A value as a panel writes it."""
    for mapping in options.get("mappings", []):
        text = mapping["options"].get(f"{value:g}", {}).get("text")
        if text is not None:
            return str(text)
    return written(value, options["unit"], options.get("decimals"))


def _over_time(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    options = panel["fieldConfig"]["defaults"]
    custom = options.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    area = _legend(canvas, box, series)
    axes = canvas.axes(area.inner(52, 2, 4, 18))
    moments = sorted({moment for one in series for moment, _ in one.points})
    step = _step(moments)
    if len(moments) > 1:  # also those at which no series has a value
        count = round((moments[-1] - moments[0]) / step)
        moments = [moments[0] + number * step for number in range(count + 1)]
    floor = dict.fromkeys(moments, 0.0)
    for one in series:
        pile = stacked and one.stacked
        if custom.get("drawStyle") == "bars":
            _bars(axes, one, floor if pile else None, step)
        elif pile:
            _layer(axes, one, moments, floor)
        else:
            x, y = _with_gaps(one, step)
            axes.plot(x, y, color=one.colour, linewidth=1.3, linestyle="--" if one.dashed else "-")
            if not one.dashed:
                axes.fill_between(x, y, 0, color=one.colour, alpha=0.08, linewidth=0)
    if custom.get("thresholdsStyle", {}).get("mode") == "dashed":
        for level, colour in thresholds(options)[1:]:
            axes.axhline(level, color=colour, linewidth=0.8, linestyle=(0, (6, 5)))
    low, high = axes.get_ylim()
    high = options.get("max", max(high, 1e-9))
    axes.set_ylim(options.get("min", low), high)
    values = ticks(high, options["unit"], options.get("decimals"))
    axes.set_yticks(values, [written(round(one, 6), options["unit"]) for one in values])


def _step(moments: list[float]) -> float:
    """The time between two points, where some may be missing; in seconds."""
    return math.gcd(*(round(b - a) for a, b in pairwise(moments))) or 60


def _layer(axes: Axes, one: Series, moments: list[float], floor: dict[float, float]) -> None:
    values = dict(one.points)
    lower = [floor[moment] for moment in moments]
    upper = [floor[moment] + values.get(moment, 0.0) for moment in moments]
    axes.fill_between(moments, lower, upper, color=one.colour, alpha=0.6, linewidth=0)
    axes.plot(moments, upper, color=one.colour, linewidth=0.8)
    floor.update(zip(moments, upper, strict=True))


def _bars(axes: Axes, one: Series, floor: dict[float, float] | None, step: float) -> None:
    x, y = [list(values) for values in zip(*one.points, strict=True)]
    lower = [floor[moment] for moment in x] if floor is not None else [0.0] * len(x)
    axes.bar(x, y, width=step * 0.8, bottom=lower, color=one.colour, alpha=0.85)
    if floor is not None:
        floor.update({a: b + c for a, b, c in zip(x, lower, y, strict=True)})


def _with_gaps(one: Series, step: float) -> tuple[list[float], list[float]]:
    """Points, with a gap where a value is missing."""
    x: list[float] = []
    y: list[float] = []
    for moment, value in one.points:
        if x and moment - x[-1] > step * 1.5:
            x.append(moment - step)
            y.append(float("nan"))
        x.append(moment)
        y.append(value)
    return x, y


def _legend(canvas: Canvas, box: Box, series: list[Series]) -> Box:
    """Name the series below, in a few lines; returns what is left above."""
    lines: list[list[Series]] = [[]]
    used = 0.0
    for one in sorted(series, key=lambda each: each.dashed):
        wide = min(width_of(one.name, 11), 250) + 30
        if lines[-1] and used + wide > box.w:
            lines.append([])
            used = 0.0
        lines[-1].append(one)
        used += wide
    for number, names in enumerate(lines[:_LEGEND]):
        x, y = box.x, box.y + box.h - 17 * (min(len(lines), _LEGEND) - number) + 9
        for one in names:
            canvas.rule(x, y, 12, one.colour, 2.5)
            x += 18 + canvas.text(x + 16, y, one.name, size=11, colour=TEXT, fit=250) + 12
    return box.inner(0, 0, 0, 17 * min(len(lines), _LEGEND) + 4)


def _timeline(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:  # noqa: ARG001 - the same for all kinds
    names = list(dict.fromkeys(one.name for one in series))
    axes = canvas.axes(box.inner(150, 2, 4, 18))
    for one in series:
        row = names.index(one.name)
        for start, end in _spans(one):
            axes.barh(row, end - start, left=start, height=0.75, color=one.colour, alpha=0.9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False, axis="y")


def _spans(one: Series) -> list[tuple[float, float]]:
    moments = [moment for moment, _ in one.points]
    step = _step(moments)
    found = [(moments[0], moments[0] + step)]
    for moment in moments[1:]:
        if moment - found[-1][1] < step * 0.5:
            found[-1] = (found[-1][0], moment + step)
        else:
            found.append((moment, moment + step))
    return found


def _amounts(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    options = panel["fieldConfig"]["defaults"]
    series = sorted(series, key=lambda one: -one.last)
    most = max(one.last for one in series) or 1
    each = min(box.h / len(series), 40)
    label = min(max(width_of(one.name, 12) for one in series) + 10, box.w * 0.5)
    for number, one in enumerate(series):
        y = box.y + number * each + each / 2
        canvas.text(box.x + label - 8, y, one.name, size=12, align="right", fit=label)
        room = box.w - label - 44
        canvas.bar(Box(box.x + label, y - each * 0.34, room, each * 0.68), EDGE, 0.6)
        canvas.bar(
            Box(box.x + label, y - each * 0.34, room * one.last / most, each * 0.68), one.colour
        )
        canvas.text(
            box.x + label + room + 8,
            y,
            written(one.last, options["unit"], options.get("decimals")),
            colour=one.colour,
            bold=True,
        )


def _shades(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    axes = canvas.axes(box.inner(44, 2, 4, 18))
    unit = panel["options"]["yAxis"]["unit"]
    series = sorted(series, key=lambda one: float(one.name))
    counts = np.array([[value for _, value in one.points] for one in series])
    counts[1:] -= counts[:-1].copy()
    start, end = series[0].points[0][0], series[0].points[-1][0]
    axes.imshow(
        np.where(counts > 0, counts, np.nan) ** 0.5,
        cmap=_SPECTRAL,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        vmin=0,
        extent=(start, end, 0, len(series)),
    )
    names = [written(float(one.name), unit) for one in series[:-1]]
    axes.set_yticks([row + 0.5 for row in range(len(series))], [*names, series[-1].name])
    axes.grid(visible=False)


def _date(axes: Axes, show: Show, events: Iterable[Annotation]) -> None:
    """Show the time shown and its hours, and mark what happened."""
    axes.set_xlim(show.start, show.end)
    for moment, colour in events:
        axes.axvline(moment, color=colour, linewidth=0.7, linestyle=(0, (3, 3)), alpha=0.8)
        axes.plot(
            [moment],
            [0],
            marker="^",
            markersize=3.5,
            color=colour,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    step = 3600 if show.end - show.start > 4 * 3600 else 1800
    first = -(-show.start // step) * step
    ticks = [first + n * step for n in range(int((show.end - first) // step) + 1)]
    axes.set_xticks(ticks, [f"{datetime.fromtimestamp(tick, UTC):%H:%M}" for tick in ticks])


_KINDS: Final[Mapping[str, Callable[[Canvas, Box, Mapping[str, Any], list[Series]], None]]] = {
    "stat": _number,
    "timeseries": _over_time,
    "state-timeline": _timeline,
    "bargauge": _amounts,
    "heatmap": _shades,
}

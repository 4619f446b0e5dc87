"""Panels with a time axis: time series, state timeline, heatmap; and the annotations on them."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from dashboards.pictures.canvas import TEXT, Box, Canvas, width_of
from dashboards.pictures.field_config import colour_at, thresholds
from dashboards.pictures.series import Series
from dashboards.pictures.units import format_value, ticks

Mark = tuple[float, str]
"""Where an annotation is: a timestamp (seconds since 1970) and a colour."""

_SPECTRAL: Final = LinearSegmentedColormap.from_list(
    "spectral", ["#2B3A67", "#3288BD", "#66C2A5", "#E6F598", "#FDAE61", "#D53E4F"]
)
_LEGEND_LINES: Final = 3
"""At most; further series are not named."""


def draw_time_series(
    canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]
) -> None:
    """Lines, areas or bars, stacked or not, with a legend below."""
    options = panel["fieldConfig"]["defaults"]
    custom = options.get("custom", {})
    stacked = custom.get("stacking", {}).get("mode") == "normal"
    area = _draw_legend(canvas, box, series)
    axes = canvas.axes(area.inner(52, 2, 4, 18))
    timestamps = sorted({timestamp for one in series for timestamp, _ in one.points})
    step = _step(timestamps)
    if len(timestamps) > 1:  # also those at which no series has a value
        count = round((timestamps[-1] - timestamps[0]) / step)
        timestamps = [timestamps[0] + number * step for number in range(count + 1)]
    floor = dict.fromkeys(timestamps, 0.0)
    for one in series:
        pile = stacked and one.stacked
        if custom.get("drawStyle") == "bars":
            _bars(axes, one, floor if pile else None, step)
        elif pile:
            _layer(axes, one, timestamps, floor)
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
    axes.set_yticks(values, [format_value(round(one, 6), options["unit"]) for one in values])


def _step(timestamps: list[float]) -> float:
    """The time between two points, where some may be missing; in seconds."""
    return math.gcd(*(round(b - a) for a, b in pairwise(timestamps))) or 60


def _layer(axes: Axes, one: Series, timestamps: list[float], floor: dict[float, float]) -> None:
    values = dict(one.points)
    lower = [floor[timestamp] for timestamp in timestamps]
    upper = [floor[timestamp] + values.get(timestamp, 0.0) for timestamp in timestamps]
    axes.fill_between(timestamps, lower, upper, color=one.colour, alpha=0.6, linewidth=0)
    axes.plot(timestamps, upper, color=one.colour, linewidth=0.8)
    floor.update(zip(timestamps, upper, strict=True))


def _bars(axes: Axes, one: Series, floor: dict[float, float] | None, step: float) -> None:
    x, y = [list(values) for values in zip(*one.points, strict=True)]
    lower = [floor[timestamp] for timestamp in x] if floor is not None else [0.0] * len(x)
    axes.bar(x, y, width=step * 0.8, bottom=lower, color=one.colour, alpha=0.85)
    if floor is not None:
        floor.update({a: b + c for a, b, c in zip(x, lower, y, strict=True)})


def _with_gaps(one: Series, step: float) -> tuple[list[float], list[float]]:
    """Points, with a gap where a value is missing."""
    x: list[float] = []
    y: list[float] = []
    for timestamp, value in one.points:
        if x and timestamp - x[-1] > step * 1.5:
            x.append(timestamp - step)
            y.append(float("nan"))
        x.append(timestamp)
        y.append(value)
    return x, y


def _draw_legend(canvas: Canvas, box: Box, series: list[Series]) -> Box:
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
    for number, names in enumerate(lines[:_LEGEND_LINES]):
        x, y = box.x, box.y + box.h - 17 * (min(len(lines), _LEGEND_LINES) - number) + 9
        for one in names:
            canvas.rule(x, y, 12, one.colour, 2.5)
            x += 18 + canvas.text(x + 16, y, one.name, size=11, colour=TEXT, fit=250) + 12
    return box.inner(0, 0, 0, 17 * min(len(lines), _LEGEND_LINES) + 4)


def draw_state_timeline(
    canvas: Canvas,
    box: Box,
    panel: Mapping[str, Any],
    series: list[Series],
) -> None:
    """A row for each name, with a bar for as long as its series has a value."""
    options = panel["fieldConfig"]["defaults"]
    by_value = options["color"]["mode"] == "thresholds"
    names = list(dict.fromkeys(one.name for one in series))
    axes = canvas.axes(box.inner(150, 2, 4, 18))
    for one in series:
        row = names.index(one.name)
        for start, end, value in _spans(one):
            colour = colour_at(options, value) if by_value else one.colour
            axes.barh(row, end - start, left=start, height=0.75, color=colour, alpha=0.9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False, axis="y")


def _spans(one: Series) -> list[tuple[float, float, float]]:
    """From when until when it has had which value."""
    step = _step([timestamp for timestamp, _ in one.points])
    found: list[tuple[float, float, float]] = []
    for timestamp, value in one.points:
        if found and timestamp - found[-1][1] < step * 0.5 and value == found[-1][2]:
            found[-1] = (found[-1][0], timestamp + step, value)
        else:
            found.append((timestamp, timestamp + step, value))
    return found


def draw_heatmap(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: list[Series]) -> None:
    """Counts as colours: time by bucket; the series are buckets, named by their bound."""
    axes = canvas.axes(box.inner(44, 2, 4, 18))
    unit = panel["options"]["yAxis"]["unit"]
    series = sorted(series, key=lambda one: float(one.name))
    times = sorted({timestamp for one in series for timestamp, _ in one.points})
    counts = np.array([[dict(one.points).get(at, 0.0) for at in times] for one in series])
    start, end = times[0], times[-1]
    axes.imshow(
        np.where(counts > 0, counts, np.nan) ** 0.5,
        cmap=_SPECTRAL,
        aspect="auto",
        origin="lower",
        interpolation="nearest",
        vmin=0,
        extent=(start, end, 0, len(series)),
    )
    names = [format_value(float(one.name), unit) for one in series]
    axes.set_yticks([row + 0.5 for row in range(len(series))], names)
    axes.grid(visible=False)


def draw_time_axis(axes: Axes, start: float, end: float, marks: Iterable[Mark]) -> None:
    """Limit the axis to the time shown, label it with hours, and mark annotations."""
    axes.set_xlim(start, end)
    for timestamp, colour in marks:
        axes.axvline(timestamp, color=colour, linewidth=0.7, linestyle=(0, (3, 3)), alpha=0.8)
        axes.plot(
            [timestamp],
            [0],
            marker="^",
            markersize=3.5,
            color=colour,
            clip_on=False,
            transform=axes.get_xaxis_transform(),
        )
    step = 3600 if end - start > 4 * 3600 else 1800
    first = -(-start // step) * step
    ticks = [first + n * step for n in range(int((end - first) // step) + 1)]
    axes.set_xticks(ticks, [f"{datetime.fromtimestamp(tick, UTC):%H:%M}" for tick in ticks])

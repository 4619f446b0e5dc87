"""How a table is drawn."""

from collections.abc import Mapping
from typing import Any, Final

from dashboards.pictures.answers import Show, cell_text, colour_at, grid_of
from dashboards.pictures.canvas import EDGE, FAINT, LINK, TEXT, Box, Canvas

_LINE: Final = 27
"""Pixels of a table's row."""


def draw_table(canvas: Canvas, box: Box, panel: Mapping[str, Any], show: Show) -> bool:
    """Draw the rows that fit; whether there are any."""
    grid = grid_of(show, panel)
    if not grid.rows:
        said = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        middle = box.x + box.w / 2
        canvas.text(middle, box.y + box.h / 2, said, size=14, colour=FAINT, align="center")
        return False
    fixed = sum(column.options.get("custom.width", 0) for column in grid.columns)
    loose = [column for column in grid.columns if "custom.width" not in column.options]
    squeeze = min(1.0, box.w / (fixed + 110 * len(loose))) if fixed else 1.0
    spare = (box.w - fixed * squeeze) / len(loose) if loose else 0
    x = box.x
    places = []
    for column in grid.columns:
        wide = column.options.get("custom.width", 0) * squeeze or spare
        places.append((x, wide))
        x += wide
    for column, (left, wide) in zip(grid.columns, places, strict=True):
        canvas.text(left + 4, box.y + 10, column.title, size=11, colour=LINK, bold=True, fit=wide)
    for number, row in enumerate(grid.rows[: int((box.h - 22) / _LINE)]):
        y = box.y + 22 + number * _LINE
        canvas.rule(box.x, y, box.w, EDGE, 0.7)
        for column, value, (left, wide) in zip(grid.columns, row, places, strict=True):
            _cell(canvas, Box(left + 4, y, wide - 8, _LINE), column.options, value,
                  cell_text(column, value))  # fmt: skip
    return True


def _cell(canvas: Canvas, box: Box, options: Mapping[str, Any], value: Any, text: str) -> None:
    colour = TEXT
    if "links" in options:
        colour = LINK
    if isinstance(value, str):
        for mapping in options.get("mappings", []):
            colour = mapping["options"].get(value, {}).get("color", colour)
    elif value is not None and "thresholds" in options:
        colour = colour_at(options, value)
    middle = box.y + box.h / 2 + 1
    if value is not None and options.get("custom.cellOptions", {}).get("type") == "gauge":
        share = max(0.0, min(1.0, value / options["max"]))
        room = box.w - 48
        canvas.bar(Box(box.x, middle - 7, room, 14), EDGE, 0.6)
        canvas.bar(Box(box.x, middle - 7, room * share, 14), colour, 0.9)
        canvas.text(box.x + room + 6, middle, text, size=11, colour=colour)
    else:
        canvas.text(box.x, middle, text, size=12, colour=colour, fit=box.w)

"""Table panels."""

from collections.abc import Mapping
from typing import Any, Final

from dashboards.pictures.canvas import EDGE, FAINT, LINK, TEXT, Box, Canvas
from dashboards.pictures.field_config import colour_at, value_text
from dashboards.pictures.series import QueryRunner
from dashboards.pictures.table_data import table_data

_ROW_HEIGHT: Final = 27
"""Pixels."""


def draw_table(canvas: Canvas, box: Box, panel: Mapping[str, Any], runner: QueryRunner) -> bool:
    """Draw the rows that fit; returns whether there are any."""
    table = table_data(runner, panel)
    if not table.rows:
        no_value = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        middle = box.x + box.w / 2
        canvas.text(middle, box.y + box.h / 2, no_value, size=14, colour=FAINT, align="center")
        return False
    fixed = sum(column.options.get("custom.width", 0) for column in table.columns)
    loose = [column for column in table.columns if "custom.width" not in column.options]
    squeeze = min(1.0, box.w / (fixed + 110 * len(loose))) if fixed else 1.0
    spare = (box.w - fixed * squeeze) / len(loose) if loose else 0
    x = box.x
    spans = []
    for column in table.columns:
        wide = column.options.get("custom.width", 0) * squeeze or spare
        spans.append((x, wide))
        x += wide
    for column, (left, wide) in zip(table.columns, spans, strict=True):
        canvas.text(left + 4, box.y + 10, column.title, size=11, colour=LINK, bold=True, fit=wide)
    for number, row in enumerate(table.rows[: int((box.h - 22) / _ROW_HEIGHT)]):
        y = box.y + 22 + number * _ROW_HEIGHT
        canvas.rule(box.x, y, box.w, EDGE, 0.7)
        for column, value, (left, wide) in zip(table.columns, row, spans, strict=True):
            _cell(canvas, Box(left + 4, y, wide - 8, _ROW_HEIGHT), column.options, value)
    return True


def _cell(canvas: Canvas, box: Box, options: Mapping[str, Any], value: Any) -> None:
    if value is None:
        return
    text = value if isinstance(value, str) else value_text(options, value)
    colour = TEXT
    if "links" in options:
        colour = LINK
    if isinstance(value, str):
        for mapping in options.get("mappings", []):
            colour = mapping["options"].get(value, {}).get("color", colour)
    elif "thresholds" in options:
        colour = colour_at(options, value)
    middle = box.y + box.h / 2 + 1
    if options.get("custom.cellOptions", {}).get("type") == "gauge":
        share = max(0.0, min(1.0, value / options["max"]))
        width = box.w - 48
        canvas.bar(Box(box.x, middle - 7, width, 14), EDGE, 0.6)
        canvas.bar(Box(box.x, middle - 7, width * share, 14), colour, 0.9)
        canvas.text(box.x + width + 6, middle, text, size=11, colour=colour)
    else:
        canvas.text(box.x, middle, text, size=12, colour=colour, fit=box.w)

"""``python -m dashboards.pictures``: draw every dashboard into docs/img."""

import argparse
import io
import json
import logging
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PIL import Image

from dashboards.backfill import ProgramMissingError, Prometheus, backfilled_prometheus
from dashboards.pictures.canvas import FAINT, HEADER, LINK, WIDTH, Canvas
from dashboards.pictures.over_time import Mark
from dashboards.pictures.panels import draw
from dashboards.pictures.series import QueryRunner
from dashboards.queries import ALL_SELECTED, annotation_queries, interpolate, seconds
from dashboards.render import files

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
_LABEL: Final = "Preview: drawn by Matplotlib from simulated crawls, not a picture of Grafana"
_COLOURS: Final = 256
"""Few enough for a picture below 300 kB, enough not to be seen."""


def main() -> int:
    """Draw; the exit status is 1 where a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.pictures", description=__doc__)
    parser.add_argument("--to", type=Path, default=_FOLDER, help="where (default: docs/img)")
    folder = parser.parse_args().to
    try:
        with (
            tempfile.TemporaryDirectory() as scratch,
            backfilled_prometheus(Path(scratch)) as prometheus,
        ):
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files().items():
                dashboard = json.loads(text)
                empty = picture(dashboard, prometheus, folder / name.replace(".json", ".png"))
                note = f"; nothing to show: {', '.join(empty)}" if empty else ""
                sys.stderr.write(f"{dashboard['title']}{note}\n")
    except ProgramMissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def picture(dashboard: Mapping[str, Any], prometheus: Prometheus, file: Path) -> list[str]:
    """Draw one dashboard; returns the titles of panels that had nothing to show."""
    history = prometheus.history
    selected = {"crawl": history.showcase} if dashboard["uid"] == "browsertrix-crawl" else {}
    shown = seconds(dashboard["time"]["from"].removeprefix("now-"))
    start = max(history.end - shown, history.start)
    runner = QueryRunner(prometheus, ALL_SELECTED | selected, start, history.end)
    canvas = Canvas(
        max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    )
    _draw_header(canvas, dashboard, runner, selected)
    marks = _annotation_marks(dashboard, runner)
    empty = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = canvas.place(place["x"], place["y"], place["w"], place["h"])
        if panel["type"] == "row":
            canvas.text(box.x + 4, box.y + box.h / 2, f"▾  {panel['title']}", size=15, bold=True)
        elif not draw(canvas, box, panel, runner, marks):
            empty.append(panel["title"])
    raw = io.BytesIO()
    canvas.figure.savefig(raw, format="png")
    raw.seek(0)
    with Image.open(raw) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(file, optimize=True)
    return empty


def _draw_header(
    canvas: Canvas, dashboard: Mapping[str, Any], runner: QueryRunner, selected: Mapping[str, str]
) -> None:
    canvas.text(16, 22, dashboard["title"], size=19, bold=True)
    times = [f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M}" for t in (runner.start, runner.end)]
    note = f"{_LABEL}   ·   {times[0]} to {times[1]} UTC"
    canvas.text(WIDTH - 16, 22, note, size=12, colour=FAINT, align="right")
    x = 16.0
    for variable in dashboard["templating"]["list"]:
        value = selected.get(
            variable["name"], "Prometheus" if variable["type"] == "datasource" else "All"
        )
        x += canvas.text(x, HEADER - 16, variable["label"], size=12, colour=FAINT) + 8
        x += canvas.text(x, HEADER - 16, value, size=12, colour=LINK) + 26


def _annotation_marks(dashboard: Mapping[str, Any], runner: QueryRunner) -> list[Mark]:
    """Where annotations are within the time shown; disabled ones are left out."""
    listed = {one["name"]: one for one in dashboard["annotations"]["list"]}
    found: list[Mark] = []
    for query in annotation_queries(dashboard):
        annotation = listed[query.where.rpartition("annotation ")[2]]
        if not annotation["enable"]:
            continue
        span = runner.end - runner.start
        expr = interpolate(query.expr, span, query.min_interval, runner.variables)
        for series in runner.prometheus.query_range(
            expr, runner.start, runner.end, query.min_interval
        ):
            timestamps = _timestamps(
                series["values"], use_value_for_time=annotation["useValueForTime"]
            )
            found += [(timestamp, annotation["iconColor"]) for timestamp in timestamps]
    return [mark for mark in found if runner.start <= mark[0] <= runner.end]


def _timestamps(values: list[tuple[float, str]], *, use_value_for_time: bool) -> list[float]:
    """When each event began; samples at most two minutes apart are one event."""
    if use_value_for_time:
        return sorted({float(value) / 1000 for _, value in values})
    active = [timestamp for timestamp, value in values if float(value) > 0]
    return [
        timestamp
        for before, timestamp in zip([0.0, *active], active, strict=False)
        if timestamp - before > 120
    ]


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of CrawlJobs that are malformed on purpose
    sys.exit(main())

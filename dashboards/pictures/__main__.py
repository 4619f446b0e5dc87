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

from dashboards.backfill import ProgramMissingError, Prometheus, stage
from dashboards.backfill.questions import event_questions, interpolated, seconds
from dashboards.built import built
from dashboards.pictures.answers import Show
from dashboards.pictures.canvas import FAINT, HEADER, LINK, WIDTH, Canvas
from dashboards.pictures.kinds import Annotation, draw

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "img"
_LABEL: Final = "Preview: drawn by Matplotlib from simulated crawls, not a picture of Grafana"
_COLOURS: Final = 256
"""So few that a picture is small, so many that nobody sees it."""


def main() -> int:
    """Draw; the exit status is 1 where a program is missing."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.pictures", description=__doc__)
    parser.add_argument("--to", type=Path, default=_FOLDER, help="where (default: docs/img)")
    folder = parser.parse_args().to
    try:
        with tempfile.TemporaryDirectory() as scratch, stage(Path(scratch)) as prometheus:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in built().items():
                dashboard = json.loads(text)
                empty = picture(dashboard, prometheus, folder / name.replace(".json", ".png"))
                said = f"; nothing to show: {', '.join(empty)}" if empty else ""
                sys.stderr.write(f"{dashboard['title']}{said}\n")
    except ProgramMissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def picture(dashboard: Mapping[str, Any], prometheus: Prometheus, file: Path) -> list[str]:
    """Draw one dashboard; returns the titles of panels that had nothing to show."""
    recording = prometheus.recording
    chosen = {"crawl": recording.star} if dashboard["uid"] == "browsertrix-crawl" else {}
    variables = dict.fromkeys(("namespace", "oid", "crawl", "job", "instance"), ".*") | chosen
    shown = seconds(dashboard["time"]["from"].removeprefix("now-"))
    show = Show(prometheus, variables, recording.end - shown, recording.end)
    canvas = Canvas(
        max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    )
    _head(canvas, dashboard, show, chosen)
    events = _events(dashboard, show)
    empty = []
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        box = canvas.place(place["x"], place["y"], place["w"], place["h"])
        if panel["type"] == "row":
            canvas.text(box.x + 4, box.y + box.h / 2, f"▾  {panel['title']}", size=15, bold=True)
        elif not draw(canvas, box, panel, show, events):
            empty.append(panel["title"])
    raw = io.BytesIO()
    canvas.figure.savefig(raw, format="png")
    raw.seek(0)
    with Image.open(raw) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(file, optimize=True)
    return empty


def _head(
    canvas: Canvas, dashboard: Mapping[str, Any], show: Show, chosen: Mapping[str, str]
) -> None:
    canvas.text(16, 22, dashboard["title"], size=19, bold=True)
    times = [f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d %H:%M}" for t in (show.start, show.end)]
    said = f"{_LABEL}   ·   {times[0]} to {times[1]} UTC"
    canvas.text(WIDTH - 16, 22, said, size=12, colour=FAINT, align="right")
    x = 16.0
    for variable in dashboard["templating"]["list"]:
        value = chosen.get(
            variable["name"], "Prometheus" if variable["type"] == "datasource" else "All"
        )
        x += canvas.text(x, HEADER - 16, variable["label"], size=12, colour=FAINT) + 8
        x += canvas.text(x, HEADER - 16, value, size=12, colour=LINK) + 26


def _events(dashboard: Mapping[str, Any], show: Show) -> list[Annotation]:
    """The moments that the annotations mark."""
    listed = {one["name"]: one for one in dashboard["annotations"]["list"]}
    found: list[Annotation] = []
    for question in event_questions(dashboard):
        event = listed[question.where.rpartition("event ")[2]]
        if not event["enable"]:
            continue
        span = show.end - show.start
        expr = interpolated(question.expr, span, question.every, show.variables)
        for series in show.prometheus.over(expr, show.start, show.end, question.every):
            moments = _moments(series["values"], dated=event["useValueForTime"])
            found += [(moment, event["iconColor"]) for moment in moments]
    return [event for event in found if show.start <= event[0] <= show.end]


def _moments(values: list[tuple[float, str]], *, dated: bool) -> list[float]:
    """When each began; samples that follow each other are one event."""
    if dated:
        return sorted({float(value) / 1000 for _, value in values})
    active = [moment for moment, value in values if float(value) > 0]
    return [
        moment
        for before, moment in zip([0.0, *active], active, strict=False)
        if moment - before > 120
    ]


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of CrawlJobs that are odd on purpose
    sys.exit(main())

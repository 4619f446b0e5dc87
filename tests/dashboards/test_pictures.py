"""Previews: drawn from a real Prometheus, labelled, small, and one for every dashboard."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dashboards.backfill import ProgramMissingError, Prometheus, backfilled_prometheus
from dashboards.pictures import __main__ as command
from dashboards.pictures.canvas import WIDTH
from dashboards.pictures.units import format_value, ticks
from dashboards.render import DASHBOARDS
from support.tools import ROOT

_DOCS = ROOT / "docs"


@pytest.mark.parametrize("uid", ["browsertrix-crawl", "browsertrix-pods"])
@pytest.mark.slow("the first test waits for the backfill")
def test_a_dashboard_is_drawn_as_it_is_laid_out(
    dashboards: dict[str, dict[str, Any]], prometheus: Prometheus, tmp_path: Path, uid: str
) -> None:
    file = tmp_path / "picture.png"
    empty = command.picture(dashboards[uid], prometheus, file)
    assert set(empty) <= {"Stop reason", "Pause ends in", "Pending resizes"}
    with Image.open(file) as image:
        rows = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in dashboards[uid]["panels"])
        assert image.width == WIDTH
        assert image.height > rows * 30
        assert len(image.convert("RGB").getcolors(100_000) or ()) > 50


@pytest.mark.parametrize("uid", [one.uid for one in DASHBOARDS])
def test_every_dashboard_has_a_small_picture_that_the_docs_show(uid: str) -> None:
    picture = _DOCS / "img" / f"{uid}.png"
    assert picture.stat().st_size < 300_000
    assert f"(img/{uid}.png)" in (_DOCS / "dashboards.md").read_text()
    with Image.open(picture) as image:
        assert image.width == WIDTH


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "text"),
    [
        (0, "short", None, "0"),
        (1234, "short", None, "1.23 K"),
        (0.00061, "short", None, "0.0006"),
        (3, "none", None, "3"),
        (52.7, "none", 0, "53"),
        (0.456, "percentunit", 0, "46%"),
        (1_610_612_736, "bytes", None, "1.50 GiB"),
        (2_500_000, "Bps", None, "2.50 MB/s"),
        (0.0045, "s", None, "4.50 ms"),
        (45, "s", None, "45 s"),
        (5400, "s", None, "1.50 hours"),
        (86400 * 7, "s", None, "1 weeks"),
        (0, "dateTimeAsIso", None, "1970-01-01 00:00:00"),
    ],
)
def test_values_are_formatted_as_in_grafana(
    value: float, unit: str, decimals: int | None, text: str
) -> None:
    assert format_value(value, unit, decimals) == text


@pytest.mark.parametrize(
    ("high", "unit", "decimals", "values"),
    [
        (2, "short", 0, [0, 1, 2]),
        (10, "short", None, [0, 2.5, 5, 7.5, 10]),
        (3 * 3600, "s", None, [0, 3600, 7200, 10800]),
        (0.004, "s", None, [0, 0.001, 0.002, 0.003, 0.004]),
        (4 * 1024**3, "bytes", None, [0, 1024**3, 2 * 1024**3, 3 * 1024**3, 4 * 1024**3]),
    ],
)
def test_axes_have_round_values(
    high: float, unit: str, decimals: int | None, values: list[float]
) -> None:
    assert ticks(high, unit, decimals) == pytest.approx(values)


def test_a_missing_prometheus_is_an_error_that_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(ProgramMissingError, match="prometheus is not on PATH"),
        backfilled_prometheus(tmp_path),
    ):
        pass
    monkeypatch.setattr("sys.argv", ["pictures", "--to", str(tmp_path / "img")])
    assert command.main() == 1
    assert "prometheus is not on PATH; `make tools` brings it" in capsys.readouterr().err
    assert not (tmp_path / "img").exists()

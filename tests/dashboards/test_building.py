"""The committed JSON is what the declarations build, and what Grafana's own SDK reads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from dashboards import __main__ as command
from dashboards.dashboard import line
from dashboards.panels import Query, stat
from dashboards.render import DASHBOARDS, FOLDER, to_json
from exporter.rules.rule import Dashboard as AlertsDashboard


def _run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["dashboards", *arguments])
    monkeypatch.setattr(command, "FOLDER", folder)
    return command.main()


def test_the_committed_files_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, FOLDER, "--check") == 0


def test_a_check_names_what_is_stale_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "json"
    assert _run(monkeypatch, folder) == 0
    changed, extra = folder / "browsertrix-pods.json", folder / "old.json"
    changed.write_text("{}")
    extra.write_text("{}")

    assert _run(monkeypatch, folder, "--check") == 1

    said = capsys.readouterr().err
    assert "json/browsertrix-pods.json is stale" in said
    assert "json/old.json is stale" in said
    assert "browsertrix-fleet" not in said
    assert changed.read_text() == "{}"


def test_building_writes_stale_files_and_removes_those_without_a_dashboard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "old.json").write_text("{}")
    assert _run(monkeypatch, tmp_path) == 0
    assert _run(monkeypatch, tmp_path, "--check") == 0
    built = {path.name for path in tmp_path.iterdir()}
    assert built == {path.name for path in FOLDER.glob("*.json")}


def test_building_twice_gives_the_same() -> None:
    assert [to_json(one) for one in DASHBOARDS] == [to_json(one) for one in DASHBOARDS]


def test_uids_never_change() -> None:
    assert [one.uid for one in DASHBOARDS] == [
        "browsertrix-fleet",
        "browsertrix-ended",
        "browsertrix-crawl",
        "browsertrix-orgs",
        "browsertrix-workflows",
        "browsertrix-pods",
        "browsertrix-exporter",
    ]


def test_the_sdk_reads_a_dashboard_and_writes_the_same(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    again = json.loads(json.dumps(Model.from_json(dashboard), cls=JSONEncoder))
    assert again == dashboard


def test_panels_that_do_not_fill_a_line_are_refused() -> None:
    panel = stat("A", "B", Query(expr="up"))
    with pytest.raises(ValueError, match=r"\(10, 10\) is no division of 24 for 2 panels"):
        line(4, panel, panel, widths=(10, 10)).columns()
    with pytest.raises(ValueError, match="for 5 panels"):
        line(4, *[panel] * 5).columns()


@pytest.mark.parametrize("target", AlertsDashboard)
def test_alerts_lead_to_a_dashboard_and_set_variables_it_has(
    target: AlertsDashboard, dashboards: dict[str, dict[str, Any]]
) -> None:
    match = re.match(r"/d/([\w-]+)", target.value)
    assert match is not None
    names = {one["name"] for one in dashboards[match[1]]["templating"]["list"]}
    assert set(re.findall(r"var-(\w+)=", target.value)) <= names

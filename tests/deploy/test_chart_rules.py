"""The PrometheusRule: what ``browsertrix-exporter rules`` writes with the same settings."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.rules import kind, rules_data
from exporter.alerting.tuning import AlertTuning
from exporter.rules import Thresholds
from exporter.rules.render import rule_file
from exporter.rules.tuning import tuned_groups
from exporter.settings import Settings
from support.chart import only
from support.promtool import committed_groups
from support.rules import ALERTS, read_groups
from support.tools import Edition

NAMES = [alert.name for alert in ALERTS]


def chart_groups(**values: Any) -> list[dict[str, Any]]:
    rule = only("PrometheusRule", {**values, "rules": {"enabled": True}})
    groups: list[dict[str, Any]] = rule["spec"]["groups"]
    return groups


def exporter_groups(**given_: Any) -> list[dict[str, Any]]:
    tuned = Settings(**given_)
    return read_groups(rule_file(tuned_groups(tuned)[0], AlertTuning.of(tuned)))


def a_threshold(name: str) -> st.SearchStrategy[Any]:
    match kind(Thresholds.model_fields[name]):
        case "seconds":
            return st.one_of(
                st.integers(1, 40 * 86400),
                st.integers(1, 90).flatmap(
                    lambda n: st.sampled_from([f"{n}s", f"{n}m", f"{n}h", f"{n}d", f"1h{n}m"])
                ),
            )
        case "share":
            return st.integers(1, 99).map(lambda n: n / 100)
        case "count":
            return st.integers(1, 999_999)


some_thresholds = st.lists(
    st.sampled_from(list(Thresholds.model_fields)), unique=True, max_size=20
).flatmap(lambda names: st.fixed_dictionaries({name: a_threshold(name) for name in names}))


def test_by_default_they_are_the_committed_ones() -> None:
    assert chart_groups() == committed_groups()


@settings(max_examples=10)
@given(
    thresholds=some_thresholds,
    without=st.lists(st.sampled_from(NAMES), unique=True, max_size=30),
    severities=st.dictionaries(
        st.sampled_from(NAMES), st.sampled_from(["critical", "warning", "info"]), max_size=5
    ),
    tickets=st.booleans(),
)
def test_whatever_is_set_they_are_what_the_exporter_writes(
    thresholds: dict[str, Any], without: list[str], severities: dict[str, str], tickets: bool
) -> None:
    made = chart_groups(
        alerts={
            "thresholds": {name.upper(): value for name, value in thresholds.items()},
            "without": without,
            "severities": severities,
            "endsAsTickets": tickets,
        }
    )

    assert made == exporter_groups(
        alerts_thresholds=tuple((name, str(value)) for name, value in thresholds.items()),
        alerts_without=tuple(without),
        alerts_severities=tuple(severities.items()),
        alerts_ends_as_tickets=tickets,
    )


def test_every_threshold_has_its_place() -> None:
    """One that has none would be a value that does nothing."""
    every = {
        name: value // 2 + 1 if isinstance(value := one.default, int) else value / 2
        for name, one in Thresholds.model_fields.items()
    }
    assert chart_groups(
        alerts={"thresholds": {name.upper(): value for name, value in every.items()}}
    ) == exporter_groups(alerts_thresholds=tuple((n, str(v)) for n, v in every.items()))
    groups = rules_data().partition("\ngroups:")[2]
    assert [name for name in every if f"@{{{name.upper()}" not in groups] == []


@pytest.mark.parametrize("limit", ["30m", "1h", "12h", "1d", "7d", 7200])
def test_warnings_that_would_come_at_once_are_left_out(limit: str | int) -> None:
    expected = exporter_groups(pause_limit=str(limit))

    assert chart_groups(config={"pause-limit": limit}) == expected


def test_labels_links_and_the_clusters_label_are_set() -> None:
    assert chart_groups(
        alerts={
            "labels": {"team": "archive", "tier": "1"},
            "clusterLabel": "k8s_cluster",
            "runbookUrl": "https://wiki.example.org/runbooks//",
            "grafanaUrl": "https://grafana.example.org/",
        }
    ) == exporter_groups(
        alerts_labels=(("team", "archive"), ("tier", "1")),
        alerts_cluster_label="k8s_cluster",
        alerts_runbooks="https://wiki.example.org/runbooks//",
        alerts_grafana="https://grafana.example.org/",
    )


def test_nothing_of_the_data_is_left_in_the_rules() -> None:
    text = yaml.safe_dump(chart_groups(alerts={"grafanaUrl": "https://g"}))

    assert "@{" not in text
    assert "chart:" not in text


def test_promtool_accepts_them(edition: Edition, tmp_path: Path) -> None:
    groups = chart_groups(alerts={"thresholds": {"CAPACITY_HOLD": "1h"}, "labels": {"a": "b"}})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    checked = subprocess.run(
        [edition.require("promtool"), "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr

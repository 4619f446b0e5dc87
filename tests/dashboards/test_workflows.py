"""The dashboard of workflows shows what was simulated, by names, and what alerts are about."""

import itertools
import json
from typing import Any

import pytest

from dashboards.backfill import Prometheus
from dashboards.backfill.history import NEW_NAME
from dashboards.queries import (
    ALL_SELECTED,
    DashboardQuery,
    interpolate,
    panel_queries,
    variable_queries,
)
from exporter.alerting.template import Dashboard as Target
from exporter.rules import Thresholds, rule_groups
from exporter.rules.rule import AlertingRule

Dashboard = dict[str, Any]
UID = "browsertrix-workflows"

slow = pytest.mark.slow("the first test waits for the backfill")


def _query(dashboards: dict[str, Dashboard], panel: str) -> DashboardQuery:
    (query,) = [
        query
        for query in panel_queries(dashboards[UID])
        if query.where == f"Browsertrix / Workflows / {panel}"
    ]
    return query


def _run(
    prometheus: Prometheus, dashboards: dict[str, Dashboard], panel: str, **selected: str
) -> list[dict[str, Any]]:
    expr = interpolate(_query(dashboards, panel).expr, 21600, 60, ALL_SELECTED | selected)
    return prometheus.query(expr)


@slow
@pytest.mark.parametrize(
    ("panel", "value"),
    [
        ("Scheduled / A", 5),
        ("Missed their run / A", 1),
        ("Failing in a row / A", 1),
        ("Came back empty / A", 1),
        ("Left out / A", 0),
    ],
)
def test_stats_of_workflows_show_what_was_simulated(
    dashboards: dict[str, Dashboard], prometheus: Prometheus, panel: str, value: float
) -> None:
    (series,) = _run(prometheus, dashboards, panel)
    assert float(series["value"][1]) == value


@slow
def test_a_missed_run_is_listed_by_name_with_when_it_should_have_been(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    (missed,) = _run(prometheus, dashboards, "Missed runs / A")
    assert missed["metric"]["workflow"] == "Annual reports"
    assert missed["metric"]["organisation"] == "Example City Library"
    (due,) = _run(prometheus, dashboards, "Missed runs / B")
    since = prometheus.history.end - float(due["value"][1]) / 1000
    assert float(missed["value"][1]) == pytest.approx(since, abs=600)


@pytest.mark.parametrize(
    ("alert", "panels"),
    [
        ("BrowsertrixWorkflowMissedRun", ("Missed their run / A", "Missed runs / A")),
        ("BrowsertrixWorkflowCameBackEmpty", ("Came back empty / A",)),
    ],
)
def test_panels_read_the_record_that_the_alert_stands_on(
    dashboards: dict[str, Dashboard], alert: str, panels: tuple[str, ...]
) -> None:
    (record,) = [
        rule.expr
        for group in rule_groups(Thresholds())
        for rule in group.rules
        if isinstance(rule, AlertingRule) and rule.name == alert
    ]
    for panel in panels:
        assert f"{record}{{" in _query(dashboards, panel).expr


@slow
def test_each_workflow_is_one_row_with_its_state_and_a_name(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    rows = _run(prometheus, dashboards, "Workflows / A")
    ids = [one["metric"]["cid"] for one in rows]
    assert len(set(ids)) == len(ids) > 5
    unnamed = {one["metric"]["cid"] for one in rows if one["metric"]["workflow"] in ids}
    before = prometheus.query("browsertrix_workflow_info offset 5m")
    assert not unnamed & {one["metric"]["cid"] for one in before}, "recorded a minute late"
    states = [one["metric"]["cid"] for one in _run(prometheus, dashboards, "Workflows / B")]
    assert len(set(states)) == len(states)
    assert set(states) <= set(ids)


@slow
def test_a_workflow_that_was_renamed_is_one_line(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    history = prometheus.history
    (row,) = [
        one
        for one in _run(prometheus, dashboards, "Workflows / A")
        if one["metric"]["workflow"] == NEW_NAME
    ]
    selected = ALL_SELECTED | {"cid": row["metric"]["cid"]}
    expr = interpolate(_query(dashboards, "Duration / A").expr, 21600, 60, selected)
    lines = prometheus.query_range(expr, history.start, history.end, 60)
    assert [one["metric"]["workflow"] for one in lines] == [NEW_NAME]
    times = [at for at, _ in lines[0]["values"]]
    assert times[0] < history.start + 3600
    gaps = [after - before for before, after in itertools.pairwise(times) if after - before > 60]
    assert len(gaps) == 1, "while Browsertrix could not be asked"
    assert gaps[0] < 1800


@slow
def test_variables_offer_slugs_and_names_and_set_ids(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    offered = {}
    for variable in variable_queries(dashboards[UID]):
        if variable.text:
            found = prometheus.query(interpolate(variable.selector, 21600, 60, ALL_SELECTED))
            offered[variable.name] = {
                one["metric"][variable.text]: one["metric"][variable.label] for one in found
            }
            assert len(offered[variable.name]) == len(found)
    assert {"example-city-library", "default-org"} <= set(offered["oid"])
    chosen = offered["cid"]["Annual reports"]
    (row,) = _run(prometheus, dashboards, "Workflows / A", cid=chosen)
    assert row["metric"]["oid"] == offered["oid"]["example-city-library"]


@slow
def test_background_jobs_are_counted_by_how_they_are(
    dashboards: dict[str, Dashboard], prometheus: Prometheus
) -> None:
    (oldest,) = _run(prometheus, dashboards, "Oldest unfinished / A")
    assert float(oldest["value"][1]) > 3 * 86400
    owners = _run(prometheus, dashboards, "Jobs by organisation / A")
    assert "Closed Example Archive" in {one["metric"]["organisation"] for one in owners}
    failed = _run(prometheus, dashboards, "Jobs by organisation / B")
    assert {one["metric"]["type"] for one in failed} == {"create-replica"}


def test_alerts_of_workflows_and_jobs_lead_here() -> None:
    groups = {"browsertrix-workflows": Target.WORKFLOW, "browsertrix-jobs": Target.JOBS}
    for group in rule_groups(Thresholds()):
        for rule in group.rules:
            if isinstance(rule, AlertingRule) and group.name in groups:
                assert rule.dashboard is groups[group.name], rule.name


def test_a_text_says_what_turns_it_on(dashboards: dict[str, Dashboard]) -> None:
    (text,) = [one for one in dashboards[UID]["panels"] if one["type"] == "text"]
    assert "`--browsertrix.url`" in text["options"]["content"]


def test_a_variable_that_picks_no_value_and_text_is_refused(
    dashboards: dict[str, Dashboard],
) -> None:
    broken = json.loads(json.dumps(dashboards[UID]))
    for variable in broken["templating"]["list"]:
        variable.pop("regex", None)
    with pytest.raises(ValueError, match=r"variable oid: query_result\(.+ is no label_values"):
        list(variable_queries(broken))

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from exporter.alerting.template import Links
from exporter.rules.rule import AlertingRule, RecordingRule
from support.promql import METRICS, QueryError, result_labels
from support.promtool import committed_groups
from support.rules import ALERTS, GROUPS, RULES
from support.tools import ROOT, Edition

_SECTIONS: Final = ("Meaning", "Impact", "How to look", "What to do", "Tune or silence")


@pytest.fixture(params=ALERTS, ids=lambda alert: alert.name)
def alert(request: pytest.FixtureRequest) -> AlertingRule:
    found = request.param
    assert isinstance(found, AlertingRule)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_uses_only_metrics_and_labels_that_exist(
    rule: AlertingRule | RecordingRule,
) -> None:
    labels = result_labels(rule.expr, METRICS)

    if isinstance(rule, RecordingRule):
        assert labels == {"cluster", *rule.labels}


def test_a_misspelt_metric_or_label_is_found() -> None:
    for wrong in (
        "browsertrix_crawl_stat == 1",
        'browsertrix_crawl_state{stat="paused"}',
        "max by (namspace) (browsertrix_crawl_state)",
        "browsertrix_crawl_state and on (pod) browsertrix_pod_evicted",
        "browsertrix_crawl_state and browsertrix_pod_evicted",
        "browsertrix_crawl_state ==",
        "time()",
    ):
        with pytest.raises(QueryError):
            result_labels(wrong, METRICS)


def test_the_texts_of_an_alert_use_only_labels_it_has(alert: AlertingRule) -> None:
    labels = result_labels(alert.expr, METRICS) | {"severity", "event"}
    annotations = Links(grafana="https://grafana.example.org").annotations(alert)

    named = set(re.findall(r"\$labels\.(\w+)", " ".join(annotations.values())))

    assert named <= labels
    assert all(annotations.values())
    assert "{{" not in annotations["summary"]


def test_what_a_text_looks_up_uses_only_metrics_and_labels_that_exist() -> None:
    looked_up = {
        alert.name: query
        for alert in ALERTS
        for query in re.findall(r"printf `([^`]+)`", alert.description)
    }

    assert "BrowsertrixPodEvicted" in looked_up
    for query in looked_up.values():
        assert "cluster=%q" in query
        result_labels(query.replace("%q", '"x"'), METRICS)


def test_the_text_of_an_event_alert_needs_no_value_so_that_the_exporter_can_post_it(
    alert: AlertingRule,
) -> None:
    if alert.event:
        assert "$value" not in alert.description
        assert not alert.for_
        assert not alert.keep_firing_for


def test_a_condition_survives_a_lost_scrape(alert: AlertingRule) -> None:
    """By looking back or by ``keep_firing_for``: see exporter/rules/__init__.py."""
    looks_back = "over_time" in alert.expr or "absent(" in alert.expr or "rate(" in alert.expr
    assert alert.event or alert.keep_firing_for or looks_back


def test_an_alert_uses_only_recording_rules_of_its_own_group() -> None:
    """Those of another may be evaluated after it, and are then one evaluation old.

    Whether exporters are in sync changes slowly, and all groups ask for it.
    """
    common = {rule.name for rule in GROUPS[0].rules}
    for group in GROUPS:
        own = {rule.name for rule in group.rules if isinstance(rule, RecordingRule)}
        for rule in group.rules:
            used = set(re.findall(r"\w+:\w+:\w+", rule.expr))
            assert used <= own | common, rule.name


def test_an_alert_has_one_name_and_one_severity() -> None:
    names = [alert.name for alert in ALERTS]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"Browsertrix[A-Z]\w+", name) for name in names)


def test_an_alert_has_a_runbook_with_every_section(alert: AlertingRule) -> None:
    page = ROOT / "docs" / "runbooks" / f"{alert.name}.md"
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {alert.name}\n")
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == _SECTIONS
    assert Links().runbooks.endswith("/docs/runbooks")


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "docs" / "alerts.md", *(ROOT / "docs" / "runbooks").glob("*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]

    assert broken == []


def test_every_runbook_is_of_an_alert() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}

    assert pages == {alert.name for alert in ALERTS}


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("alerts/browsertrix.rules.yaml", ("exporter", "rules")),
        ("alerts/prometheusrule.yaml", ("exporter", "rules", "--format=prometheusrule")),
        ("docs/alerts.md", ("exporter.rules.documentation",)),
    ],
)
def test_the_committed_files_are_what_the_declarations_make(
    file: str, command: tuple[str, ...]
) -> None:
    made = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert (ROOT / file).read_text(encoding="utf-8") == made.stdout, "run `make docs`"


def test_the_committed_rules_have_all_labels_and_annotations() -> None:
    rules = [rule for group in committed_groups() for rule in group["rules"] if "alert" in rule]

    assert [rule["alert"] for rule in rules] == [alert.name for alert in ALERTS]
    for rule in rules:
        of_something = {"subject"} if "$labels.oid" in rule["annotations"]["description"] else set()
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"} | of_something
        assert rule["labels"]["severity"] in ("critical", "warning", "info")


def test_promtool_finds_nothing_wrong(edition: Edition, tmp_path: Path) -> None:
    promtool = edition.require("promtool")

    ran = subprocess.run(
        [promtool, "check", "rules", "--lint=all", "--lint-fatal", _rules_file()],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"{len(RULES)} rules found" in ran.stdout + ran.stderr


def _rules_file() -> str:
    return str(ROOT / "alerts" / "browsertrix.rules.yaml")


def test_a_hold_is_long_enough_for_prometheus_to_restore_it(alert: AlertingRule) -> None:
    """A shorter one begins anew with a restart, and notifies twice: for-grace-period is 10m."""
    assert alert.for_ == 0 or alert.for_ >= 600


def test_a_rule_keeps_the_cluster_wherever_series_are_merged_or_matched() -> None:
    for rule in RULES:
        for clause in re.findall(r"\b(?:by|on) \(([^)]*)\)", rule.expr):
            assert clause.startswith("cluster") or "or on () absent(" in rule.expr, rule.name

"""The shipped configuration of Alertmanager: who is notified of which alert."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.alerting.event_alerts import LONGEST_WINDOW
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS
from exporter.rules.rule import AlertingRule, Severity
from support.amtool import CONFIG, TEMPLATES, amtool, shipped_config
from support.rules import ALERTS
from support.tools import Edition

pytestmark = pytest.mark.slow("each amtool is a process")


def receiver_of(alert: AlertingRule) -> str:
    """The receiver for its severity, as docs/alerts.md describes them."""
    if alert.severity is Severity.CRITICAL:
        return "browsertrix-page-event" if alert.event else "browsertrix-page"
    if alert.event:
        return "browsertrix-ticket-event"
    return "browsertrix-ticket" if alert.severity is Severity.WARNING else "browsertrix-context"


def test_amtool_finds_nothing_wrong(edition: Edition) -> None:
    assert "SUCCESS" in amtool(edition, "check-config", str(CONFIG))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_routed_by_its_severity(edition: Edition, alert: AlertingRule) -> None:
    event = ["event=true"] if alert.event else []

    amtool(
        edition,
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receiver_of(alert)}",
        f"alertname={alert.name}",
        f"severity={alert.severity}",
        *event,
    )


def test_alerts_of_other_projects_are_not_routed(edition: Edition) -> None:
    where = ("config", "routes", "test", f"--config.file={CONFIG}")

    assert amtool(edition, *where, "alertname=NodeDown", "severity=critical").strip() == "nobody"


def test_event_alerts_are_grouped_by_organisation_and_notify_once_and_never_of_resolved() -> None:
    loaded = shipped_config()
    browsertrix = loaded["route"]["routes"][0]
    events = browsertrix["routes"][0]
    receivers = [events["receiver"], *(route["receiver"] for route in events["routes"])]

    assert events["matchers"] == ['event="true"']
    assert browsertrix["group_by"] == ["alertname", "cluster", "namespace", "oid"]
    assert not any("group_by" in route for route in (events, *events["routes"]))
    assert events["repeat_interval"] == "24h"
    assert LONGEST_WINDOW < 24 * 3600
    for receiver in loaded["receivers"]:
        if receiver["name"] in receivers:
            kinds = [kind for kind in receiver if kind.endswith("_configs")]
            assert kinds
            assert all(not one["send_resolved"] for kind in kinds for one in receiver[kind])


def test_secrets_are_files() -> None:
    def keys(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from node
            node = list(node.values())
        if isinstance(node, list):
            for part in node:
                yield from keys(part)

    secret = {
        key for key in keys(shipped_config()) if re.search(r"password|token|_key|api_url", key)
    }

    assert secret
    assert all(key.endswith("_file") for key in secret)


def test_every_template_named_is_there() -> None:
    named = set(re.findall(r'template "(browsertrix[^"]+)"', CONFIG.read_text(encoding="utf-8")))
    defined = {
        name
        for path in TEMPLATES.glob("*.tmpl")
        for name in re.findall(r'define "([^"]+)"', path.read_text(encoding="utf-8"))
    }

    between = {
        name
        for path in TEMPLATES.glob("*.tmpl")
        for name in re.findall(r'template "(browsertrix[^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert named <= defined
    assert named | between == defined


def test_inhibition_compares_only_labels_that_alerts_have() -> None:
    """Alertmanager takes a label that both lack for an equal one: a misspelt one inhibits all."""
    rules = shipped_config()["inhibit_rules"]
    equal = {label for rule in rules for label in rule["equal"]}

    assert set(CRAWL_LABELS) < equal
    assert equal <= {"alertname", "cluster", *POD_LABELS, "scope", "resource"}
    assert all("cluster" in rule["equal"] for rule in rules)

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from alerts import ALERTS
from alerts.rule import AlertingRule, Severity
from support.alertmanager import alertmanager
from support.tools import ROOT, require_tool

CONFIG: Final = ROOT / "alerts" / "alertmanager.yml"
TEMPLATES: Final = ROOT / "alerts" / "templates"
CRAWL: Final = {"namespace": "crawlers", "oid": "org-1", "crawl": "manual-1"}
OTHER: Final = {**CRAWL, "crawl": "manual-2"}
ENDS: Final = {
    "BrowsertrixCrawlPauseExpired",
    "BrowsertrixCrawlSizeLimitReached",
    "BrowsertrixCrawlTimeLimitReached",
    "BrowsertrixCrawlStorageQuotaReached",
    "BrowsertrixCrawlTimeQuotaReached",
    "BrowsertrixCrawlOrgReadOnly",
    "BrowsertrixCrawlFailed",
    "BrowsertrixCrawlFailedNotLoggedIn",
    "BrowsertrixCrawlVanished",
}


def config() -> dict[str, Any]:
    loaded = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def amtool(*arguments: str) -> str:
    ran = subprocess.run(
        [require_tool("amtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def receiver_of(alert: AlertingRule) -> str:
    """As docs/alerts.md says of severities and events."""
    if alert.severity is Severity.CRITICAL:
        return "browsertrix-page-event" if alert.event else "browsertrix-page"
    if alert.event:
        return "browsertrix-ticket-event"
    return "browsertrix-ticket" if alert.severity is Severity.WARNING else "browsertrix-context"


def test_amtool_finds_nothing_wrong() -> None:
    assert "SUCCESS" in amtool("check-config", str(CONFIG))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_goes_where_its_severity_says(alert: AlertingRule) -> None:
    event = ["event=true"] if alert.event else []

    amtool(
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receiver_of(alert)}",
        f"alertname={alert.name}",
        f"severity={alert.severity}",
        *event,
    )


def test_alerts_of_others_are_left_alone() -> None:
    where = ("config", "routes", "test", f"--config.file={CONFIG}")

    assert amtool(*where, "alertname=NodeDown", "severity=critical").strip() == "nobody"


def test_events_are_grouped_by_crawl_told_once_and_never_resolved() -> None:
    loaded = config()
    events = loaded["route"]["routes"][0]["routes"][0]
    receivers = [events["receiver"], *(route["receiver"] for route in events["routes"])]

    assert events["matchers"] == ['event="true"']
    assert events["group_by"] == ["alertname", "namespace", "oid", "crawl"]
    assert events["repeat_interval"] == "24h"
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

    secret = {key for key in keys(config()) if re.search(r"password|token|_key|api_url", key)}

    assert secret
    assert all(key.endswith("_file") for key in secret)


def test_every_template_named_is_there() -> None:
    named = set(re.findall(r'template "(browsertrix[^"]+)"', CONFIG.read_text(encoding="utf-8")))
    defined = {
        name
        for path in TEMPLATES.glob("*.tmpl")
        for name in re.findall(r'define "([^"]+)"', path.read_text(encoding="utf-8"))
    }

    assert named == defined


# What a notification looks like ---------------------------------------------------------------


def data(*alerts: dict[str, Any], status: str = "firing") -> dict[str, Any]:
    """What Alertmanager gives to a template: these alerts, and what they have in common."""

    def common(key: str) -> dict[str, str]:
        first, *rest = (alert[key] for alert in alerts)
        return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}

    return {
        "receiver": "browsertrix",
        "status": status,
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": common("labels"),
        "commonAnnotations": common("annotations"),
        "externalURL": "http://alertmanager.example.org",
    }


def alert_of(crawl: str, *, status: str = "firing", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {**CRAWL, "crawl": crawl, **labels},
        "annotations": {
            "summary": "A crawl was cut short by its size limit",
            "description": f"Crawl {crawl} reached its size limit.",
            "runbook_url": "https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md",
            "dashboard_url": f"https://grafana.example.org/d/browsertrix-crawl?var-crawl={crawl}",
        },
        "startsAt": "2026-11-24T03:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.org/graph",
        "fingerprint": "0",
    }


EVENT: Final = alert_of("manual-1", severity="critical", event="true")


def rendered(template: str, content: dict[str, Any], folder: Path, kind: str = "text") -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return amtool(
        "template",
        "render",
        f"--template.glob={TEMPLATES}/*.tmpl",
        f"--template.type={kind}",
        f"--template.data={file}",
        f'--template.text={{{{ template "{template}" . }}}}',
    ).removesuffix("\n")


def test_a_title_says_what_and_which(tmp_path: Path) -> None:
    what = "A crawl was cut short by its size limit"
    condition = alert_of("manual-1", severity="warning")
    another = alert_of("manual-2", severity="warning")
    over = data(alert_of("manual-1", status="resolved", severity="warning"), status="resolved")
    titles = {
        f"[page] {what}: manual-1": data(EVENT),
        f"{what}: manual-1": data(condition),
        f"{what} (2)": data(condition, another),
        f"[resolved] {what}: manual-1": over,
    }

    for title, content in titles.items():
        assert rendered("browsertrix.title", content, tmp_path) == title


def test_a_text_says_when_and_where_to_look(tmp_path: Path) -> None:
    text = rendered("browsertrix.text", data(EVENT), tmp_path)

    assert text.rstrip("\n").splitlines() == [
        "Crawl manual-1 reached its size limit.",
        "Seen: 2026-11-24 03:00:00 UTC",
        "Dashboard: https://grafana.example.org/d/browsertrix-crawl?var-crawl=manual-1",
        "Runbook: https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md",
    ]


def test_slack_gets_links_and_a_colour(tmp_path: Path) -> None:
    assert rendered("browsertrix.slack.color", data(EVENT), tmp_path) == "danger"
    assert rendered("browsertrix.slack.text", data(EVENT), tmp_path).strip() == (
        "Crawl manual-1 reached its size limit. "
        "<https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md|What to do> · "
        "<https://grafana.example.org/d/browsertrix-crawl?var-crawl=manual-1|Dashboard>"
    )


def test_mail_is_escaped(tmp_path: Path) -> None:
    hostile = alert_of("<b>manual</b>", severity="warning")

    html = rendered("browsertrix.mail.html", data(hostile), tmp_path, kind="html")

    assert "Crawl &lt;b&gt;manual&lt;/b&gt; reached its size limit." in html
    assert 'href="https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md"' in html


def test_pagerduty_takes_no_more_than_1024_characters(tmp_path: Path) -> None:
    long = alert_of("manual-1", severity="critical")
    long["annotations"]["description"] = "x" * 3000

    text = rendered("browsertrix.pagerduty.description", data(long), tmp_path)
    several = rendered(
        "browsertrix.pagerduty.description", data(long, alert_of("manual-2")), tmp_path
    )

    assert text == "x" * 1024
    assert several == "A crawl was cut short by its size limit"


# What is not told beside something else -------------------------------------------------------


@pytest.fixture(scope="module")
def alerts_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Alertmanager with the routes and inhibition of the example, and nobody to tell."""
    loaded = config()
    part = {
        "route": loaded["route"],
        "inhibit_rules": loaded["inhibit_rules"],
        "receivers": [{"name": receiver["name"]} for receiver in loaded["receivers"]],
    }
    with alertmanager(part, tmp_path_factory.mktemp("alertmanager")) as url:
        yield f"{url}/api/v2/alerts"


def inhibited(alerts_url: str, *alerts: dict[str, str]) -> list[bool]:
    """Post the alerts together, and tell which of them another one silences."""
    # A label of its own keeps the alerts of one test from those of another.
    mark = str(time.monotonic_ns())
    namespaced = [alert | {"namespace": f"crawlers-{mark}", "mark": mark} for alert in alerts]
    # Alertmanager takes alerts in for inhibition in their order, but after its answer: once the
    # last pair shows, all those before it are taken in as well.
    last = CRAWL | {"namespace": f"last-{mark}", "mark": mark}
    silenced = named("BrowsertrixCrawlPauseExpiresInAnHour", last)
    posted = [*namespaced, named("BrowsertrixCrawlPauseExpired", last), silenced]
    request = urllib.request.Request(  # noqa: S310 - our own address
        alerts_url,
        json.dumps([{"labels": labels} for labels in posted]).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5):  # noqa: S310
        pass
    deadline = time.monotonic() + 15
    while not _inhibitions(alerts_url, mark)[_as_key(silenced)]:
        assert time.monotonic() < deadline, "the pair that is sure to be inhibited is not"
        time.sleep(0.02)
    found = _inhibitions(alerts_url, mark)  # that answer may have begun before the pair was in
    return [found[_as_key(labels)] for labels in namespaced]


def _as_key(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _inhibitions(alerts_url: str, mark: str) -> dict[tuple[tuple[str, str], ...], bool]:
    with urllib.request.urlopen(f"{alerts_url}?filter=mark={mark}", timeout=5) as reply:  # noqa: S310
        return {
            _as_key(alert["labels"]): bool(alert["status"]["inhibitedBy"])
            for alert in json.load(reply)
        }


def named(name: str, labels: dict[str, str] | None = None) -> dict[str, str]:
    (alert,) = (alert for alert in ALERTS if alert.name == name)
    event = {"event": "true"} if alert.event else {}
    return {"alertname": name, "severity": str(alert.severity)} | event | (labels or {})


@pytest.mark.parametrize("end", sorted(ENDS))
def test_an_end_silences_what_was_about_to_be_for_its_crawl_alone(
    alerts_url: str, end: str
) -> None:
    about_to = [
        "BrowsertrixCrawlPauseExpiresInAnHour",
        "BrowsertrixCrawlPausedByQuota",
        "BrowsertrixCrawlSizeLimitNear",
        "BrowsertrixCrawlTimeLimitPredicted",
        "BrowsertrixCrawlStoppingTooLong",
        "BrowsertrixCrawlNoProgress",
        "BrowsertrixCrawlWaitingForCapacity",
    ]

    source, *targets = inhibited(
        alerts_url, named(end, CRAWL), *(named(name, CRAWL) for name in about_to)
    )
    _, other = inhibited(
        alerts_url, named(end, CRAWL), named("BrowsertrixCrawlPauseExpiresInAnHour", OTHER)
    )

    assert not source
    assert all(targets)
    assert not other


def test_no_end_silences_another_end_or_an_unclean_one(alerts_url: str) -> None:
    told = ["BrowsertrixCrawlFailed", "BrowsertrixCrawlSizeLimitReached"]
    also = ["BrowsertrixCrawlNotDeleted", "BrowsertrixPodOutOfSpace"]

    assert not any(inhibited(alerts_url, *(named(name, CRAWL) for name in told + also)))


@pytest.mark.parametrize(
    ("source", "target", "labels"),
    [
        ("BrowsertrixCrawlPauseExpiresInAnHour", "BrowsertrixCrawlPauseExpiresInADay", CRAWL),
        ("BrowsertrixCrawlSizeLimitNear", "BrowsertrixCrawlSizeLimitPredicted", CRAWL),
        ("BrowsertrixCrawlTimeLimitNear", "BrowsertrixCrawlTimeLimitPredicted", CRAWL),
        ("BrowsertrixPodOutOfSpace", "BrowsertrixPodStorageNearLimit", {**CRAWL, "pod": "p"}),
        ("BrowsertrixPodCrashLoop", "BrowsertrixCrawlerCrashedRepeatedly", {**CRAWL, "pod": "p"}),
        ("BrowsertrixExporterNotSynced", "BrowsertrixExporterWatchStale", {"scope": "*"}),
    ],
)
def test_the_nearer_silences_the_farther(
    alerts_url: str, source: str, target: str, labels: dict[str, str]
) -> None:
    another = {key: f"{value}-2" for key, value in labels.items()}

    result = inhibited(
        alerts_url, named(source, labels), named(target, labels), named(target, another)
    )

    assert result == [False, True, False]


@pytest.mark.parametrize(
    ("many", "each"),
    [
        ("BrowsertrixCrawlFailureRateHigh", "BrowsertrixCrawlFailed"),
        ("BrowsertrixPodEvictionStorm", "BrowsertrixPodEvicted"),
    ],
)
def test_the_many_silence_each(alerts_url: str, many: str, each: str) -> None:
    assert inhibited(alerts_url, named(many), named(each, CRAWL)) == [False, True]


def test_an_exporter_that_is_down_says_no_more_of_itself(alerts_url: str) -> None:
    rest = [
        alert.name
        for alert in ALERTS
        if alert.name.startswith("BrowsertrixExporter") and alert.name != "BrowsertrixExporterDown"
    ]

    down, *others = inhibited(
        alerts_url, named("BrowsertrixExporterDown"), *(named(name) for name in rest)
    )
    _, crawl = inhibited(
        alerts_url,
        named("BrowsertrixExporterDown"),
        named("BrowsertrixCrawlPauseExpired", CRAWL),
    )

    assert not down
    assert all(others)
    assert not crawl

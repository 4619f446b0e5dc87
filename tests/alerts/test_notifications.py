"""The shipped templates of notifications, rendered by amtool."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.resources.identity import CRAWL_LABELS
from support.amtool import TEMPLATES, amtool
from support.tools import Edition

pytestmark = pytest.mark.slow("each amtool is a process")


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
        "labels": {**dict(zip(CRAWL_LABELS, ("crawlers", "org-1", crawl), strict=True)), **labels},
        "annotations": {
            "summary": "A crawl was cut short by its size limit",
            "subject": crawl,
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


def rendered(
    edition: Edition,
    template: str,
    content: dict[str, Any],
    folder: Path,
    template_type: str = "text",
) -> str:
    file = folder / "data.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return amtool(
        edition,
        "template",
        "render",
        f"--template.glob={TEMPLATES}/*.tmpl",
        f"--template.type={template_type}",
        f"--template.data={file}",
        f'--template.text={{{{ template "{template}" . }}}}',
    ).removesuffix("\n")


def test_a_title_says_what_and_which(edition: Edition, tmp_path: Path) -> None:
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
        assert rendered(edition, "browsertrix.title", content, tmp_path) == title


def test_a_title_says_workflow_and_organisation_where_they_are_known(
    edition: Edition, tmp_path: Path
) -> None:
    what, whose = "A crawl was cut short by its size limit", 'News <daily> (Library & "X")'

    def of(crawl: str, subject: str) -> dict[str, Any]:
        alert = alert_of(crawl, severity="warning")
        alert["annotations"]["subject"] = subject
        return alert

    one, other = of("manual-1", whose), of("manual-2", whose)
    older_rules = alert_of("manual-1", severity="warning")
    del older_rules["annotations"]["subject"]
    titles = {
        f"{what}: {whose}": data(one),
        f"{what} (2): {whose}": data(one, other),
        f"{what} (2)": data(one, of("manual-2", "Another (Library of Y)")),
        f"{what}: manual-1": data(older_rules),
    }
    for title, content in titles.items():
        assert rendered(edition, "browsertrix.title", content, tmp_path) == title
    slack = rendered(edition, "browsertrix.slack.title", data(one), tmp_path)
    assert slack == f'{what}: News &lt;daily&gt; (Library &amp; "X")'
    html = rendered(edition, "browsertrix.mail.html", data(one), tmp_path, template_type="html")
    assert f"<h2>{what}: News &lt;daily&gt; (Library &amp; &#34;X&#34;)</h2>" in html


def test_a_text_says_when_and_where_to_look(edition: Edition, tmp_path: Path) -> None:
    text = rendered(edition, "browsertrix.text", data(EVENT), tmp_path)

    assert text.rstrip("\n").splitlines() == [
        "Crawl manual-1 reached its size limit.",
        "Happened: 2026-11-24 03:00:00 UTC",
        "Dashboard: https://grafana.example.org/d/browsertrix-crawl?var-crawl=manual-1",
        "Runbook: https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md",
    ]


def test_slack_gets_links_and_a_colour(edition: Edition, tmp_path: Path) -> None:
    assert rendered(edition, "browsertrix.slack.color", data(EVENT), tmp_path) == "danger"
    assert rendered(edition, "browsertrix.slack.text", data(EVENT), tmp_path).strip() == (
        "Crawl manual-1 reached its size limit. "
        "<https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md|What to do> · "
        "<https://grafana.example.org/d/browsertrix-crawl?var-crawl=manual-1|Dashboard>"
    )


def test_slack_calls_nobody_because_of_a_name(edition: Edition, tmp_path: Path) -> None:
    hostile = alert_of("<!channel> & co", severity="warning")

    text = rendered(edition, "browsertrix.slack.text", data(hostile), tmp_path)

    assert text.startswith("Crawl &lt;!channel&gt; &amp; co reached its size limit. <https://wiki")


def test_a_link_into_browsertrix_is_in_all_texts(edition: Edition, tmp_path: Path) -> None:
    page = "https://browsertrix.example.org/orgs/x/workflows/c/crawls/manual-1"
    event = alert_of("manual-1", severity="critical", event="true")
    event["annotations"]["browsertrix_url"] = page

    def shown(template: str, kind: str = "text") -> str:
        return rendered(edition, template, data(event), tmp_path, template_type=kind)

    assert f"Browsertrix: {page}\n" in shown("browsertrix.text")
    assert f"<{page}|Browsertrix>" in shown("browsertrix.slack.text")
    assert f'<a href="{page}">Browsertrix</a>' in shown("browsertrix.mail.html", "html")


def test_names_are_in_all_texts(edition: Edition, tmp_path: Path) -> None:
    event = alert_of("manual-1", severity="critical", event="true")
    said = 'Crawl manual-1 of News <daily> (Library & "X") in crawlers reached its size limit.'
    event["annotations"]["description"] = said

    def shown(template: str, kind: str = "text") -> str:
        return rendered(edition, template, data(event), tmp_path, template_type=kind)

    assert shown("browsertrix.text").startswith(f"{said}\n")
    assert shown("browsertrix.pagerduty.description") == said
    escaped = 'of News &lt;daily&gt; (Library &amp; "X") in crawlers'
    assert escaped in shown("browsertrix.slack.text")
    assert escaped.replace('"', "&#34;") in shown("browsertrix.mail.html", "html")


def test_mail_is_escaped(edition: Edition, tmp_path: Path) -> None:
    hostile = alert_of("<b>manual</b>", severity="warning")

    html = rendered(edition, "browsertrix.mail.html", data(hostile), tmp_path, template_type="html")

    assert "Crawl &lt;b&gt;manual&lt;/b&gt; reached its size limit." in html
    assert 'href="https://wiki.example.org/BrowsertrixCrawlSizeLimitReached.md"' in html


def test_pagerduty_takes_no_more_than_1024_characters(edition: Edition, tmp_path: Path) -> None:
    long = alert_of("manual-1", severity="critical")
    long["annotations"]["description"] = "x" * 3000

    text = rendered(edition, "browsertrix.pagerduty.description", data(long), tmp_path)
    several = rendered(
        edition, "browsertrix.pagerduty.description", data(long, alert_of("manual-2")), tmp_path
    )

    assert text == "x" * 1024
    assert several == "A crawl was cut short by its size limit"


def test_of_two_hundred_a_chat_lists_twenty_and_says_how_many_there_are(
    edition: Edition, tmp_path: Path
) -> None:
    events = (alert_of(f"manual-{n}", severity="critical", event="true") for n in range(200))

    text = rendered(edition, "browsertrix.slack.text", data(*events), tmp_path)

    lines = text.strip().splitlines()
    assert len(lines) == 21
    assert lines[19].startswith("Crawl manual-19 reached its size limit.")
    assert lines[20] == "… 200 in all."


def test_where_there_is_no_dashboard_no_link_leads_nowhere(
    edition: Edition, tmp_path: Path
) -> None:
    event = alert_of("manual-1", severity="critical", event="true")
    del event["annotations"]["dashboard_url"]

    texts = [
        rendered(edition, template, data(event), tmp_path)
        for template in ("browsertrix.text", "browsertrix.slack.text", "browsertrix.mail.html")
    ]

    assert not any("Dashboard" in text for text in texts)
    assert all("BrowsertrixCrawlSizeLimitReached.md" in text for text in texts)

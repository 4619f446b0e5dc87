"""Event alerts are what the rules' alerts are: of the same crawls, with the same texts."""

from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.alerting.active_alerts import ActiveAlert
from exporter.alerting.event_alerts import (
    ENDS,
    EVENT_ALERTS,
    CrawlEndAlert,
    EventAlert,
    format_duration,
)
from exporter.alerting.names import CRAWL_NAMES, ORG_NAMES
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.template import Links, expand
from exporter.alerting.tuning import AlertTuning
from exporter.history.names import Names
from exporter.history.records import FinishedCrawl
from exporter.resources.crawljob.states import KNOWN_STATES, KNOWN_STOP_REASONS
from support.known_names import no_names
from support.promtool import assert_rules_pass, committed_groups
from support.tools import Edition

ODD = {
    "namespace": "crawlers",
    "oid": 'a/b c&d=é~-_.+"{{ $labels.crawl }}',
    "crawl": "manual-1 <b>'\"\\ {{ $value }}",
    "pod": "crawl-manual-1-0",
}


def record(**fields: Any) -> FinishedCrawl:
    known: dict[str, Any] = {
        "uid": "u",
        "namespace": "crawlers",
        "oid": "org",
        "crawl": "manual-1",
        "state": "complete",
        "stop_reason": "",
        "finished": 0.0,
        "paused_seconds": 0.0,
        "deleted_at": None,
    }
    return FinishedCrawl(**known | fields)


def matching(**fields: Any) -> list[str]:
    return [event.name for event in ENDS if event.matches(record(**fields))]


@pytest.mark.parametrize(
    ("state", "stop_reason", "names"),
    [
        ("complete", "", []),
        ("complete", "paused", []),
        ("canceled", "stopped_by_user", []),
        ("stopped_by_user", "stopped_by_user", []),
        ("complete", "size-limit", ["SizeLimitReached"]),
        ("complete", "time-limit", ["TimeLimitReached"]),
        ("failed", "size-limit", ["SizeLimitReached", "Failed"]),
        ("stopped_pause_expired", "stopped_pause_expired", ["PauseExpired"]),
        ("stopped_storage_quota_reached", "", ["StorageQuotaReached"]),
        ("skipped_storage_quota_reached", "", ["StorageQuotaReached"]),
        ("skipped_quota_reached", "", ["StorageQuotaReached"]),
        ("stopped_quota_reached", "", ["TimeQuotaReached"]),
        ("stopped_time_quota_reached", "", ["TimeQuotaReached"]),
        ("stopped_org_readonly", "", ["OrgReadOnly"]),
        ("failed", "", ["Failed"]),
        ("failed_not_logged_in", "", ["FailedNotLoggedIn"]),
        ("unknown", "", ["Vanished"]),
        ("unknown", "size-limit", ["SizeLimitReached", "Vanished"]),
        ("unknown", "stopped_pause_expired", ["PauseExpiredUnseen"]),
        ("unknown", "deleted", []),
        ("not_failed", "xsize-limit", []),
    ],
)
def test_an_end_matches_the_alerts_of_its_state_and_stop_reason(
    state: str, stop_reason: str, names: list[str]
) -> None:
    expected = [f"BrowsertrixCrawl{name}" for name in names]

    assert matching(state=state, stop_reason=stop_reason) == expected


@pytest.mark.parametrize("event", ENDS, ids=lambda event: event.name)
def test_every_value_that_a_rule_matches_is_one_that_browsertrix_writes(
    event: CrawlEndAlert,
) -> None:
    ends = product((*KNOWN_STATES, "unknown"), ("", *KNOWN_STOP_REASONS))

    assert any(event.matches(record(state=state, stop_reason=reason)) for state, reason in ends)


def test_durations_are_written_as_promql_has_them() -> None:
    assert [format_duration(seconds) for seconds in (86_400, 7200, 600, 90)] == [
        "1d",
        "2h",
        "10m",
        "90s",
    ]


def test_an_empty_label_is_none_as_in_prometheus() -> None:
    assert EVENT_ALERTS[0].identity(("crawlers", "", "manual-1")) == {
        "alertname": "BrowsertrixCrawlPauseExpired",
        "severity": "critical",
        "event": "true",
        "namespace": "crawlers",
        "crawl": "manual-1",
    }


@pytest.mark.parametrize("crawl", ["qa-20260101-0123456789ab", "manual-1", "xqa-1"])
def test_a_qa_run_is_called_one(crawl: str) -> None:
    active = ActiveAlert(ENDS[0], ("crawlers", "org", crawl), "u", 0.0, 1.0)

    description = postable_alert(active, AlertTuning(), {}, no_names)["annotations"]["description"]

    what = "QA run" if crawl.startswith("qa-") else "Crawl"
    assert description.startswith(f"{what} {crawl} of organisation org in crawlers ")


def test_a_label_value_is_never_expanded_itself() -> None:
    template = "{{ $labels.crawl }} {{ $labels.none }}|{{ $labels.oid | urlquery }}"

    assert expand(template, {"crawl": "{{ $labels.oid }}", "oid": "a b/ü"}) == (
        "{{ $labels.oid }} |a+b%2F%C3%BC"
    )


def test_every_event_rule_of_the_committed_file_is_an_event_alert() -> None:
    rules = [rule for group in committed_groups() for rule in group["rules"]]
    events = [rule["alert"] for rule in rules if rule.get("labels", {}).get("event") == "true"]

    assert events == [event.name for event in EVENT_ALERTS]


NAMES: Final = {
    "unknown": None,
    "all": Names(
        organisation='Library "X" {{ $labels.oid }} `& <Co>',
        slug="a b/ü",
        cid="{{ .Value }}",
        workflow="News $labels.crawl \\ daily",
    ),
    "organisation": Names(organisation="X", slug="x", cid="c"),
    "none-shown": Names(cid="c", workflow=""),
    "no-workflow": Names(organisation="X", slug="x"),
}


def _name_series(names: Names, of_what: str, of_org: str) -> list[str]:
    """What the recording rules of names have; a label that is empty is none."""
    org = f"{of_org},slug={_go_quoted(names.slug)},organisation={_go_quoted(names.organisation)}"
    crawl = f"cid={_go_quoted(names.cid)},workflow={_go_quoted(names.workflow)}"
    suffix = org.removeprefix(of_org)
    return [f"{ORG_NAMES}{{{org}}}", f"{CRAWL_NAMES}{{{of_what},{crawl}{suffix}}}"]


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_names_are_the_same_in_a_rule_s_text_and_in_what_is_posted(
    edition: Edition, tmp_path: Path, names: Names | None
) -> None:
    links = Links(browsertrix="https://archive.example.org/")
    events = {event.name: event for event in EVENT_ALERTS}
    rules = [
        {
            "alert": event.name,
            "expr": f"happened_{number} > 0",
            "annotations": links.annotations(event),
        }
        for number, event in enumerate(EVENT_ALERTS)
    ]
    for crawl in ("manual-1", "qa-1"):
        odd = ODD | {"crawl": crawl}
        labels = {name: {key: odd[key] for key in event.labels} for name, event in events.items()}
        quoted = {
            name: ",".join(f"{label}={_go_quoted(value)}" for label, value in of_what.items())
            for name, of_what in labels.items()
        }
        of_crawl = quoted["BrowsertrixCrawlFailed"]
        known = _name_series(names, of_crawl, f"oid={_go_quoted(odd['oid'])}") if names else []
        (tmp_path / "rules.yaml").write_text(
            yaml.safe_dump({"groups": [{"name": "events", "rules": rules}]}), encoding="utf-8"
        )
        happened = [
            f"happened_{number}{{{quoted[event.name]}}}"
            for number, event in enumerate(EVENT_ALERTS)
        ]
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [
                        {"series": series, "values": "1x5"} for series in (*happened, *known)
                    ],
                    "alert_rule_test": [
                        {
                            "eval_time": "1m",
                            "alertname": name,
                            "exp_alerts": [
                                {
                                    "exp_labels": of_what,
                                    "exp_annotations": {
                                        key: expand(text, of_what, (), names)
                                        for key, text in links.annotations(events[name]).items()
                                    },
                                }
                            ],
                        }
                        for name, of_what in labels.items()
                    ],
                }
            ],
        }
        assert_rules_pass(edition, tmp_path, test)


def test_a_text_has_names_and_a_link_where_they_are_known() -> None:
    names = Names(organisation="Library of X", slug="x", cid="c-1", workflow="News daily")
    failed = Links(browsertrix="https://archive.example.org/").annotations(ENDS[6])
    labels = {"namespace": "crawlers", "oid": "o", "crawl": "manual-1"}

    with_names, with_ids = (
        {key: expand(text, labels, (), known) for key, text in failed.items()}
        for known in (names, None)
    )

    assert with_names["description"].startswith(
        "Crawl manual-1 of News daily (Library of X) in crawlers failed: "
    )
    assert with_names["browsertrix_url"] == (
        "https://archive.example.org/orgs/x/workflows/c-1/crawls/manual-1"
    )
    assert with_ids["description"].startswith("Crawl manual-1 of organisation o in crawlers ")
    assert with_ids["browsertrix_url"] == "https://archive.example.org"
    assert (with_names["subject"], with_ids["subject"]) == ("News daily (Library of X)", "manual-1")


@pytest.mark.parametrize("exhausted", [(), ("memory",), ("storage", "inodes")], ids="-".join)
def test_prometheus_makes_the_same_alert_of_the_rule(
    edition: Edition, tmp_path: Path, exhausted: tuple[str, ...]
) -> None:
    """promtool expands the committed rules' texts, for odd labels; ours must be equal."""
    rules = {
        rule["alert"]: rule
        for group in committed_groups()
        for rule in group["rules"]
        if "alert" in rule
    }
    simple = [
        rules[event.name] | {"expr": f"happened_{number} > 0"}
        for number, event in enumerate(EVENT_ALERTS)
    ]
    labels = {event.name: {name: ODD[name] for name in event.labels} for event in EVENT_ALERTS}
    quoted = {
        name: ",".join(f"{label}={_go_quoted(value)}" for label, value in of_what.items())
        for name, of_what in labels.items()
    }
    evicted_for = [
        f'browsertrix_pod_evicted_for{{{quoted["BrowsertrixPodEvicted"]},resource="{resource}"}}'
        for resource in (*exhausted, "other")
    ]
    (tmp_path / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "events", "rules": simple}]}), encoding="utf-8"
    )
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f"happened_{number}{{{quoted[event.name]}}}", "values": "1"}
                    for number, event in enumerate(EVENT_ALERTS)
                ]
                + [{"series": series, "values": "1"} for series in evicted_for],
                "alert_rule_test": [
                    {
                        "eval_time": "0m",
                        "alertname": event.name,
                        "exp_alerts": [_expected(event, labels[event.name], exhausted)],
                    }
                    for event in EVENT_ALERTS
                ],
            }
        ],
    }
    assert_rules_pass(edition, tmp_path, test)


def _expected(
    event: EventAlert, labels: dict[str, str], exhausted: tuple[str, ...]
) -> dict[str, Any]:
    active = ActiveAlert(event, tuple(labels.values()), "u", 0.0, 1.0, frozenset(exhausted))
    posted = postable_alert(active, AlertTuning(), {}, no_names)
    known = {name: text for name, text in posted["labels"].items() if name != "alertname"}
    return {"exp_labels": known, "exp_annotations": posted["annotations"]}


def _go_quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

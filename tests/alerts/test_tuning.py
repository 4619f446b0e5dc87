"""Rules as users want them: what can be set, and that what is posted follows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import cli
from exporter.alerting.active_alerts import ActiveAlert, ActiveAlerts
from exporter.alerting.event_alerts import EVENT_ALERTS
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.template import expand
from exporter.alerting.tuning import ENDS_THAT_PAGE, AlertTuning
from exporter.rules import Thresholds, rule_groups
from exporter.settings import GROUPS, Parser, add_options, load
from support.active_alerts import CRAWL, PAUSE_EXPIRED, ended
from support.crawl_history import Watch
from support.known_names import no_names
from support.promtool import assert_rules_pass
from support.rules import ALERTS, RULES, by_name, read_groups
from support.tools import Edition

LABELS = {"namespace": "crawlers", "oid": "org", "crawl": "manual-1", "pod": "crawl-manual-1-0"}


def written(*flags: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """The rules that the command writes, by name."""
    assert cli.main(["rules", *flags]) == 0
    return by_name(read_groups(capsys.readouterr().out))


def refused(*flags: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended_with:
        cli.main(["rules", *flags])
    assert ended_with.value.code == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    return error


def test_a_threshold_is_set_where_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    rules = written("--set", "CAPACITY_HOLD=1h", "--set", "limit_near=0.95", capsys=capsys)

    assert "> 3600" in rules["BrowsertrixCrawlWaitingForCapacity"]["expr"]
    assert "> 0.95" in rules["BrowsertrixCrawlSizeLimitNear"]["expr"]


@pytest.mark.parametrize("name", Thresholds.model_fields)
def test_every_threshold_changes_a_rule(name: str) -> None:
    default = getattr(Thresholds(), name)
    other = 0.37 if isinstance(default, float) else default + 60

    groups = rule_groups(Thresholds.model_validate({name: other}))

    made = {rule for group in groups for rule in group.rules}
    assert made - set(RULES)


def test_an_alert_is_left_out_with_the_records_that_only_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    every = written(capsys=capsys)
    rules = written("--without", "BrowsertrixPodEvictionStorm", capsys=capsys)

    assert every.keys() - rules.keys() == {
        "BrowsertrixPodEvictionStorm",
        "namespace_role:browsertrix_pod_evictions:increase15m",
    }
    assert every.keys() == {rule.name for rule in RULES}


def test_severities_labels_and_links_are_as_set(capsys: pytest.CaptureFixture[str]) -> None:
    rules = written(
        *("--severity", "BrowsertrixCrawlFailed=info", "--label", "team=archive"),
        *("--runbook-url", "https://wiki/", "--grafana-url", "https://grafana/"),
        capsys=capsys,
    )

    failed = rules["BrowsertrixCrawlFailed"]
    assert failed["labels"] == {"team": "archive", "severity": "info", "event": "true"}
    assert failed["annotations"]["runbook_url"] == "https://wiki/BrowsertrixCrawlFailed.md"
    assert failed["annotations"]["dashboard_url"].startswith("https://grafana/d/browsertrix-crawl?")
    assert rules["BrowsertrixExporterDown"]["labels"]["team"] == "archive"


def test_one_switch_makes_tickets_of_the_ends_that_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = written("--ends-as-tickets", capsys=capsys)

    pages = {
        name for name, rule in rules.items() if rule.get("labels", {}).get("severity") == "critical"
    }
    assert not pages & set(ENDS_THAT_PAGE)
    assert {alert.name for alert in ALERTS if alert.severity == "critical"} - pages == set(
        ENDS_THAT_PAGE
    )


def test_links_are_absolute_and_there_is_none_that_would_not_be(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for rule in written(capsys=capsys).values():
        for name, text in rule.get("annotations", {}).items():
            assert not name.endswith("_url") or text.startswith("https://")


def test_a_pause_that_is_shorter_than_a_warning_has_no_such_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["rules", "--pause-limit", "12h"]) == 0

    out, error = capsys.readouterr()
    assert "BrowsertrixCrawlPauseExpiresInADay" not in out
    assert "alert: BrowsertrixCrawlPauseExpiresInAnHour" in out
    assert error == (
        "BrowsertrixCrawlPauseExpiresInADay is left out: pauses expire after 12h, and it warns 1d "
        "before\n"
    )


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--set", "CAPACTY_HOLD=1h"), "did you mean CAPACITY_HOLD?"),
        (("--set", "CAPACITY_HOLD=soon"), "CAPACITY_HOLD: expected a duration"),
        (("--set", "LIMIT_NEAR=7"), "LIMIT_NEAR: less than or equal to 1"),
        (("--set", "CAPACITY_HOLD"), "expected NAME=VALUE"),
        (("--set", "CRASHES=1", "--set", "crashes=2"), "given twice"),
        (("--without", "BrowsertrixPodEvict"), "did you mean BrowsertrixPodEvicted?"),
        (("--severity", "BrowsertrixCrawlFailed=loud"), "one of critical, warning, info"),
        (("--severity", "Nothing=info"), "there is no alert Nothing"),
        (("--label", "crawl=x"), "a label crawl of their own"),
        (("--cluster-label", "9x"), "the name of a label"),
        (("--metadata-label", "x"), "expected NAME=VALUE"),
        (("--format", "json"), "invalid choice"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(*flags, capsys=capsys)


def test_a_file_says_the_same_as_flags_and_is_named_where_it_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "exporter.yaml"
    file.write_text(
        "namespace: crawlers\n"
        "alerts:\n  set: [CAPACITY_HOLD=1h]\n  without: [BrowsertrixPodEvicted]\n"
    )
    by_flags = written(
        "--set", "CAPACITY_HOLD=1h", "--without", "BrowsertrixPodEvicted", capsys=capsys
    )
    assert written("--config.file", str(file), capsys=capsys) == by_flags

    file.write_text("alerts:\n  without: [Evicted]\n")
    assert f"{file}:2: alerts.without: there is no alert Evicted" in refused(
        "--config.file", str(file), capsys=capsys
    )


def test_the_exporter_refuses_what_the_rules_would(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended_with:
        cli.main(["serve", "--alerts.without", "Evicted"])

    assert ended_with.value.code == 2
    assert "there is no alert Evicted" in capsys.readouterr().err


def test_rules_are_written_to_a_file_or_it_is_said_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["rules", "--output", str(tmp_path / "rules.yaml")]) == 0
    assert cli.main(["rules"]) == 0
    assert (tmp_path / "rules.yaml").read_text() == capsys.readouterr().out

    assert cli.main(["rules", "--output", str(tmp_path / "none" / "rules.yaml")]) == 1
    assert capsys.readouterr().err.endswith("rules.yaml: No such file or directory\n")


def test_a_prometheusrule_has_the_labels_that_its_operator_looks_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["rules", "--format=prometheusrule", "--metadata-label", "release=mine"]) == 0

    made = yaml.safe_load(capsys.readouterr().out)
    assert made["kind"] == "PrometheusRule"
    assert made["metadata"]["labels"] == {"release": "mine"}


def test_what_is_left_out_does_not_silence_what_it_would_have_told_of(
    edition: Edition, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    left_out = ("--without", "BrowsertrixPodUnschedulable")
    assert cli.main(["rules", *left_out, "--output", str(file)]) == 0
    crawl = 'namespace="n",oid="o",crawl="c"'
    waiting = "browsertrix_crawl_state_since_timestamp_seconds"
    no_node = "browsertrix_pod_unschedulable_since_timestamp_seconds"
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f'{waiting}{{{crawl},state="waiting_capacity"}}', "values": "0x40"},
                    {"series": f'{no_node}{{{crawl},pod="p",reason="cpu"}}', "values": "0x40"},
                ],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname) (ALERTS{crawl="c"})',
                        "eval_time": "35m",
                        "exp_samples": [
                            {
                                "labels": '{alertname="BrowsertrixCrawlWaitingForCapacity"}',
                                "value": 1,
                            }
                        ],
                    }
                ],
            }
        ],
    }
    assert_rules_pass(edition, tmp_path, test)


def test_another_label_of_clusters_is_used_everywhere_and_promtool_agrees(
    edition: Edition, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    assert cli.main(["rules", "--cluster-label", "site", "--output", str(file)]) == 0
    groups = read_groups(file.read_text())
    expressions = "\n".join(rule["expr"] for group in groups for rule in group["rules"])
    assert not re.search(r"\bcluster\b", expressions)
    texts = yaml.safe_dump([rule.get("annotations") for group in groups for rule in group["rules"]])
    assert texts.count("site=%q") == texts.count("$labels.site") > 0
    assert not re.search(r"\bcluster=|\.cluster\b", texts)
    assert len(re.findall(r"\(site\b", expressions)) > 100
    series = (
        'browsertrix_crawl_state_since_timestamp_seconds{namespace="n",oid="o",crawl="c",'
        'state="waiting_capacity",site="%s"}'
    )
    alert = 'ALERTS{alertname="BrowsertrixCrawlWaitingForCapacity",alertstate="firing"}'
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": series % "a", "values": "0x40"},
                    {"series": series % "b", "values": "1800x40"},
                ],
                "promql_expr_test": [
                    {
                        "expr": f"count by (site) ({alert})",
                        "eval_time": "35m",
                        "exp_samples": [{"labels": '{site="a"}', "value": 1}],
                    }
                ],
            }
        ],
    }
    assert_rules_pass(edition, tmp_path, test)


# -- what is posted


SET = (
    *("--alerts.severity", "BrowsertrixCrawlFailed=info", "--alerts.ends-as-tickets"),
    *("--alerts.label", "team=archive", "--alerts.runbook-url", "https://wiki"),
    *("--alerts.grafana-url", "https://grafana"),
)


def test_what_is_posted_has_the_labels_and_texts_of_the_rules(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rules = written(*(flag.replace("--alerts.", "--") for flag in SET), capsys=capsys)
    parser = Parser()
    add_options(parser, GROUPS)
    tuning = AlertTuning.of(load(GROUPS, vars(parser.parse_args(SET)), {}).settings)

    for event in EVENT_ALERTS:
        values = tuple(LABELS[label] for label in event.labels)
        posted = postable_alert(ActiveAlert(event, values, "u", 0.0, 1.0), tuning, {}, no_names)
        rule = rules[event.name]
        of_what = dict(zip(event.labels, values, strict=True))
        assert posted["labels"] == {"alertname": event.name, **rule["labels"], **of_what}
        assert posted["annotations"] == {
            name: expand(text, of_what) for name, text in rule["annotations"].items()
        }


def test_an_alert_that_is_left_out_is_not_posted() -> None:
    watch = Watch()
    alerts = ActiveAlerts(watch.ledger, watch.clock, without={PAUSE_EXPIRED})
    watch.change(1001, status=ended(-20))
    watch.change(1002, crawl="other", status=ended(-20, "failed"))

    assert list(alerts) == [("BrowsertrixCrawlFailed", (*CRAWL[:2], "other"))]

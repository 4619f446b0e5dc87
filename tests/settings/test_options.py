"""Flags and variables: what they accept, which wins, and how they are refused."""

import argparse
from pathlib import Path

import pytest

from exporter.alerting.http_config import HTTPClientConfig
from exporter.alerting.notifier import NotifierSettings
from exporter.alerting.template import Links, Severity
from exporter.alerting.tuning import ENDS_THAT_PAGE, AlertTuning
from exporter.commands.documentation import configuration_page
from exporter.part_settings import notifier_settings
from exporter.settings import GROUPS, Address, Settings, add_options, options_of
from exporter.settings.values import duration, namespace, shard
from support.command_line import Complaint, read


def test_defaults() -> None:
    assert read() == Settings()
    assert Settings().namespaces == ("crawlers",)
    assert Settings().pause_limit == 7 * 24 * 3600


def test_every_flag_sets_its_field() -> None:
    settings = read(
        *("--kubeconfig", "/k", "--context", "c", "--selector", "role=job"),
        *("--namespace", "a", "--namespace", "b", "--pause-limit", "1d12h"),
        *("--metrics.include", "browsertrix_crawl_*", "--metrics.exclude", "*_info"),
        *("--web.listen-address", ":1", "--web.listen-address", "[::1]:2"),
        "--web.disable-status-page",
        *(
            "--watch.idle-limit",
            "2m",
            "--web.telemetry-path",
            "/m",
            "--log.level",
            "debug",
            "--log.format",
            "json",
        ),
    )
    assert settings == Settings(
        kubeconfig=Path("/k"),
        context="c",
        selector="role=job",
        idle_limit=120.0,
        namespaces=("a", "b"),
        pause_limit=129600.0,
        metrics_include=("browsertrix_crawl_*",),
        metrics_exclude=("*_info",),
        listen_addresses=(Address("", 1), Address("::1", 2)),
        telemetry_path="/m",
        disable_status_page=True,
        log_level="debug",
        log_format="json",
    )


def test_a_variable_stands_for_a_flag_and_the_flag_wins() -> None:
    assert read(NAMESPACE="a, b").namespaces == ("a", "b")
    assert read(SELECTOR="crawl in (x,y)").selector == "crawl in (x,y)"
    assert read("--namespace", "c", NAMESPACE="a,b").namespaces == ("c",)
    assert read(WEB_LISTEN_ADDRESS=":1 :2").listen_addresses == (Address("", 1), Address("", 2))
    assert read(LOG_LEVEL="").log_level == "info", "an empty variable is as good as none"


def test_a_namespace_named_twice_is_watched_once() -> None:
    assert read("--namespace", "b", "--namespace", "a", "--namespace", "b").namespaces == ("b", "a")


def test_all_namespaces_is_a_switch() -> None:
    assert read("--all-namespaces").scopes == ("",)
    assert read(ALL_NAMESPACES="true").scopes == ("",)
    assert read(ALL_NAMESPACES="false").scopes == ("crawlers",)


def test_complaints_name_the_flag_the_value_and_what_was_expected(
    complaint: Complaint,
) -> None:
    assert "--pause-limit: expected a duration" in complaint("--pause-limit", "soon")
    assert "'soon'" in complaint("--pause-limit", "soon")
    text = complaint(PAUSE_LIMIT="soon")
    assert "BROWSERTRIX_EXPORTER_PAUSE_LIMIT: expected a duration" in text
    assert "unrecognized arguments: --nonsense" in complaint("--nonsense")
    assert "expected one argument" in complaint("--context")
    assert "--namespace: expected the name" in complaint("--namespace", "No_Such")
    assert "--log.level: expected one of" in complaint("--log.level", "loud")
    assert "ALL_NAMESPACES: expected true or false" in complaint(ALL_NAMESPACES="maybe")
    address = complaint("--web.listen-address", "::1:80")
    assert "--web.listen-address: expected an IPv6 address in brackets" in address
    assert "expected a path" in complaint("--web.telemetry-path", "metrics")
    unmatched = complaint("--metrics.exclude", "browsertrix_crwal_*")
    assert "--metrics.exclude: expected a pattern that matches a metric" in unmatched
    both = complaint("--all-namespaces", "--namespace", "a")
    assert "--all-namespaces and --namespace exclude each other" in both


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--shard=2", "--total-shards=2"), "--shard counts from 0: 2 is not below"),
        (("--shard=1",), "1 is not below --total-shards, which is 1"),
        (("--shard=-1",), "--shard: expected a whole number of at least 0, or ordinal"),
        (("--total-shards=0",), "--total-shards: expected a whole number of at least 1"),
        (("--shard=ordinal", "--total-shards=2"), "in -NUMBER, and it is exporter, got 'ordinal'"),
    ],
)
def test_a_shard_that_there_is_not_is_refused(
    complaint: Complaint, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], says: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "exporter")
    assert says in complaint(*flags)


@pytest.mark.parametrize("host", ["browsertrix-exporter-12", "a-12.exporters.crawlers.svc"])
def test_the_ordinal_is_the_number_at_the_end_of_the_hosts_name(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert shard("ordinal") == 12


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7d", 604800), ("1h30m", 5400), ("90", 90), ("1w2d", 777600), ("250ms", 0.25), ("10s", 10)],
)
def test_durations_as_prometheus_writes_them(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1d", "1.5h", "m", "30m1h", "9999999d", "١d"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration(text)


@pytest.mark.parametrize("text", ["", "-a", "a-", "A", "a.b", "a" * 64, "ä"])
def test_names_no_namespace_can_have_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected the name of a namespace"):
        namespace(text)


def test_every_option_is_a_field_of_the_settings() -> None:
    assert {option.field for option in options_of()} == set(Settings.model_fields)


def test_the_help_names_default_and_variable_of_every_flag() -> None:
    parser = argparse.ArgumentParser(prog="x")
    add_options(parser, GROUPS)
    text = " ".join(parser.format_help().split())
    for option in options_of():
        assert option.variable in text
    assert "(default: 7d; BROWSERTRIX_EXPORTER_PAUSE_LIMIT)" in text
    assert "(default: :10937; BROWSERTRIX_EXPORTER_WEB_LISTEN_ADDRESS)" in text


def test_the_documentation_is_what_the_declaration_says() -> None:
    committed = Path(__file__, "../../../docs/configuration.md").resolve().read_text()
    assert committed == configuration_page(), "run `make docs`"


URL = "--alertmanager.url"


def test_the_flags_of_alertmanagers_configure_the_notifier() -> None:
    notifier = notifier_settings(
        read(
            *(URL, "http://one:9093", URL, "https://other/prefix/"),
            *("--alertmanager.label", "cluster=east", "--alertmanager.label", "stage=a=b"),
            *("--alerts.runbook-url", "https://wiki", "--alerts.grafana-url", "https://g"),
            *("--alerts.label", "team=archive", "--alerts.without", "BrowsertrixPodEvicted"),
            *("--alerts.severity", "BrowsertrixCrawlFailed=info", "--alerts.ends-as-tickets"),
            *("--alertmanager.ca-file", "/ca", "--alertmanager.server-name", "am"),
            *("--alertmanager.cert-file", "/crt", "--alertmanager.key-file", "/key"),
            *("--alertmanager.username", "me", "--alertmanager.password-file", "/password"),
        )
    )

    assert notifier == NotifierSettings(
        urls=("http://one:9093", "https://other/prefix"),
        labels=(("cluster", "east"), ("stage", "a=b")),
        tuning=AlertTuning(
            without=frozenset({"BrowsertrixPodEvicted"}),
            severities=dict.fromkeys(ENDS_THAT_PAGE, Severity.WARNING)
            | {"BrowsertrixCrawlFailed": Severity.INFO},
            labels={"team": "archive"},
            links=Links("https://wiki", "https://g"),
        ),
        http_config=HTTPClientConfig(
            ca_file=Path("/ca"),
            cert_file=Path("/crt"),
            key_file=Path("/key"),
            server_name="am",
            username="me",
            password_file=Path("/password"),
        ),
    )
    assert read(ALERTMANAGER_URL="http://one http://two").alertmanager_urls == (
        "http://one",
        "http://two",
    )


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ((URL, "alertmanager:9093"), "such as http://alertmanager:9093, got 'alertmanager:9093'"),
        ((URL, "http://"), "expected the address of an Alertmanager"),
        ((URL, "http://a:x"), "expected the address of an Alertmanager"),
        ((URL, "http://a/?x=1"), "expected the address of an Alertmanager"),
        ((URL, "http://a/api/v2/alerts"), "expected the address without /api/v2/alerts"),
        ((URL, "dns+http://a"), "expected a port, such as dns+http://alertmanager:9093, got"),
        ((URL, "dns+http://10.0.0.1:9093"), "expected a name that DNS can have after dns+http://"),
        ((URL, "dns+http://[::1]:9093"), "expected a name that DNS can have after dns+http://"),
        ((URL, "dns+http://a..b:9093"), "expected a name that DNS can have after dns+http://"),
        ((URL, f"dns+http://{'a' * 64}:1"), "expected a name that DNS can have after dns+http://"),
        ((URL, "dns+http://a:9093/api/v2/alerts"), "expected the address without /api/v2/alerts"),
        ((URL, "dns+http://a:9093?x=1"), "expected the address of an Alertmanager"),
        ((URL, "dns+a:9093"), "expected the address of an Alertmanager"),
        ((URL, "dns+ftp://a:9093"), "expected the address of an Alertmanager"),
        ((URL, "dnssrv+http://_web._tcp.a:9093"), "expected no port: the SRV records"),
        ((URL, "dnssrvnoa+http://_web._tcp.a"), "expected dns+ or dnssrv+ before http:// or"),
        ((URL, "dns+dns+http://a:1"), "expected dns+ or dnssrv+ before http:// or https://, not"),
        ((URL, "http://a", URL, "http://a/"), "--alertmanager.url: http://a is given twice"),
        (("--alertmanager.label", "a=b"), "does nothing without --alertmanager.url"),
        (
            ("--no-source.usage", "--source.usage.interval", "20s"),
            "--source.usage.interval does nothing with --no-source.usage",
        ),
        (("--source.usage.inter", "20s"), "unrecognized arguments: --source.usage.inter 20s"),
        (("--no-source.pod",), "unrecognized arguments: --no-source.pod"),
        (("--alertmanager.ca-file", "/ca"), "does nothing without --alertmanager.url"),
        ((URL, "http://a", "--alertmanager.label", "a"), "expected NAME=VALUE"),
        ((URL, "http://a", "--alertmanager.header", "a"), "expected NAME=VALUE"),
        ((URL, "http://a", "--alertmanager.header", "a b=c"), "expected NAME=VALUE"),
        ((URL, "http://a", "--alertmanager.header", "a=b\r\nc: d"), "expected NAME=VALUE"),
        ((URL, "http://a", "--alertmanager.header", "Host=x"), "the exporter's own to set"),
        ((URL, "http://a", "--alertmanager.header-file", "authorization=/f"), "own to set"),
        (
            (URL, "http://a", "--alertmanager.header", "A=b", "--alertmanager.header-file", "a=/f"),
            "--alertmanager.header: a is given twice",
        ),
        ((URL, "http://a", "--alertmanager.label", "a-b=c"), "expected NAME=VALUE"),
        ((URL, "http://a", "--alertmanager.label", "severity=x"), "label severity of its own"),
        (
            (URL, "http://a", "--alertmanager.label", "a=b", "--alertmanager.label", "a=c"),
            "--alertmanager.label: a is given twice",
        ),
        (
            (URL, "http://a", "--alertmanager.cert-file", "/c"),
            "--alertmanager.cert-file and --alertmanager.key-file are of use only together",
        ),
        (
            (URL, "http://a", "--alertmanager.username", "me"),
            "--alertmanager.username and --alertmanager.password-file are of use only together",
        ),
        (
            (
                *(URL, "http://a", "--alertmanager.username", "me"),
                *("--alertmanager.password-file", "/p", "--alertmanager.bearer-token-file", "/t"),
            ),
            "exclude each other",
        ),
        ((URL, "http://a", "--history.retention", "30m"), "--history.retention must be 4h"),
    ],
)
def test_options_of_alertmanager_that_conflict_are_refused(
    complaint: Complaint, flags: tuple[str, ...], says: str
) -> None:
    assert says in complaint(*flags)


BROWSERTRIX = ("--browsertrix.url", "https://b")
HOOK = "--source.kubernetes=metacontroller"
TOKEN = ("--browsertrix.token-file", "/t")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--browsertrix.url", "b:8000"), "such as https://browsertrix.example.org, got 'b:8000'"),
        (("--browsertrix.url", "http://"), "expected the address of Browsertrix"),
        (("--browsertrix.url", "http://b:x"), "expected the address of Browsertrix"),
        (("--browsertrix.url", "http://b/?x=1"), "expected the address of Browsertrix"),
        (("--browsertrix.url", "http://b/api/"), "expected the address without /api"),
        (
            ("--metacontroller.finalize",),
            "--metacontroller.finalize does nothing without --source.kubernetes=metacontroller",
        ),
        ((HOOK, "--metacontroller.finalize"), "--metacontroller.finalize needs --history.path"),
        ((HOOK, "--selector", "role=job"), "set the DecoratorController's labelSelector"),
        (
            (HOOK, "--total-shards", "2"),
            "--total-shards does nothing with --source.kubernetes=metacontroller, which calls one",
        ),
        (TOKEN, "--browsertrix.token-file does nothing without --browsertrix.url"),
        (("--no-browsertrix.names",), "--browsertrix.names does nothing without --browsertrix.url"),
        (BROWSERTRIX, "--browsertrix.url needs --browsertrix.username and"),
        (
            (*BROWSERTRIX, "--browsertrix.username", "me"),
            "--browsertrix.username and --browsertrix.password-file are of use only together",
        ),
        (
            (*BROWSERTRIX, *TOKEN, "--browsertrix.password-file", "/p"),
            "--browsertrix.username and --browsertrix.password-file are of use only together",
        ),
        (
            (
                *(*BROWSERTRIX, *TOKEN, "--browsertrix.username", "me"),
                *("--browsertrix.password-file", "/p"),
            ),
            "--browsertrix.username and --browsertrix.token-file exclude each other",
        ),
        ((*BROWSERTRIX, *TOKEN, "--browsertrix.interval", "1s"), "duration of at least 5s"),
        (
            (
                *(*BROWSERTRIX, *TOKEN, "--no-browsertrix.workflows"),
                *("--browsertrix.workflows.max", "9"),
            ),
            "--browsertrix.workflows.max does nothing with --no-browsertrix.workflows",
        ),
    ],
)
def test_options_of_browsertrix_that_conflict_are_refused(
    complaint: Complaint, flags: tuple[str, ...], says: str
) -> None:
    assert says in complaint(*flags)


def test_the_pause_limit_is_given_only_where_somebody_gave_it() -> None:
    assert read().given_pause_limit is None
    assert read("--pause-limit", "7d").given_pause_limit == 604800.0


def test_alertmanagers_can_be_found_in_dns() -> None:
    urls = (
        "dns+http://alertmanager-operated.monitoring:9093",
        "dns+https://am.example.:443/prefix",
        "dnssrv+http://_web._tcp.alertmanager-operated.monitoring.svc",
        "DNSSRV+HTTPS://_web._tcp.am/prefix",
    )
    assert read(ALERTMANAGER_URL=" ".join(urls)).alertmanager_urls == urls


def test_a_password_in_a_url_is_refused_and_not_repeated(
    complaint: Complaint,
) -> None:
    for url in ("http://me:secret@a:9093", "dns+http://me:secret@a:9093"):
        said = complaint(URL, url)

        assert "--alertmanager.password-file" in said
        assert "secret" not in said

    said = complaint("--browsertrix.url", "https://me:secret@b")
    assert "--browsertrix.password-file" in said
    assert "secret" not in said

"""Flags and environment variables, as Prometheus exporters have them.

Every flag can also be set by ``BROWSERTRIX_EXPORTER_`` and its name in capitals, with ``_`` for
``.`` and ``-``; the flag wins. One table declares them all: the parser, the environment and
docs/configuration.md are read from it, so that none of them can miss one.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, NoReturn

from exporter.alerting.client import CredentialsInUrlError, alertmanager_url
from exporter.alerting.event_alerts import LONGEST_WINDOW, format_duration
from exporter.alerting.postable_alert import external_label
from exporter.metrics.catalog import CATALOG
from exporter.settings import Settings
from exporter.web import Address, telemetry_path

ENVIRONMENT_PREFIX: Final = "BROWSERTRIX_EXPORTER_"

_DURATION: Final = re.compile(
    r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_DURATION_UNITS: Final = (7 * 86400, 86400, 3600, 60, 1, 0.001)
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off", ""})


def duration(text: str) -> float:
    """Seconds from a duration as Prometheus writes it (``7d``, ``1h30m``) or plain seconds.

    Raises ValueError with a readable text.
    """
    match = _DURATION.fullmatch(text)
    if match and text:
        parts = zip(match.groups(), _DURATION_UNITS, strict=True)
        seconds = sum(int(count) * unit for count, unit in parts if count)
    elif text.isascii() and text.isdecimal():
        seconds = float(text)
    else:
        raise ValueError("expected a duration such as 7d, 12h or 1h30m")
    if not 0 < seconds <= 100 * 365 * 86400:
        raise ValueError("expected a duration above 0 and below 100 years")
    return float(seconds)


def number(text: str) -> int:
    """Read a whole number of at least 1. Raises ValueError with a readable text."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise ValueError("expected a whole number of at least 1")
    return int(text)


def namespace(text: str) -> str:
    """Check the name of a namespace (RFC 1123 label). Raises ValueError with a readable text."""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("expected the name of a namespace: a-z, 0-9 and -, 63 characters at most")
    return text


def metric_pattern(text: str) -> str:
    """Check a shell pattern of metric names. Raises ValueError where no metric matches."""
    if not any(fnmatchcase(family.name, text) for family in CATALOG):
        raise ValueError("expected a pattern that matches a metric; `metrics` lists them all")
    return text


def _switch(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("expected true or false")


def _one_of(*words: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return text

    return check


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One flag: where its value goes, how it is read, and what a user is told."""

    flag: str
    field: str
    """The field of ``Settings`` it sets."""
    read: Callable[[str], Any]
    """Raises ValueError, with a text for the user, on a bad value."""
    help: str
    metavar: str = "VALUE"
    repeatable: bool = False
    switch: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag."""
        return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", self.flag.lstrip("-")).upper()


KUBERNETES: Final = (
    Option(
        flag="--kubeconfig",
        field="kubeconfig",
        read=Path,
        metavar="FILE",
        help="kubeconfig to use; else $KUBECONFIG, ~/.kube/config, or the pod's service account",
    ),
    Option(
        flag="--context",
        field="context",
        read=str,
        metavar="NAME",
        help="context of the kubeconfig; else its current one",
    ),
    Option(
        flag="--namespace",
        field="namespaces",
        read=namespace,
        metavar="NAME",
        repeatable=True,
        help="namespace to watch; repeat it for several",
    ),
    Option(
        flag="--all-namespaces",
        field="all_namespaces",
        read=_switch,
        switch=True,
        help="watch every namespace (needs a ClusterRole)",
    ),
    Option(
        flag="--selector",
        field="selector",
        read=str,
        metavar="SELECTOR",
        help="label selector: watch only the CrawlJobs it matches, e.g. role=job",
    ),
    Option(
        flag="--watch.idle-limit",
        field="idle_limit",
        read=duration,
        metavar="DURATION",
        help="connect anew when the API server was silent for so long; it speaks every minute",
    ),
)

HISTORY: Final = (
    Option(
        flag="--history.path",
        field="history_path",
        read=Path,
        metavar="FILE",
        help="file that remembers what happened; without it a restart forgets",
    ),
    Option(
        flag="--history.retention",
        field="history_retention",
        read=duration,
        metavar="DURATION",
        help="how long a finished crawl is served after its CrawlJob is gone",
    ),
    Option(
        flag="--history.max-finished",
        field="history_max_finished",
        read=number,
        metavar="N",
        help="how many finished crawls are remembered at most; the oldest go first",
    ),
)

METRICS: Final = (
    Option(
        flag="--pause-limit",
        field="pause_limit",
        read=duration,
        metavar="DURATION",
        help="how long Browsertrix lets a crawl be paused (its PAUSED_CRAWL_LIMIT_MINUTES)",
    ),
    Option(
        flag="--metrics.include",
        field="metrics_include",
        read=metric_pattern,
        metavar="PATTERN",
        repeatable=True,
        help="serve only metrics that match, e.g. 'browsertrix_crawl_*'",
    ),
    Option(
        flag="--metrics.exclude",
        field="metrics_exclude",
        read=metric_pattern,
        metavar="PATTERN",
        repeatable=True,
        help="leave out metrics that match; wins over --metrics.include",
    ),
)

WEB: Final = (
    Option(
        flag="--web.listen-address",
        field="listen_addresses",
        read=Address.parse,
        metavar="ADDRESS",
        repeatable=True,
        help="HOST:PORT or :PORT to listen on; [::1]:PORT for IPv6",
    ),
    Option(
        flag="--web.telemetry-path",
        field="telemetry_path",
        read=telemetry_path,
        metavar="PATH",
        help="path of the metrics",
    ),
    Option(
        flag="--web.disable-status-page",
        field="disable_status_page",
        read=_switch,
        switch=True,
        help="serve no status page and no JSON, only a landing page at /",
    ),
)

ALERTMANAGER: Final = (
    Option(
        flag="--alertmanager.url",
        field="alertmanager_urls",
        read=alertmanager_url,
        metavar="URL",
        repeatable=True,
        help="Alertmanager to post event alerts to at once; repeat it for each of a cluster",
    ),
    Option(
        flag="--alertmanager.label",
        field="alertmanager_labels",
        read=external_label,
        metavar="NAME=VALUE",
        repeatable=True,
        help="label added to those alerts, as in Prometheus's external_labels",
    ),
    Option(
        flag="--alertmanager.runbook-url",
        field="alertmanager_runbooks",
        read=str,
        metavar="URL",
        help="folder of the runbooks that those alerts link to",
    ),
    Option(
        flag="--alertmanager.grafana-url",
        field="alertmanager_grafana",
        read=str,
        metavar="URL",
        help="address of Grafana that those alerts link to",
    ),
    Option(
        flag="--alertmanager.ca-file",
        field="alertmanager_ca_file",
        read=Path,
        metavar="FILE",
        help="certificates to verify Alertmanager's with, instead of the system's",
    ),
    Option(
        flag="--alertmanager.cert-file",
        field="alertmanager_cert_file",
        read=Path,
        metavar="FILE",
        help="client certificate to show to Alertmanager",
    ),
    Option(
        flag="--alertmanager.key-file",
        field="alertmanager_key_file",
        read=Path,
        metavar="FILE",
        help="key of that certificate",
    ),
    Option(
        flag="--alertmanager.server-name",
        field="alertmanager_server_name",
        read=str,
        metavar="NAME",
        help="name in Alertmanager's certificate, if it is not that of its URL",
    ),
    Option(
        flag="--alertmanager.username",
        field="alertmanager_username",
        read=str,
        metavar="NAME",
        help="user for basic authentication with Alertmanager",
    ),
    Option(
        flag="--alertmanager.password-file",
        field="alertmanager_password_file",
        read=Path,
        metavar="FILE",
        help="file with the password of that user",
    ),
    Option(
        flag="--alertmanager.bearer-token-file",
        field="alertmanager_bearer_token_file",
        read=Path,
        metavar="FILE",
        help="file with a token to show to Alertmanager",
    ),
)

LOGGING: Final = (
    Option(
        flag="--log.level",
        field="log_level",
        read=_one_of("debug", "info", "warning", "error"),
        metavar="LEVEL",
        help="debug, info, warning or error",
    ),
    Option(
        flag="--log.format",
        field="log_format",
        read=_one_of("logfmt", "json"),
        metavar="FORMAT",
        help="logfmt or json",
    ),
)

GROUPS: Final[Mapping[str, tuple[Option, ...]]] = {
    "Kubernetes": KUBERNETES,
    "History": HISTORY,
    "Metrics": METRICS,
    "Web": WEB,
    "Alertmanager": ALERTMANAGER,
    "Logging": LOGGING,
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose every complaint is one line on stderr, and exit status 2."""

    def error(self, message: str) -> NoReturn:
        """End with one readable line."""
        sys.stderr.write(f"{self.prog}: error: {message} (see {self.prog} --help)\n")
        sys.exit(2)


def add_options(parser: argparse.ArgumentParser, groups: Sequence[str]) -> None:
    """Give a command the options of these groups."""
    for name in groups:
        group = parser.add_argument_group(name)
        for option in GROUPS[name]:
            kind: dict[str, Any] = (
                {"action": "store_const", "const": "true"}
                if option.switch
                else {"action": "append" if option.repeatable else "store"}
                | {"metavar": option.metavar}
            )
            text = f"{option.help} (default: {default_text(option)}; {option.variable})"
            group.add_argument(option.flag, dest=option.field, help=text.replace("%", "%%"), **kind)


def default_text(option: Option) -> str:
    """The default as a user reads it."""
    value = getattr(Settings(), option.field, False)
    if option.read is duration:
        return f"{value / 86400:g}d" if value >= 86400 else f"{value:g}s"
    if isinstance(value, tuple):
        value = ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value or "none")


def settings_from(
    parser: argparse.ArgumentParser,
    arguments: argparse.Namespace,
    groups: Sequence[str],
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """Flags, then variables, then defaults. A bad value ends the program through ``parser``."""
    values: dict[str, Any] = {}
    for option in (option for name in groups for option in GROUPS[name]):
        given = getattr(arguments, option.field)
        source = option.flag
        if given is None and (text := environment.get(option.variable)) is not None:
            source = option.variable
            given = [part for part in re.split(r"[\s,]+", text) if part]
            given = given if option.repeatable else text
            if not text and not option.switch:
                continue
        if given is None:
            continue
        read = [_read(parser, option, source, text) for text in _texts(option, given)]
        values[option.field] = tuple(read) if option.repeatable else read[0]
    if values.pop("all_namespaces", False):
        if "namespaces" in values:
            parser.error("--all-namespaces and --namespace exclude each other")
        values["namespaces"] = ("",)
    elif "namespaces" in values:  # one named twice is one watch
        values["namespaces"] = tuple(dict.fromkeys(values["namespaces"]))
    _check_alertmanager(parser, values)
    return Settings(**values)


def _texts(option: Option, given: Any) -> Sequence[str]:
    return given if option.repeatable else [given]


def _read(parser: argparse.ArgumentParser, option: Option, source: str, text: str) -> Any:
    try:
        return option.read(text)
    except CredentialsInUrlError as error:
        parser.error(f"{source}: {error}")
    except ValueError as error:
        parser.error(f"{source}: {error}, got {text!r}")


def _check_alertmanager(parser: argparse.ArgumentParser, values: Mapping[str, Any]) -> None:
    """Complain of what does nothing, or cannot work, together with the rest."""
    flags = {option.field: option.flag for option in ALERTMANAGER if option.field in values}
    if not flags:
        return
    if "alertmanager_urls" not in values:
        parser.error(f"{next(iter(flags.values()))} does nothing without --alertmanager.url")
    for one, other in (("cert_file", "key_file"), ("username", "password_file")):
        given = {f"alertmanager_{one}", f"alertmanager_{other}"} & flags.keys()
        if len(given) == 1:
            pair = f"--alertmanager.{one} and --alertmanager.{other}".replace("_", "-")
            parser.error(f"{pair} are of use only together")
    if {"alertmanager_username", "alertmanager_bearer_token_file"} <= flags.keys():
        parser.error(
            "--alertmanager.username and --alertmanager.bearer-token-file exclude each other"
        )
    labels = [name for name, _ in values.get("alertmanager_labels", ())]
    for flag, words in (("url", values["alertmanager_urls"]), ("label", labels)):
        for twice in {word for word in words if words.count(word) > 1}:
            parser.error(f"--alertmanager.{flag}: {twice} is given twice")
    if values.get("history_retention", LONGEST_WINDOW) < LONGEST_WINDOW:
        parser.error(
            f"--history.retention must be {format_duration(LONGEST_WINDOW)} at least with "
            "--alertmanager.url: so long an alert is told"
        )

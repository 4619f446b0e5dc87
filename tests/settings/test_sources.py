"""Flag, variable, file, default: every option can be given in each way, and the first wins."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter.settings import (
    GROUPS,
    Address,
    Option,
    Parser,
    Settings,
    add_options,
    load,
    options_of,
)
from exporter.settings.option import ENVIRONMENT_PREFIX

EXAMPLES: Final[dict[str, tuple[str, Any]]] = {
    "kubeconfig": ("/etc/kubeconfig", Path("/etc/kubeconfig")),
    "context": ("east", "east"),
    "namespace": ("qa", ("qa",)),
    "all-namespaces": ("true", True),
    "selector": ("role=job", "role=job"),
    "watch.idle-limit": ("2m", 120.0),
    "shard": ("1", 1),
    "total-shards": ("5000", 5000),
    "source.pods": ("false", False),
    "source.usage": ("false", False),
    "source.usage.interval": ("1m", 60.0),
    "source.volumes": ("false", False),
    "source.indexes": ("false", False),
    "source.kubernetes": ("metacontroller", "metacontroller"),
    "metacontroller.listen-address": (":9000", (Address("", 9000),)),
    "metacontroller.finalize": ("true", True),
    "metacontroller.resync-period": ("2m", 120.0),
    "pause-limit": ("90", 90.0),
    "browsertrix.public-url": ("https://b.example.org", "https://b.example.org"),
    "browsertrix.url": ("http://backend:8000/", "http://backend:8000"),
    "browsertrix.username": ("me", "me"),
    "browsertrix.password-file": ("/password", Path("/password")),
    "browsertrix.token-file": ("/token", Path("/token")),
    "browsertrix.ca-file": ("/ca", Path("/ca")),
    "browsertrix.interval": ("2m", 120.0),
    "browsertrix.names": ("false", False),
    "browsertrix.workflows": ("false", False),
    "browsertrix.workflows.max": ("5000", 5000),
    "history.path": ("/var/history.db", Path("/var/history.db")),
    "history.retention": ("1d12h", 129600.0),
    "history.max-finished": ("5000", 5000),
    "metrics.include": ("browsertrix_crawl_*", ("browsertrix_crawl_*",)),
    "metrics.exclude": ("*_info", ("*_info",)),
    "web.listen-address": ("[::1]:8080", (Address("::1", 8080),)),
    "web.telemetry-path": ("/m", "/m"),
    "web.allowed-host": ("metrics.example.org", ("metrics.example.org",)),
    "web.disable-status-page": ("true", True),
    "web.config.file": ("/web.yml", Path("/web.yml")),
    "web.open-probes": ("true", True),
    "alerts.set": ("CAPACITY_HOLD=1h", (("CAPACITY_HOLD", "1h"),)),
    "alerts.without": ("BrowsertrixPodEvicted", ("BrowsertrixPodEvicted",)),
    "alerts.severity": ("BrowsertrixCrawlFailed=info", (("BrowsertrixCrawlFailed", "info"),)),
    "alerts.ends-as-tickets": ("true", True),
    "alerts.label": ("team=archive", (("team", "archive"),)),
    "alerts.cluster-label": ("site", "site"),
    "alerts.runbook-url": ("https://wiki", "https://wiki"),
    "alerts.grafana-url": ("https://grafana", "https://grafana"),
    "alertmanager.url": ("http://am:9093/", ("http://am:9093",)),
    "alertmanager.label": ("cluster=east", (("cluster", "east"),)),
    "alertmanager.ca-file": ("/ca", Path("/ca")),
    "alertmanager.cert-file": ("/crt", Path("/crt")),
    "alertmanager.key-file": ("/key", Path("/key")),
    "alertmanager.server-name": ("am", "am"),
    "alertmanager.username": ("me", "me"),
    "alertmanager.password-file": ("/password", Path("/password")),
    "alertmanager.header": ("X-Scope-OrgID=a=b", (("X-Scope-OrgID", "a=b"),)),
    "alertmanager.header-file": ("X-Key=/key", (("X-Key", "/key"),)),
    "alertmanager.bearer-token-file": ("/token", Path("/token")),
    "log.level": ("debug", "debug"),
    "log.format": ("json", "json"),
}
"""By option: a text, and the value that it stands for."""

NEEDED: Final = {
    "shard": "total-shards",
    "metacontroller.finalize": "history.path",
    "web.open-probes": "web.config.file",
    "alertmanager.cert-file": "alertmanager.key-file",
    "alertmanager.key-file": "alertmanager.cert-file",
    "alertmanager.username": "alertmanager.password-file",
    "alertmanager.password-file": "alertmanager.username",
    "browsertrix.username": "browsertrix.password-file",
    "browsertrix.password-file": "browsertrix.username",
} | {
    f"browsertrix.{name}": "browsertrix.token-file"
    for name in ("url", "ca-file", "interval", "names", "workflows", "workflows.max")
}
"""What goes with an option, beside the url of its section."""
WITHOUT_URL: Final = {"alertmanager.url", "browsertrix.url", "browsertrix.public-url"}

NATURAL: Final[dict[str, Any]] = {"true": True, "false": False, "90": 90, "5000": 5000}
"""What needs no quotes in YAML, and is no string then."""

OPTIONS: Final = tuple(options_of())
BY_NAME: Final = {option.name: option for option in OPTIONS}


def settings(
    *flags: str, file: Path | None = None, environment: dict[str, str] | None = None
) -> Settings:
    parser = Parser()
    add_options(parser, GROUPS)
    named = ("--config.file", str(file)) if file else ()
    arguments = vars(parser.parse_args([*named, *flags]))
    return load(GROUPS, arguments, environment or {}).settings


def together_with(option: Option) -> list[Option]:
    """The option, and those without which it is refused."""
    names = [option.name]
    if option.name in NEEDED:
        names.append(NEEDED[option.name])
    section = option.name.partition(".")[0]
    if section in ("alertmanager", "browsertrix") and option.name not in WITHOUT_URL:
        names.append(f"{section}.url")
    if section == "metacontroller":
        names.append("source.kubernetes")
    return [BY_NAME[name] for name in names]


def as_flags(options: list[Option]) -> list[str]:
    return [
        option.opposite or option.flag
        if option.switch
        else f"{option.flag}={EXAMPLES[option.name][0]}"
        for option in options
    ]


def as_variables(options: list[Option]) -> dict[str, str]:
    return {option.variable: EXAMPLES[option.name][0] for option in options}


def as_file(folder: Path, options: list[Option]) -> Path:
    content: dict[str, Any] = {}
    for option in options:
        *sections, name = option.name.split(".")
        place = content
        for section in sections:
            place = place.setdefault(section, {})
        text = EXAMPLES[option.name][0]
        place[name] = NATURAL.get(text, text)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_every_option_has_an_example() -> None:
    assert list(EXAMPLES) == [option.name for option in OPTIONS]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_can_be_given_in_each_way(option: Option, tmp_path: Path) -> None:
    options = together_with(option)
    value = EXAMPLES[option.name][1]
    assert getattr(Settings(), option.field) != value

    by_flag = settings(*as_flags(options))
    by_variable = settings(environment=as_variables(options))
    by_file = settings(file=as_file(tmp_path, options))

    assert getattr(by_flag, option.field) == value
    assert by_variable == by_flag
    assert by_file == by_flag


def test_the_first_of_flag_variable_file_and_default_wins(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("log: {level: debug}\nnamespace: [of-file, of-file-too]\n")
    variables = {
        f"{ENVIRONMENT_PREFIX}LOG_LEVEL": "warning",
        f"{ENVIRONMENT_PREFIX}NAMESPACE": "of-variable",
    }

    assert settings().log_level == "info"
    of_file = settings(file=file)
    assert of_file.log_level == "debug"
    assert of_file.namespaces == ("of-file", "of-file-too")
    of_variable = settings(file=file, environment=variables)
    assert of_variable.log_level == "warning"
    assert of_variable.namespaces == ("of-variable",), "all values come from one place"
    of_flag = settings("--log.level=error", "--namespace=of-flag", file=file, environment=variables)
    assert of_flag.log_level == "error"
    assert of_flag.namespaces == ("of-flag",)


def test_a_variable_can_switch_off_what_the_file_switches_on(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("web: {disable-status-page: true}\n")
    variable = f"{ENVIRONMENT_PREFIX}WEB_DISABLE_STATUS_PAGE"

    assert settings(file=file, environment={variable: ""}).disable_status_page
    assert not settings(file=file, environment={variable: "false"}).disable_status_page


def test_a_variable_names_the_file_and_the_flag_wins(tmp_path: Path) -> None:
    one, other = tmp_path / "one.yaml", tmp_path / "other.yaml"
    one.write_text("context: one")
    other.write_text("context: other")
    variables = {f"{ENVIRONMENT_PREFIX}CONFIG_FILE": str(one)}

    assert settings(environment=variables).context == "one"
    assert settings(file=other, environment=variables).context == "other"


def test_an_option_of_another_command_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("history: {path: /h}\nlog: {level: loud}\nalertmanager: {label: [a=b]}\n")
    history = [group for group in GROUPS if group.__name__ == "History"]
    parser = Parser()
    add_options(parser, history)
    arguments = vars(parser.parse_args(["--config.file", str(file)]))

    loaded = load(history, arguments, {f"{ENVIRONMENT_PREFIX}LOG_FORMAT": "poem"})

    assert loaded.settings == Settings(history_path=Path("/h"))

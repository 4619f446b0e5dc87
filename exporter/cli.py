"""The command line: which command runs, and what its exit status is.

``serve`` is the default, so that ``browsertrix-exporter --namespace crawlers`` works as for any
exporter. A command's packages are imported when it runs: ``--version`` need not wait for them.
"""

import argparse
import asyncio
import gc
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from exporter import __version__
from exporter.runtime import logs
from exporter.settings import (
    GROUPS,
    InvalidSettingError,
    Parser,
    Settings,
    SettingsError,
    add_options,
    load,
)
from exporter.settings.model import (
    Alertmanager,
    Alerts,
    Browsertrix,
    BrowsertrixPolling,
    History,
    Logging,
    Metacontroller,
    Metrics,
    Web,
)
from exporter.settings.values import assignment, duration

PROGRAM: Final = "browsertrix-exporter"
DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 2


def _serve(settings: Settings, _: argparse.Namespace) -> int:
    gc.disable()  # until all is imported: nothing of that is garbage
    from exporter.app import serve  # noqa: PLC0415 - see the module's docstring
    from exporter.commands.checks import check, check_serve  # noqa: PLC0415

    check(settings)
    check_serve(settings)
    return _run(serve(settings))


def _demo(settings: Settings, arguments: argparse.Namespace) -> int:
    from exporter.commands.checks import check  # noqa: PLC0415
    from exporter.commands.demo import demo  # noqa: PLC0415

    if settings.web_config_file is not None:
        raise InvalidSettingError(
            "demo is scraped by a Prometheus of its own, which has no certificate or password: "
            "leave out --web.config.file",
            "web_config_file",
        )
    check(settings)
    return _run(demo(settings, speed=arguments.speed, seed=arguments.seed))


def _snapshot(settings: Settings, arguments: argparse.Namespace) -> int:
    from exporter.commands.checks import check  # noqa: PLC0415
    from exporter.commands.snapshot import snapshot  # noqa: PLC0415
    from exporter.metrics import Format  # noqa: PLC0415

    check(settings)
    form = Format[arguments.format.upper()]
    return DONE if snapshot(settings, arguments.file, form) else FAILED


def _history(settings: Settings, arguments: argparse.Namespace) -> int:
    from exporter.commands.history import history_lines  # noqa: PLC0415
    from exporter.history.errors import DatabaseError  # noqa: PLC0415

    if settings.history_path is None:
        return _fail("name the ledger's file with --history.path", WRONG_USE)
    try:
        lines = history_lines(
            settings.history_path, arguments.since, arguments.crawl, as_json=arguments.json
        )
    except DatabaseError as error:
        return _fail(error, FAILED)
    sys.stdout.writelines(lines)
    return DONE


def _metrics(_: Settings, arguments: argparse.Namespace) -> int:
    from exporter.metrics import CATALOG  # noqa: PLC0415
    from exporter.metrics.documentation import documentation  # noqa: PLC0415

    sys.stdout.write(documentation(CATALOG, arguments.format))
    return DONE


def _rules(settings: Settings, arguments: argparse.Namespace) -> int:
    from exporter.commands.rules import write_rules  # noqa: PLC0415

    labels = dict(arguments.metadata_label or [("release", "kube-prometheus-stack")])
    try:
        write_rules(settings, arguments.format, labels, arguments.output)
    except OSError as error:
        return _fail(f"{arguments.output}: {error.strerror}", FAILED)
    return DONE


def _run(work: Coroutine[Any, Any, None]) -> int:
    """Run until its end; what a user can mend is one line on stderr, and no traceback."""
    from exporter.alerting.http_config import HTTPClientConfigError  # noqa: PLC0415
    from exporter.cluster.client import ConfigError  # noqa: PLC0415
    from exporter.history.errors import LedgerError  # noqa: PLC0415
    from exporter.web import ListenError, WebConfigError  # noqa: PLC0415

    try:
        asyncio.run(work)
    except (HTTPClientConfigError, ConfigError, WebConfigError) as error:
        return _fail(error, WRONG_USE)
    except (LedgerError, ListenError) as error:
        return _fail(error, FAILED)
    return DONE


def _fail(error: Exception | str, status: int) -> int:
    sys.stderr.write(f"{PROGRAM}: error: {error}\n")
    return status


@dataclass(frozen=True, slots=True)
class Command:
    """One command: what runs, its line in help, and the groups of options it has."""

    run: Callable[[Settings, argparse.Namespace], int]
    help: str
    groups: Sequence[type[BaseModel]]


COMMANDS: Final = {
    "serve": Command(_serve, "serve metrics of the CrawlJobs in a cluster (the default)", GROUPS),
    "demo": Command(
        _demo,
        "the same on a simulated Browsertrix: nothing to install",
        (
            *(Metacontroller, Browsertrix, BrowsertrixPolling, History, Metrics, Web),
            *(Alerts, Alertmanager, Logging),
        ),
    ),
    "snapshot": Command(
        _snapshot,
        "print the metrics of CrawlJobs in a file, as kubectl prints them",
        (Browsertrix, Metrics),
    ),
    "history": Command(
        _history, "list finished crawls and what happened to them, newest first", (History,)
    ),
    "metrics": Command(_metrics, "print all that can be served", ()),
    "rules": Command(
        _rules, "write the alerting and recording rules for Prometheus", (Browsertrix, Alerts)
    ),
}


def _parser() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog=PROGRAM,
        description="Prometheus metrics of Browsertrix CrawlJobs on Kubernetes.",
        epilog=f"The options of a command: {PROGRAM} serve --help",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers: dict[str, Parser] = {}
    for name, command in COMMANDS.items():
        parsers[name] = commands.add_parser(name, help=command.help, description=command.help)
        add_options(parsers[name], command.groups, "alerts" if name == "rules" else "")
    demo = parsers["demo"].add_argument_group("Simulation")
    demo.add_argument(
        "--speed",
        type=_positive,
        default=60.0,
        metavar="FACTOR",
        help="how many times faster than in life crawls live (default: 60)",
    )
    demo.add_argument("--seed", type=int, default=1, help="another number, other crawls")
    history = parsers["history"]
    history.add_argument(
        "--since", type=_ago, metavar="DURATION", help="only the last of it, e.g. 12h"
    )
    history.add_argument("--crawl", metavar="ID", help="only of this crawl")
    history.add_argument("--json", action="store_true", help="one JSON object a line")
    rules = parsers["rules"]
    _add_format(rules, "rules", "prometheusrule")
    rules.add_argument(
        "--output", type=Path, metavar="FILE", help="file to write (default: standard output)"
    )
    rules.add_argument(
        "--metadata-label",
        type=_label,
        action="append",
        metavar="NAME=VALUE",
        help="label of the PrometheusRule, by which its operator selects it; repeat it for several "
        "(default: release=kube-prometheus-stack)",
    )
    snapshot = parsers["snapshot"]
    snapshot.add_argument("file", metavar="FILE", help="JSON or YAML; - for standard input")
    _add_format(snapshot, "text", "openmetrics")
    _add_format(parsers["metrics"], "text", "markdown", "json")
    return parser, parsers


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def _label(text: str) -> tuple[str, str]:
    try:
        return assignment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from None


def _ago(text: str) -> float:
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from None


def _add_format(parser: Parser, *formats: str) -> None:
    parser.add_argument(
        "--format",
        choices=formats,
        default=formats[0],
        help=f"{', '.join(formats)} (default: {formats[0]})",
    )


def _have_a_home() -> None:
    """The Kubernetes client cannot be imported by a user without one, as OpenShift's are."""
    if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path's own raises then
        os.environ["HOME"] = "/"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0, 1 (it failed) or 2 (it was used wrongly)."""
    _have_a_home()
    given = list(sys.argv[1:] if argv is None else argv)
    if not given or (given[0].startswith("-") and given[0] not in {"--version", "--help", "-h"}):
        given.insert(0, "serve")
    parser, parsers = _parser()
    arguments = parser.parse_args(given)
    command = COMMANDS[arguments.command]
    wrong_use = parsers[arguments.command].error
    try:
        loaded = load(command.groups, vars(arguments), os.environ)
    except SettingsError as error:
        wrong_use(str(error))
    logs.set_up(loaded.settings.log_level, loaded.settings.log_format)
    try:
        return command.run(loaded.settings, arguments)
    except InvalidSettingError as error:
        wrong_use(loaded.explain(error))

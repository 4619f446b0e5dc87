"""Options as `serve` and `demo` read them, without a process."""

from collections.abc import Callable

from exporter.cli import COMMANDS
from exporter.commands.checks import check, check_serve
from exporter.settings import (
    GROUPS,
    InvalidSettingError,
    Parser,
    Settings,
    SettingsError,
    add_options,
    load,
)

PREFIX = "BROWSERTRIX_EXPORTER_"
Complaint = Callable[..., str]
"""What is said of options that are refused; takes what ``read`` takes."""


def read(*flags: str, **environment: str) -> Settings:
    """The settings; where they are wrong, it ends as the command does. Variables have no prefix."""
    parser = Parser(prog="browsertrix-exporter")
    add_options(parser, GROUPS)
    variables = {f"{PREFIX}{name}": value for name, value in environment.items()}
    try:
        loaded = load(GROUPS, vars(parser.parse_args(flags)), variables)
    except SettingsError as error:
        parser.error(str(error))
    try:
        check(loaded.settings)
        check_serve(loaded.settings)
    except InvalidSettingError as error:
        parser.error(loaded.explain(error))
    return loaded.settings


def read_demo(*flags: str) -> Settings:
    """The same of `demo`, whose options are fewer; nothing is said of its speed and seed."""
    demo = COMMANDS["demo"]
    parser = Parser(prog="browsertrix-exporter demo")
    add_options(parser, demo.groups)
    try:
        loaded = load(demo.groups, vars(parser.parse_args(flags)), {})
    except SettingsError as error:
        parser.error(str(error))
    check(loaded.settings)
    return loaded.settings

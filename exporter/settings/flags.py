"""Flags: every option as an argument of the command line."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import BaseModel

from exporter.settings.option import CONFIG_FILE, Option, options_of


class Parser(argparse.ArgumentParser):
    """An argument parser whose every error is one line on stderr, and exit status 2.

    A flag is written out: one that is cut short might mean another in the next version.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """End with one readable line."""
        sys.stderr.write(f"{self.prog}: error: {message} (see {self.prog} --help)\n")
        sys.exit(2)


def add_options(
    parser: argparse.ArgumentParser, groups: Sequence[type[BaseModel]], section_meant: str = ""
) -> None:
    """Give a command the options of these groups, each under its heading, and the file's.

    Options of ``section_meant`` need not name it: the command is of nothing else.
    """
    if groups:
        _add(parser, CONFIG_FILE)
    for group in groups:
        section = parser.add_argument_group(group.__name__)
        for option in options_of([group]):
            _add(section, option, section_meant)


def _add(section: argparse._ActionsContainer, option: Option, section_meant: str = "") -> None:
    if option.opposite is not None:
        section.add_argument(
            option.opposite,
            dest=option.field,
            help=f"not {option.flag}",
            action="store_const",
            const="false",
        )
    kind: dict[str, Any] = (
        {"action": "store_const", "const": "true"}
        if option.switch
        else {"action": "append" if option.repeatable else "store", "metavar": option.metavar}
    )
    text = f"{option.help} (default: {option.default_text}; {option.variable})"
    of_section = f"{section_meant}."
    short = [f"--{option.name.removeprefix(of_section)}"] if section_meant else []
    flags = dict.fromkeys([*short, option.flag])
    section.add_argument(*flags, dest=option.field, help=text.replace("%", "%%"), **kind)

"""What an option is called where, all derived from its declaration.

``web.listen-address`` is the flag ``--web.listen-address``, the variable
``BROWSERTRIX_EXPORTER_WEB_LISTEN_ADDRESS``, and in the file ``listen-address`` in the section
``web``.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_origin

from pydantic import BaseModel

from exporter.settings.model import GROUPS

ENVIRONMENT_PREFIX: Final = "BROWSERTRIX_EXPORTER_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, as those read it who know nothing of pydantic."""

    name: str
    """With a dot after each section."""
    field: str
    """The field of ``Settings`` it sets."""
    metavar: str
    help: str
    default: Any = None
    repeatable: bool = False
    """Takes any number of values, and its field holds a tuple."""
    switch: bool = False
    """Its flag takes no value."""

    @property
    def flag(self) -> str:
        """As on the command line."""
        return f"--{self.name}"

    @property
    def opposite(self) -> str | None:
        """The flag that turns off what is on by default."""
        return f"--no-{self.name}" if self.switch and self.default else None

    @property
    def variable(self) -> str:
        """The environment variable that stands for the flag."""
        return ENVIRONMENT_PREFIX + re.sub(r"[.-]", "_", self.name).upper()

    @property
    def default_text(self) -> str:
        """The default as a user reads it."""
        match self.default:
            case bool() as on:
                return str(on).lower()
            case float() as seconds:  # only durations are
                return f"{seconds / 86400:g}d" if seconds >= 86400 else f"{seconds:g}s"
            case tuple() as values:
                return ", ".join(map(str, values)) or "none"
            case value:
                return str(value or "none")


CONFIG_FILE: Final = Option(
    name="config.file",
    field="config_file",
    metavar="FILE",
    help="YAML file with options by these names; flags and variables win over it",
)
"""The one option that is no setting: where more of them are."""


def options_of(groups: Sequence[type[BaseModel]] = GROUPS) -> Iterator[Option]:
    """Derive the options of these groups, in the order of their declaration."""
    for group in groups:
        for field, declared in group.model_fields.items():
            yield Option(
                name=declared.alias or field,
                field=field,
                metavar=declared.title or "",
                help=declared.description or "",
                default=declared.default,
                repeatable=get_origin(declared.annotation) is tuple,
                switch=declared.annotation is bool,
            )

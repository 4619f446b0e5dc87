"""Flags, variables and the file become one ``Settings``; an error names the one it is about.

The first source that gives an option wins, with all values of a repeatable one: flag, variable,
file, default.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from exporter.settings.config_file import given_by_file
from exporter.settings.consistency import InvalidSettingError
from exporter.settings.given import Given, SettingsError
from exporter.settings.model import Settings
from exporter.settings.option import CONFIG_FILE, Option, options_of
from exporter.settings.values import CredentialsInUrlError


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each that is not a default comes from."""

    settings: Settings
    given: Mapping[str, Given]
    """By field."""

    def explain(self, error: InvalidSettingError) -> str:
        """Say in one line what is wrong and where that stands."""
        return _explain(error, self.given)


def load(
    groups: Sequence[type[BaseModel]],
    arguments: Mapping[str, Any],
    environment: Mapping[str, str],
) -> Loaded:
    """Read the options of these groups; ``arguments`` are the parsed ones of ``add_options``.

    Options of other groups are left alone: in the environment, and in a file that several commands
    share. Raises SettingsError for the first that cannot be used.
    """
    options = tuple(options_of(groups))
    known = (CONFIG_FILE, *options) if options else ()
    given = _given_by_variables(known, environment) | _given_by_flags(known, arguments)
    if file := given.pop(CONFIG_FILE.field, None):
        given = _given_by_file(options, file) | given
    by_name: dict[str, Any] = {
        option.name: list(given[option.field].texts)
        if option.repeatable
        else given[option.field].texts[0]
        for option in options
        if option.field in given
    }
    try:
        return Loaded(Settings.model_validate(by_name), given)
    except ValidationError as error:
        raise SettingsError(_first_line(error.errors()[0], options, given)) from None


def _given_by_flags(options: Iterable[Option], arguments: Mapping[str, Any]) -> dict[str, Given]:
    given = {}
    for option in options:
        if (value := arguments[option.field]) is not None:
            texts = tuple(value) if option.repeatable else (value,)
            given[option.field] = Given(texts, (option.flag,) * len(texts))
    return given


def _given_by_variables(
    options: Iterable[Option], environment: Mapping[str, str]
) -> dict[str, Given]:
    """Split a repeatable one at commas and spaces; one that is empty then counts as none."""
    given = {}
    for option in options:
        text = environment.get(option.variable, "")
        parts = re.split(r"[\s,]+", text) if option.repeatable else [text]
        if texts := tuple(filter(None, parts)):
            given[option.field] = Given(texts, (option.variable,) * len(texts))
    return given


def _given_by_file(options: Iterable[Option], file: Given) -> dict[str, Given]:
    path = Path(file.texts[0])
    try:
        of_all = given_by_file(path)
    except OSError as error:
        raise SettingsError(f"{file.places[0]}: {path}: {error.strerror}") from None
    return {option.field: of_all[option.field] for option in options if option.field in of_all}


def _first_line(
    details: ErrorDetails, options: Iterable[Option], given: Mapping[str, Given]
) -> str:
    error = details.get("ctx", {}).get("error")
    if isinstance(error, InvalidSettingError):
        return _explain(error, given)
    name, *rest = details["loc"]
    option = next(option for option in options if option.name == name)
    index = int(rest[0]) if option.repeatable else 0
    place, text = given[option.field].places[index], given[option.field].texts[index]
    if isinstance(error, CredentialsInUrlError):
        return f"{place}: {error}"
    if details["type"] == "literal_error":
        expected = details["ctx"]["expected"].replace("'", "")
        return f"{place}: expected one of {expected}, got {text!r}"
    return f"{place}: {error or details['msg']}, got {text!r}"


def _explain(error: InvalidSettingError, given: Mapping[str, Given]) -> str:
    if error.value is not None:
        (field,) = error.fields
        return f"{given[field].place_of(error.value)}: {error}, got {error.value!r}"
    places = [given[field].places[0] for field in error.fields if field in given]
    elsewhere = [place for place in places if not place.startswith("--")]  # flags it names itself
    return ": ".join([*([", ".join(elsewhere)] if elsewhere else []), str(error)])

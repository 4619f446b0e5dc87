"""``values.schema.json``: what Helm refuses before anything is installed. Nothing unknown passes.

Of the exporter's own options, sources, thresholds and alerts it is made of their declarations.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, get_args, get_origin

from deploy.rules import Kind, kind
from deploy.values import Value, declared
from exporter.alerting.template import Severity
from exporter.rules import AlertingRule, Thresholds, rule_groups
from exporter.settings import GROUPS, Option, options_of
from exporter.sources import SOURCES

DURATION: Final = r"^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$"
_OF_OTHER_VALUES: Final = {
    "namespace",
    "all-namespaces",
    "shard",
    "total-shards",
    "history.path",
    "source.kubernetes",
    "web.listen-address",
}
"""What the chart needs to know itself is a value of its own, and ``config`` has not it again."""
_TYPES: Final = {bool: "boolean", int: "integer", str: "string", list: "array"}
_OF_MARKS: Final[Mapping[str, dict[str, Any]]] = {
    "open": {"type": "object"},
    "strings": {"type": "object", "additionalProperties": {"type": "string"}},
    "objects": {"type": "array", "items": {"type": "object"}},
}


def schema() -> str:
    """The whole schema, as JSON."""
    made = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart browsertrix-exporter",
        **_section(declared()),
    }
    made["properties"]["global"] = {
        "type": "object",
        "description": "Of the chart that this one is a part of; nothing is read here.",
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _section(values: tuple[Value, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {value.path[-1]: _schema(value) for value in values},
    }


def _schema(value: Value) -> dict[str, Any]:
    if value.members:
        return _section(value.members)
    keywords = dict(value.keywords)
    for mark, of_mark in _OF_MARKS.items():
        if keywords.pop(mark, False):
            return {"description": value.description} | of_mark | keywords
    if generated := keywords.pop("generated", None):
        return {"description": value.description} | _GENERATED[generated]()
    return {"description": value.description, "type": _TYPES[type(value.default)]} | keywords


def _sources() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            source.name: {"type": "boolean", "description": source.help}
            for source in SOURCES
            if not source.required
        },
    }


def option_schema(option: Option) -> dict[str, Any]:
    """How an option's value is written in ``config``."""
    one: dict[str, Any] = {"type": "string", "minLength": 1}
    if option.switch:
        one = {"type": "boolean"}
    elif option.metavar == "N":
        one = {"type": "integer", "minimum": 1}
    elif option.metavar == "DURATION":
        one = {"type": ["string", "integer"], "pattern": DURATION, "minimum": 1}
    elif levels := _choices(option):
        one = {"enum": list(levels)}
    if option.repeatable:
        one = {"oneOf": [one, {"type": "array", "items": one}]}
    return {"description": option.help} | one


def _choices(option: Option) -> tuple[str, ...]:
    (declared_,) = (
        group.model_fields[option.field] for group in GROUPS if option.field in group.model_fields
    )
    is_choice = str(get_origin(declared_.annotation)) == "typing.Literal"
    return get_args(declared_.annotation) if is_choice else ()


def in_config(option: Option) -> bool:
    """Whether it is set in ``config``."""
    switches = {f"source.{source.name}" for source in SOURCES}
    return not (
        option.name in _OF_OTHER_VALUES
        or option.name in switches
        or option.name.startswith(("alerts.", "metacontroller."))
    )


def is_file(option: Option) -> bool:
    """Whether its value names a file that is read: from a Secret, for example."""
    return option.metavar in ("FILE", "NAME=FILE") and option.name != "history.path"


def config_path(option: Option) -> tuple[str, ...]:
    """The keys that lead to it in ``config``: nested at the dots of its name.

    But what is below an option that has a value itself is no section: its name is one key there.
    """
    *above, last = option.name.split(".")
    if any(one.name == ".".join(above) for one in filter(in_config, options_of())):
        last = f"{above.pop()}.{last}"
    return (*above, last)


def _config() -> dict[str, Any]:
    root: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}
    for option in filter(in_config, options_of()):
        section = root
        *above, last = config_path(option)
        for name in above:
            section = section["properties"].setdefault(
                name, {"type": "object", "additionalProperties": False, "properties": {}}
            )
        section["properties"][last] = option_schema(option)
    return root


def _secrets() -> dict[str, Any]:
    files = [option for option in options_of() if is_file(option)]
    named = [option.name for option in files if option.metavar == "NAME=FILE"]
    key = {"type": "string", "pattern": r"^[-._a-zA-Z0-9]+$"}
    return {
        "type": "array",
        "items": {
            "type": "object",
            "additionalProperties": False,
            "required": ["option", "secret", "key"],
            "properties": {
                "option": {
                    "description": "The option that names the file.",
                    "enum": [option.name for option in files],
                },
                "header": {"type": "string", "description": f"Of {', '.join(named)}: its name."},
                "secret": {
                    "description": "The Secret, in the namespace of the release.",
                    "type": "string",
                    "pattern": r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
                },
                "key": key | {"description": "Of the Secret."},
                "beside": {
                    "description": "Further keys of it, which that file names in turn.",
                    "type": "array",
                    "items": key,
                },
            },
            "if": {"properties": {"option": {"enum": named}}},
            "then": {"required": ["header"]},
            "else": {"not": {"required": ["header"]}},
        },
    }


_OF_THRESHOLD: Final[Mapping[Kind, dict[str, Any]]] = {
    "seconds": {"type": ["string", "integer"], "minimum": 1, "pattern": DURATION, "minLength": 2},
    "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "count": {"type": "integer", "minimum": 1},
}


def _thresholds() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name.upper(): {"description": one.description} | _OF_THRESHOLD[kind(one)]
            for name, one in Thresholds.model_fields.items()
        },
    }


def _alerts() -> list[str]:
    rules = (rule for group in rule_groups(Thresholds()) for rule in group.rules)
    return [rule.name for rule in rules if isinstance(rule, AlertingRule)]


def _severities() -> dict[str, Any]:
    return {
        "type": "object",
        "propertyNames": {"enum": _alerts()},
        "additionalProperties": {"enum": [str(level) for level in Severity]},
    }


def _without() -> dict[str, Any]:
    return {"type": "array", "uniqueItems": True, "items": {"enum": _alerts()}}


_GENERATED: Final = {
    "sources": _sources,
    "config": _config,
    "secrets": _secrets,
    "thresholds": _thresholds,
    "severities": _severities,
    "without": _without,
}

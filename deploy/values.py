"""The chart's default values as they are documented: each with its description and its schema.

``values.yaml`` is written by hand. Above a value stands ``# -- `` with what it is, and where its
type does not say enough ``# @schema `` with keywords of JSON Schema, as JSON. A mapping without a
description is a section. Keywords of our own are ``open`` (a mapping of anything), ``strings``
(text by name), ``objects`` (a list of mappings), and ``generated`` (``deploy.schema`` has it from
the exporter's declarations).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

CHART: Final = Path(__file__).parent / "chart"
_MARKS: Final = frozenset({"open", "strings", "objects", "generated"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value, or a section of them."""

    path: tuple[str, ...]
    default: Any
    description: str
    """Markdown; empty of a section."""
    keywords: dict[str, Any] = field(default_factory=dict)
    """What its schema has beside its type."""
    members: tuple["Value", ...] = ()
    """Of a section."""

    @property
    def name(self) -> str:
        """With dots, as ``helm --set`` takes it."""
        return ".".join(self.path)


def declared() -> tuple[Value, ...]:
    """All values, in their order; ValueError where one has no description."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml is no mapping")
    return tuple(_members(root, text.splitlines(), ()))


def flat(values: tuple[Value, ...]) -> Iterator[Value]:
    """Those that can be set, without the sections."""
    for value in values:
        yield from flat(value.members) if value.members else (value,)


def _members(
    section: yaml.MappingNode, lines: list[str], above: tuple[str, ...]
) -> Iterator[Value]:
    for key, node in section.value:
        path = (*above, str(key.value))
        description, keywords = _comment(lines, key.start_mark.line)
        is_section = (
            isinstance(node, yaml.MappingNode) and not _MARKS & keywords.keys() and not description
        )
        if not (description or is_section):
            raise ValueError(f"values.yaml: {'.'.join(path)} has no description")
        yield Value(
            path=path,
            default=yaml.safe_load(yaml.serialize(node)),
            description=description,
            keywords=keywords,
            members=tuple(_members(node, lines, path)) if is_section else (),
        )


def _comment(lines: list[str], line: int) -> tuple[str, dict[str, Any]]:
    """The description and keywords that stand right above a line."""
    comment: list[str] = []
    while line and (match := re.fullmatch(r" *# ?(.*)", lines[line - 1])):
        comment.insert(0, match[1])
        line -= 1
    keywords = {}
    text: list[str] = []
    for one in comment:
        if one.startswith("@schema "):
            keywords = json.loads(one.removeprefix("@schema "))
        elif one.startswith("-- "):
            text = [one.removeprefix("-- ")]
        elif text:
            text.append(one)
    return " ".join(text), keywords

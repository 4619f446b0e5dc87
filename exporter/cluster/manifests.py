"""Objects from manifests, as ``kubectl get crawljobs -o json`` or ``-o yaml`` prints them.

One object, a List, or several documents. What cannot be read is reported in its place and does not
stop the rest. YAML is read as Kubernetes reads it, into what JSON can hold: a timestamp stays text,
and tags make no objects.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import yaml

from exporter.resources.decoding import InvalidObjectError, decode
from exporter.resources.resource import Resource, ResourceObject

T = TypeVar("T", bound=ResourceObject)

_MARKER: Final = re.compile(r"^---(?=\s|$)", re.MULTILINE)
"""Begins a document; at the start of a line it can be nothing else (YAML 1.2, 9.1.2)."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the manifests that is no object of the resource."""

    where: str
    """Which document and item, with kind and name where it has them."""
    why: str
    unusable: bool
    """A fault; false for objects that are merely of another kind."""

    def __str__(self) -> str:
        """One line."""
        return f"{self.where}: {self.why}"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # C where built
    """Safe, and without YAML's own idea of dates, which JSON does not share."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# As Go writes large numbers (1e+08), and YAML 1.1, which wants a point in them, does not read them.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+\Z"),
    list("-+0123456789"),
)


def read_manifests(resource: Resource[T], data: bytes) -> Iterator[T | Skipped]:
    """Read every object, in order, with what was left out in between; never raises."""
    text = _text(data)
    found = False
    for value, where in _values(text):
        found = True
        if isinstance(value, Skipped):
            yield value
        elif value is not None:
            yield from _objects(resource, value, where)
    if not found:
        yield Skipped("input", "there is nothing in it", unusable=True)


def _values(text: str) -> Iterator[tuple[Any, str]]:
    """Yield each document's value, or why it has none, and where it stands."""
    if text.lstrip().startswith("{"):
        try:
            value = decode(text.encode())
        except InvalidObjectError:
            pass  # a YAML document may begin like this as well
        else:
            yield value, "document 1"
            return
    for number, (line, document) in enumerate(_documents(text), start=1):
        where = f"document {number}"
        try:
            _refuse_aliases(document)
            values = list(yaml.load_all(document, Loader=_Loader))
        except yaml.YAMLError as error:
            yield Skipped(where, _yaml_error(error, line), unusable=True), where
        except (RecursionError, ValueError) as error:
            why = f"cannot be read as YAML ({type(error).__name__})"
            yield Skipped(where, why, unusable=True), where
        else:
            for value in values:
                yield value, where


def _refuse_aliases(document: str) -> None:
    """A few lines of them can stand for more than any memory holds; kubectl writes none."""
    if "*" not in document or "&" not in document:
        return
    for event in yaml.parse(document, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem="aliases are not supported", problem_mark=mark)


def _text(data: bytes) -> str:
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # what PowerShell's ">" writes
        if data.startswith(mark):
            return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def _documents(text: str) -> Iterator[tuple[int, str]]:
    """Yield each document that has content, with the number of its first line."""
    begin, line = 0, 1
    marks = [mark.start() for mark in _MARKER.finditer(text)]
    for end in (*marks, len(text)):
        document = text[begin:end]
        content = document.removeprefix("---")
        if any(row.strip() and row.lstrip()[0] not in "#%" for row in content.splitlines()):
            yield line, document
        line += document.count("\n")
        begin = end


def _yaml_error(error: yaml.YAMLError, first_line: int) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    place = f" at line {first_line + mark.line}, column {mark.column + 1}" if mark else ""
    # A problem may quote a tag or an anchor, never a value.
    return f"not valid YAML{place}" + (f": {problem}" if problem else "")


def _objects(resource: Resource[T], value: Any, where: str) -> Iterator[T | Skipped]:
    kind = value.get("kind") if isinstance(value, dict) else None
    if isinstance(kind, str) and kind.endswith("List"):
        items = value.get("items") or []
        if not isinstance(items, list):
            yield Skipped(where, f"the items of this {_short(kind)} are no list", unusable=True)
            return
        default = kind.removesuffix("List")
        for number, item in enumerate(items, start=1):
            yield _object(resource, item, f"{where}, item {number}", default)
    else:
        yield _object(resource, value, where, "")


def _object(resource: Resource[T], value: Any, where: str, default_kind: str) -> T | Skipped:
    if not isinstance(value, dict):
        return Skipped(where, "expected an object", unusable=True)
    kind, version = value.get("kind") or default_kind, value.get("apiVersion")
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(kind, str) or not kind:
        return Skipped(where, "it has no kind", unusable=True)
    if isinstance(name, str) and name:
        where = f"{where}, {_short(kind)} {_short(name)}"
    if kind != resource.kind or not _is_of_group(version, resource.group):
        group = resource.group or "the core group"
        why = f"skipped, for it is no {resource.kind} of {group}"
        return Skipped(where, why, unusable=False)
    try:
        return resource.reader.parse_value(value)
    except InvalidObjectError as error:
        return Skipped(where, str(error), unusable=True)


def _is_of_group(version: Any, group: str) -> bool:
    """Whether an ``apiVersion`` is of the group; kubectl's lists may have none in their items."""
    return version is None or (isinstance(version, str) and version.rpartition("/")[0] == group)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:80]}…"

"""From JSON to a CrawlJob, lenient field by field.

A CrawlJob's schema keeps anything, so anything arrives. The compiled parser reads the healthy
ones in one pass. Only where it refuses does the slow path begin: the fields its errors name are
taken out and reported, and the rest is read again. A bad value so costs its field, never the
object; only an object without a usable name is ``Unusable``.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from exporter.crawljob.model import CrawlJob, Problem

_ADAPTER: Final = TypeAdapter(CrawlJob)
_DEEPEST_KNOWN: Final = 8
"""Levels. ``status.podStatus.<pod>.used.memory`` is the fifth; what lies deeper is nobody's."""
_LONGEST_NUMBER: Final = 400
"""Digits. More than a float can hold; Python refuses to read integers of thousands of digits."""
_ROUNDS: Final = 20
"""Tries. One is the rule; a new round can only find what an earlier repair uncovered."""

_POD_STATUS: Final = ["status", "podStatus"]
_CONTAINERS: Final = frozenset({"dataclass_type", "dict_type", "dataclass_exact_type"})


class UnusableError(ValueError):
    """The object cannot be served at all; the text says why and, where known, which it is."""


def parse_json(data: bytes) -> CrawlJob:
    """Read one CrawlJob from JSON text; its ``problems`` tell what was left out.

    Raises UnusableError when it is no JSON object or has no usable ``metadata.name``.
    """
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError:
        return parse_value(decode(data))


def decode(data: bytes) -> Any:
    """Decode JSON as far as Python can: bad UTF-8 and endless numbers are replaced, not refused.

    Raises UnusableError for text that is no JSON, or is nested too deep to read.
    """
    try:
        return json.loads(data.decode("utf-8", "replace"), parse_int=_bounded_int, strict=False)
    except RecursionError:
        raise UnusableError("JSON is nested too deep to be read") from None
    except ValueError as error:
        position = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnusableError(f"not valid JSON{position}") from None


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


def parse_value(value: Any) -> CrawlJob:
    """Read one CrawlJob from decoded JSON (or YAML), like ``parse_json``."""
    if not isinstance(value, dict):
        raise UnusableError(f"expected an object, got {_kind(value)}")
    tree = _pruned(value, _DEEPEST_KNOWN)
    problems: dict[str, Problem] = {}
    for _ in range(_ROUNDS):
        # Lone surrogates cannot be written as UTF-8, in a log or in an exposition.
        text = json.dumps(tree, ensure_ascii=False, default=str).encode("utf-8", "replace")
        try:
            job = _ADAPTER.validate_json(text)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            for detail in _ours_first(details):
                _take_out(tree, detail, problems)
        else:
            job.problems = tuple(problems.values())
            return job
    raise UnusableError(f"{_who(tree)}: still unreadable after {_ROUNDS} repairs")


def _ours_first(details: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Our own reasons before the compiled parser's: where a value has both, ours says more."""
    return sorted(details, key=lambda detail: detail["type"] != "value_error")


def _pruned(value: Any, levels: int) -> Any:
    """A copy without what lies deeper than any known field, and with text as keys throughout."""
    if isinstance(value, dict):
        if not levels:
            return {}
        return {str(key): _pruned(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_pruned(item, levels - 1) for item in value] if levels else []
    return value


def _take_out(tree: dict[str, Any], detail: ErrorDetails, problems: dict[str, Problem]) -> None:
    """Replace the value an error names by null or, for a container, by an empty one.

    Null is what the model reads as unknown, where an absent field has its default: a state that
    is a number is unknown, not ``starting``. A null found on the wire is no problem either.
    """
    path, key_is_bad = _path(tree, detail["loc"])
    if path == ["metadata"] or path[:2] in (["metadata", "name"], ["metadata", "namespace"]):
        raise UnusableError(
            f"{_who(tree)}: {'.'.join(path)} is missing, or nothing Kubernetes could have given"
        )
    field = ".".join(path)
    if field in problems:  # each member of a union has its own error
        return
    parent: Any = tree
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    found = parent.get(last)
    if key_is_bad:
        parent.pop(last, None)
        problems[field] = _problem(path, "expected the name of a pod, 1 to 253 characters")
        return
    parent[last] = {} if detail["type"] in _CONTAINERS else None
    if found is None:
        return
    if path == ["status"]:
        parent[last] = {"state": None}  # unreadable, so not "starting"
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    problems[field] = _problem(path, f"{reason[0].lower()}{reason[1:]}, got {_kind(found)}")


def _problem(path: list[str], reason: str) -> Problem:
    """Name the field; a pod's name is cut here, for in a hostile object it may be anything."""
    short = [step if len(step) <= 80 else step[:80] + "…" for step in path]
    kind = list(path)
    if path[:2] == _POD_STATUS and len(path) > 2:
        kind[2] = "*"
    return Problem(".".join(short), ".".join(kind), reason)


def _path(tree: dict[str, Any], location: tuple[int | str, ...]) -> tuple[list[str], bool]:
    """The keys that lead to the value; an error's location also names the union member tried."""
    path: list[str] = []
    node: Any = tree
    for step in location:
        if step == "[key]":
            return path, True
        if not isinstance(node, dict) or step not in node:
            break
        path.append(str(step))
        node = node[step]
    return path or [str(step) for step in location[:1]] or ["metadata"], False


def _kind(value: Any) -> str:
    """What JSON calls the type; never the value, which may be private."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return f"a text of {len(value)} characters"
        case list():
            return "a list"
        case _:
            return "an object"


def _who(tree: dict[str, Any]) -> str:
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name)[:253] if name else "an object without a name"

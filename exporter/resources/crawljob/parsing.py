"""From JSON to a CrawlJob, lenient field by field.

A CrawlJob's schema keeps anything, so anything arrives. The compiled parser reads the healthy
ones in one pass. Only where it refuses does the slow path begin: the fields its errors name are
taken out and reported, and the rest is read again. A bad value so costs its field, never the
object; only an object without a usable name is ``InvalidObject``.
"""

import json
import re
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from exporter.resources.crawljob.model import MOST_PODS, CrawlJob, Problem

_ADAPTER: Final = TypeAdapter(CrawlJob)
_DEEPEST_KNOWN: Final = 8
"""Levels. ``status.podStatus.<pod>.used.memory`` is the fifth; what lies deeper is nobody's."""
_DEEPEST_READ: Final = 100
"""Levels. Kubernetes takes ten thousand, Python's parser gives up before one thousand."""
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)
_LONGEST_NUMBER: Final = 400
"""Digits. More than a float can hold; Python refuses to read integers of thousands of digits."""
_ROUNDS: Final = 5
"""Tries. One is the rule; a new round can only find what an earlier repair uncovered."""

Path = tuple[str, ...]

_POD_STATUS: Final[Path] = ("status", "podStatus")
_POD: Final[Path] = (*_POD_STATUS, "*")
_CONTAINERS: Final[frozenset[Path]] = frozenset(
    {
        (),
        ("metadata",),
        ("metadata", "labels"),
        ("spec",),
        ("status",),
        _POD_STATUS,
        _POD,
        (*_POD, "allocated"),
        (*_POD, "used"),
    }
)
"""What has fields of its own; everywhere else a path ends, whatever the wire has put there."""
_KEY: Final = "[key]"
"""How an error's location says that it was the key, not the value."""
_INDISPENSABLE: Final[frozenset[Path]] = frozenset(
    {(), ("metadata",), ("metadata", "name"), ("metadata", "namespace")}
)


class InvalidObjectError(ValueError):
    """The object cannot be served at all; the text says why and, where known, which it is."""


def parse_json(data: bytes) -> CrawlJob:
    """Read one CrawlJob from JSON text; its ``problems`` tell what was left out.

    Raises InvalidObjectError when it is no JSON object or has no usable ``metadata.name``.
    """
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError:
        return parse_value(decode(data))


def decode(data: bytes) -> Any:
    """Decode JSON as far as Python can, and further than it would by itself.

    Bad UTF-8, endless numbers and what is nested beyond reading are replaced, not refused.
    Raises InvalidObjectError for text that is no JSON.
    """
    text = data.decode("utf-8", "replace")
    try:
        try:
            return _loads(text)
        except RecursionError:
            return _loads(_shallow(text))
    except RecursionError:
        raise InvalidObjectError("JSON is nested too deep to be read, and never closed") from None
    except ValueError as error:
        position = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidObjectError(f"not valid JSON{position}") from None


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_bounded_int, strict=False)


def _shallow(text: str) -> str:
    """JSON text with null for what lies deeper than anybody reads; found without recursion."""
    kept: list[str] = []
    depth = start = cut = 0
    for match in _STRUCTURE.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth == _DEEPEST_READ:
                cut = match.start()
        elif match[0] in ("]", "}"):
            if depth == _DEEPEST_READ:
                kept += (text[start:cut], "null")
                start = match.end()
            depth -= 1
    return "".join((*kept, text[start:]))


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


def parse_value(value: Any) -> CrawlJob:
    """Read one CrawlJob from decoded JSON (or YAML), like ``parse_json``."""
    if not isinstance(value, dict):
        raise InvalidObjectError(f"expected an object, got {_kind(value)}")
    tree = _pruned(value, _DEEPEST_KNOWN)
    problems: dict[Path, Problem] = {}
    _refuse_a_crowd(tree, problems)
    for _ in range(_ROUNDS):
        # Lone surrogates cannot be written as UTF-8, in a log or in an exposition.
        text = json.dumps(tree, ensure_ascii=False, default=str).encode("utf-8", "replace")
        try:
            job = _ADAPTER.validate_json(text)
        except ValidationError as error:
            for path, detail in _one_per_field(error).items():
                _take_out(tree, path, detail, problems)
        else:
            job.problems = tuple(problems.values())
            return job
    raise InvalidObjectError(f"{_who(tree)}: still unreadable after {_ROUNDS} repairs")


def _pruned(value: Any, levels: int) -> Any:
    """A copy without what lies deeper than any known field, and with plain text as keys."""
    if isinstance(value, dict):
        if not levels:
            return {}
        return {_key(key): _pruned(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_pruned(item, levels - 1) for item in value] if levels else []
    if isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER * 4:  # YAML has hex
        return float("inf")
    return value


def _refuse_a_crowd(tree: dict[str, Any], problems: dict[Path, Problem]) -> None:
    """Far too many pods are one problem, not one each."""
    status = tree.get("status")
    pods = status.get("podStatus") if isinstance(status, dict) else None
    if isinstance(pods, dict) and len(pods) > MOST_PODS:
        reason = f"expected at most {MOST_PODS} pods, got {len(pods)}"
        problems[_POD_STATUS] = _problem(_POD_STATUS, reason)
        pods.clear()


def _key(key: Any) -> str:
    return str(key).encode("utf-8", "replace").decode()


def _one_per_field(error: ValidationError) -> dict[Path, ErrorDetails]:
    """Each field with the one error to tell of; every member of a union has its own.

    Our own reasons before the compiled parser's: where a value has both, ours says more.
    """
    details = error.errors(include_url=False, include_input=False, include_context=False)
    fields: dict[Path, ErrorDetails] = {}
    for detail in sorted(details, key=lambda detail: detail["type"] != "value_error"):
        fields.setdefault(_path(detail["loc"]), detail)
    return fields


def _path(location: tuple[int | str, ...]) -> Path:
    """The keys that lead to the value; an error's location also names the union member tried."""
    path: Path = ()
    for step in location:
        if _shape(path) not in _CONTAINERS or (_shape(path) == _POD and step == _KEY):
            break
        path = (*path, str(step))
    return path


def _shape(path: Path) -> Path:
    """The path with the pod's name as ``*``."""
    return (*_POD, *path[3:]) if len(path) > 2 and path[:2] == _POD_STATUS else path


def _take_out(
    tree: dict[str, Any], path: Path, detail: ErrorDetails, problems: dict[Path, Problem]
) -> None:
    """Replace the value an error names by null or, for a container, by an empty one.

    Null is what the model reads as unknown, where an absent field has its default: a state that
    is a number is unknown, not ``starting``. A null found on the wire is no problem either.
    """
    if path in _INDISPENSABLE:
        raise InvalidObjectError(
            f"{_who(tree)}: {'.'.join(path)} is missing, or nothing Kubernetes could have given"
        )
    parent = tree
    for step in path[:-1]:
        if step not in parent:  # gone, with the pod whose name was refused
            return
        parent = parent[step]
    field = path[-1]
    if _shape(path) == _POD and detail["loc"][3:] == (_KEY,):
        del parent[field]
        problems[path] = _problem(path, "expected the name of a pod, 1 to 253 characters")
        return
    found = parent[field]
    parent[field] = {} if _shape(path) in _CONTAINERS else None
    if found is None:
        return
    if path == ("status",):
        parent[field] = {"state": None}  # unreadable, so not "starting"
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    problems[path] = _problem(path, f"{reason[0].lower()}{reason[1:]}, got {_kind(found)}")


def _problem(path: Path, reason: str) -> Problem:
    """Name the field; a pod's name is cut here, for in a hostile object it may be anything."""
    return Problem(".".join(map(_readable, path)), ".".join(_shape(path)), reason)


def _readable(key: str) -> str:
    short = key if len(key) <= 80 else f"{key[:80]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


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
    return _readable(name) if name and isinstance(name, str) else "an object without a name"

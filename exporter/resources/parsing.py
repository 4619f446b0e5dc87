"""From JSON to an object of any resource, lenient field by field.

A custom resource's schema may keep anything, so anything arrives. The compiled parser reads the
healthy objects in one pass. Only where it refuses does the slow path begin: the fields its errors
name are taken out and reported, and the rest is read again. A bad value so costs its field, never
the object; only an object without a usable name is an ``InvalidObjectError``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from exporter.resources.decoding import LONGEST_NUMBER, InvalidObjectError, decode
from exporter.resources.paths import WILDCARD, Path, Paths

_DEEPEST_KNOWN: Final = 8
"""Levels. A CrawlJob's ``status.podStatus.<pod>.used.memory`` is the fifth; no model goes deeper
than this."""
_ROUNDS: Final = 5
"""Tries. One is the rule; a new round can only find what an earlier repair uncovered."""
_KEY: Final = "[key]"
"""How an error's location says that it was the key, not the value."""
_OF_KUBERNETES: Final[frozenset[Path]] = frozenset(
    {(), ("metadata",), ("metadata", "name"), ("metadata", "namespace")}
)
"""What an object of Kubernetes' API cannot do without."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A field that could not be read: its path, and why; the reason never shows the value."""

    field: str
    kind: str
    """The path with the keys of a map as ``*``: one of a few, so fit for a label."""
    reason: str


class Parsed(Protocol):
    """What a reader makes; a pydantic dataclass."""

    problems: tuple[Problem, ...]
    """What could not be read; never from the wire."""


T = TypeVar("T", bound=Parsed)


def _none(_: dict[str, Any]) -> Iterable[tuple[Path, str]]:
    return ()


class LenientReader(Generic[T]):
    """Reads objects of one model; make one for each model, for its parser is compiled here."""

    def __init__(
        self,
        model: type[T],
        *,
        before: Callable[[dict[str, Any]], Iterable[tuple[Path, str]]] = _none,
        keys: Mapping[Path, str] | None = None,
        unreadable: Mapping[Path, Mapping[str, Any]] | None = None,
        required: frozenset[Path] = _OF_KUBERNETES,
    ) -> None:
        """``before`` may change a tree that was refused; it yields the problems that it took out.

        ``keys`` says, for the path of a map, what its keys must be; ``unreadable`` what stands for
        an object that was none, where empty would say something else; ``required`` what an object
        cannot be served without.
        """
        self.model = model
        # Past the adapter's own method, which does nothing but hand on ten arguments: a twentieth.
        self._validate_json: Callable[[bytes], T] = TypeAdapter(model).validator.validate_json
        self._paths = Paths(model)
        self._before = before
        self._keys = keys or {}
        self._unreadable = unreadable or {}
        self._required = required

    @property
    def fields(self) -> tuple[str, ...]:
        """Every value that ``Problem.kind`` can have, in the model's order."""
        return self._paths.names

    def parse_json(self, data: bytes) -> T:
        """Read one object from JSON text; its ``problems`` say what was left out.

        Raises InvalidObjectError when it is no JSON object or has no usable ``metadata.name``.
        """
        try:
            return self._validate_json(data)
        except ValidationError:
            return self.parse_value(decode(data))

    def parse_value(self, value: Any) -> T:
        """Read one object from decoded JSON (or YAML), like ``parse_json``."""
        if not isinstance(value, dict):
            raise InvalidObjectError(f"expected an object, got {_json_type(value)}")
        tree = _pruned(value, _DEEPEST_KNOWN)
        problems = {path: self._problem(path, reason) for path, reason in self._before(tree)}
        for _ in range(_ROUNDS):
            # Lone surrogates cannot be written as UTF-8, in a log or in an exposition.
            text = json.dumps(tree, ensure_ascii=False, default=str).encode("utf-8", "replace")
            try:
                found = self._validate_json(text)
            except ValidationError as error:
                for path, detail in self._one_per_field(error).items():
                    self._take_out(tree, path, detail, problems)
            else:
                found.problems = tuple(problems.values())
                return found
        raise InvalidObjectError(f"{_who(tree)}: still unreadable after {_ROUNDS} repairs")

    def _one_per_field(self, error: ValidationError) -> dict[Path, ErrorDetails]:
        """Each field with the one error to report; every member of a union has its own.

        Our own reasons before the compiled parser's: where a value has both, ours says more.
        """
        details = error.errors(include_url=False, include_input=False, include_context=False)
        fields: dict[Path, ErrorDetails] = {}
        for detail in sorted(details, key=lambda detail: detail["type"] != "value_error"):
            fields.setdefault(self._path(detail["loc"]), detail)
        return fields

    def _path(self, location: tuple[int | str, ...]) -> Path:
        """The keys that lead to the value; a location also names the union member tried."""
        path: Path = ()
        for step in location:
            shape = self._paths.shape(path)
            in_map = shape[-1:] == (WILDCARD,)
            if shape not in self._paths.containers or (in_map and step == _KEY):
                break
            path = (*path, str(step))
        return path

    def _take_out(
        self,
        tree: dict[str, Any],
        path: Path,
        detail: ErrorDetails,
        problems: dict[Path, Problem],
    ) -> None:
        """Replace the value an error names by null or, for a container, by an empty one.

        Null is what the model reads as unknown, where an absent field has its default: a state that
        is a number is unknown, not ``starting``. A null found on the wire is no problem either.
        """
        if path in self._required:
            raise InvalidObjectError(f"{_who(tree)}: {'.'.join(path)} is missing or malformed")
        parent = tree
        for step in path[:-1]:
            if step not in parent:  # taken out with the key that led to it
                return
            parent = parent[step]
        field = path[-1]
        shape = self._paths.shape(path)
        if shape[-1] == WILDCARD and detail["loc"][len(path) :] == (_KEY,):
            del parent[field]
            reason = self._keys.get(shape[:-1])
            problems[path] = self._problem(path, reason or _reason(detail))
            return
        found = parent[field]
        container = shape in self._paths.containers
        parent[field] = {} if container else None
        if found is None:
            return
        if shape in self._unreadable:
            parent[field] = dict(self._unreadable[shape])
        problems[path] = self._problem(path, f"{_reason(detail)}, got {_json_type(found)}")

    def _problem(self, path: Path, reason: str) -> Problem:
        """Name the field; a map's key is cut, for in a hostile object it may be anything."""
        kind = ".".join(self._paths.shape(path))
        return Problem(".".join(map(_readable, path)), kind, reason)


def _reason(detail: ErrorDetails) -> str:
    reason = detail["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{reason[0].lower()}{reason[1:]}"


def _pruned(value: Any, levels: int) -> Any:
    """A copy without what lies deeper than any known field, and with plain text as keys."""
    if isinstance(value, dict):
        if not levels:
            return {}
        return {_key(key): _pruned(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_pruned(item, levels - 1) for item in value] if levels else []
    if isinstance(value, int) and value.bit_length() > LONGEST_NUMBER * 4:  # YAML has hex
        return float("inf")
    return value


def _key(key: Any) -> str:
    return str(key).encode("utf-8", "replace").decode()


def _readable(key: str) -> str:
    short = key if len(key) <= 80 else f"{key[:80]}…"
    return short if short.isprintable() else ascii(short)[1:-1]


def _json_type(value: Any) -> str:
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
    metadata = tree.get("metadata", {"name": tree.get("id")})
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return _readable(name) if name and isinstance(name, str) else "an object without a name"

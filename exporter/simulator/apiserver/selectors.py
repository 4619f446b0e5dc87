"""Label and field selectors, as Kubernetes documents them ("Labels and Selectors")."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from exporter.simulator.apiserver.errors import ApiError, bad_request
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.storage import Stored

Labels = Mapping[str, str]
LabelSelector = Callable[[Labels], bool]
FieldSelector = Callable[[str, str], bool]
"""Over namespace and name."""

_SET: Final = re.compile(r"^(\S+)\s+(in|notin)\s*\(([^()]*)\)$")
_EQUALITY: Final = re.compile(r"^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$")
_EXISTS: Final = re.compile(r"^(!?)\s*([^\s=!(),]+)$")
_SHARD_RANGE: Final = re.compile(
    r"shardRange\(object\.metadata\.uid,\s*'(0x[0-9a-f]{16})',\s*'(0x[0-9a-f]{16}|0x10{16})'\)"
)
_COMMA: Final = re.compile(r",(?![^(]*\))")
"""Between two requirements; not between the values of ``in (a, b)``."""


@dataclass(frozen=True, slots=True)
class ShardSelector:
    """Ranges of hashes of uids, each without its end."""

    text: str
    ranges: tuple[tuple[int, int], ...]

    def __call__(self, uid: str) -> bool:
        """Whether the object with this uid is in one of them."""
        found = _fnv1a(uid)
        return any(start <= found < end for start, end in self.ranges)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or a watch is about: objects of one resource, all or some."""

    resource: ServedResource
    namespace: str = ""
    labels: LabelSelector | None = None
    fields: FieldSelector | None = None
    shard: ShardSelector | None = None

    @property
    def selects(self) -> bool:
        """Whether a selector narrows it down further than its namespace."""
        return any(one is not None for one in (self.labels, self.fields, self.shard))

    def __contains__(self, stored: Stored) -> bool:
        return (
            stored.resource is self.resource
            and (not self.namespace or stored.key[0] == self.namespace)
            and (self.labels is None or self.labels(stored.labels))
            and (self.fields is None or self.fields(*stored.key))
            and (self.shard is None or self.shard(stored.value()["metadata"].get("uid", "")))
        )


def label_selector(text: str) -> LabelSelector | None:
    """``role=job,btrix.org in (a, b),!x`` as a predicate; None where nothing is selected by.

    Raises ApiError (400) for a text that is no selector.
    """
    requirements = [_requirement(part.strip()) for part in _COMMA.split(text) if part.strip()]
    if not requirements:
        return None
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirement(text: str) -> LabelSelector:
    if match := _SET.match(text):
        key, operator, listed = match.groups()
        values = frozenset(value.strip() for value in listed.split(","))
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _EQUALITY.match(text):
        key, operator, value = match.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if match := _EXISTS.match(text):
        absent, key = match.groups()
        return lambda labels: (key not in labels) if absent else (key in labels)
    raise bad_request(f"unable to parse requirement: {text}")


def shard_selector(text: str) -> ShardSelector | None:
    """``shardRange(object.metadata.uid, '0x…', '0x…') || …``; None for an empty text.

    Raises ApiError (500, as the real server) for what is none.
    """
    if not text:
        return None
    parts = [_SHARD_RANGE.fullmatch(part.strip()) for part in text.split("||")]
    ranges = tuple((int(part[1], 16), int(part[2], 16)) for part in parts if part is not None)
    if len(ranges) < len(parts):
        raise ApiError(500, f"invalid shard selector: {text}", reason="")
    return ShardSelector(text, ranges)


def _fnv1a(text: str) -> int:
    """FNV-1a with 64 bits; not the exporter's own, which is tested against this server."""
    found = 14695981039346656037
    for byte in text.encode():
        found = ((found ^ byte) * 1099511628211) & (2**64 - 1)
    return found


def field_selector(text: str) -> FieldSelector | None:
    """``metadata.name=x`` as a predicate over namespace and name; None for an empty text.

    Raises ApiError (400) for other fields: only these two can be selected by in every resource.
    """
    requirements: list[tuple[str, bool, str]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _EQUALITY.match(part)
        if not match:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        field, operator, value = match.groups()
        if field not in {"metadata.name", "metadata.namespace"}:
            raise bad_request(f"field label not supported: {field}")
        requirements.append((field, operator != "!=", value))
    if not requirements:
        return None

    def matches(namespace: str, name: str) -> bool:
        found = {"metadata.name": name, "metadata.namespace": namespace}
        return all((found[field] == value) == wanted for field, wanted, value in requirements)

    return matches

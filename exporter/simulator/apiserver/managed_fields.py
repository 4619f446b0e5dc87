"""``metadata.managedFields``: who wrote what, and when, as the API server notes it at each write.

They are half of a CrawlJob's bytes, and the only record of when a pause was ended. Each manager
has one entry for the object and one for its status. A field is the last writer's, and a write that
only takes fields away leaves no trace of the writer.
Source: Kubernetes, "Server-Side Apply", Field management.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from exporter.simulator.apiserver.updates import Object

_DEEPEST: Final = 2
"""Levels of names below status and spec. The real server goes on into each pod: another kilobyte
in an object of five, which would make writing here half as slow again."""
_NOTHING: Final[Object] = {}
_OF_METADATA: Final = ("labels", "annotations")

Fields = dict[str, Any]
"""Names as ``FieldsV1`` nests them: one that is owned itself is empty, or has a ``.`` in it. Of
what is taken away None stands for all below a name."""


def note_creation(new: Object, manager: str, status_manager: str, time: str) -> None:
    """Note who has created the object, and who wrote the status it may have come with.

    Without a ``status_manager`` nobody did: it is what the API server gives to a new object.
    """
    if "managedFields" not in new["metadata"]:
        note_write({"metadata": {}}, new, manager, time, status=False)
        if "status" in new and status_manager:
            note_write({"metadata": {}}, new, status_manager, time, status=True)


def note_write(before: Object, after: Object, manager: str, time: str, *, status: bool) -> None:
    """Note in ``after`` who has changed it at ``time`` (RFC 3339)."""
    subresource = "status" if status else ""
    taken, removed = _status_changes(before, after) if status else _changes(before, after)
    lost = _union(taken, removed) if removed else taken
    entries: list[dict[str, Any]] = []
    for entry in after["metadata"].get("managedFields", ()):
        fields = entry.get("fieldsV1")
        mine = entry.get("manager") == manager
        if fields and entry.get("subresource", "") == subresource:
            less = removed if mine else lost
            fields = _without(fields, less) if less else fields
            if mine and taken:
                taken = _union(fields or {}, taken)
                continue
        if fields:
            entries.append({**entry, "fieldsV1": fields})
    if taken:
        written = {
            "manager": manager,
            "operation": "Update",
            "apiVersion": after.get("apiVersion"),
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": taken,
        }
        entries.append({**written, "subresource": subresource} if status else written)
    entries.sort(key=_order)
    after["metadata"]["managedFields"] = entries


def _order(entry: dict[str, Any]) -> list[str]:
    return [entry.get(key, "") for key in ("time", "manager", "subresource")]


def _status_changes(before: Object, after: Object) -> tuple[Fields, Fields]:
    """The names that were given a value, and those that were taken away."""
    return _difference(_part(before, "status"), _part(after, "status"), _DEEPEST + 1)


def _changes(before: Object, after: Object) -> tuple[Fields, Fields]:
    taken, removed = _difference(_part(before, "spec"), _part(after, "spec"), _DEEPEST + 1)
    old, new = before["metadata"], after["metadata"]
    in_metadata = _difference(
        {name: old[name] for name in _OF_METADATA if old.get(name)},
        {name: new[name] for name in _OF_METADATA if new.get(name)},
        _DEEPEST,
    )
    in_finalizers = _set_difference(old.get("finalizers") or (), new.get("finalizers") or ())
    for fields, *found in zip((taken, removed), in_metadata, in_finalizers, strict=True):
        if any(found):
            fields["f:metadata"] = found[0] | found[1]
    return taken, removed


def _part(value: Object, name: str) -> Object:
    return {name: value[name]} if name in value else {}


def _difference(before: Object, after: Object, levels: int) -> tuple[Fields, Fields]:
    taken: Fields = {}
    removed: Fields = {f"f:{key}": None for key in before if key not in after}
    for key, new in after.items():
        old = before.get(key)
        if key in before and old == new:
            continue
        name = f"f:{key}"
        if levels > 1 and isinstance(old, dict) and isinstance(new, dict):
            below, removed_below = _difference(old, new, levels - 1)
            if below:
                taken[name] = below
            if removed_below:
                removed[name] = removed_below
        else:
            taken[name] = _names(new, levels - 1)
            if isinstance(old, dict):
                removed[name] = None
    return taken, removed


def _set_difference(before: Iterable[str], after: Iterable[str]) -> tuple[Fields, Fields]:
    """Of finalizers, each of which is a name of its own."""
    old, new = list(before), list(after)
    added: Fields = {f'v:"{one}"': _NOTHING for one in new if one not in old}
    if not new:
        return {}, {"f:finalizers": None} if old else {}
    if not old:
        added = {".": _NOTHING, **added}
    gone = {f'v:"{one}"': None for one in old if one not in new}
    return (
        {"f:finalizers": added} if added else {},
        {"f:finalizers": gone} if gone else {},
    )


def _names(value: Any, levels: int) -> Fields:
    """The tree of names below a value; a list is one."""
    if not isinstance(value, dict) or not value or not levels:
        return {}
    names = {**_flat(tuple(value))}
    for key, item in value.items():
        if isinstance(item, dict):
            names[f"f:{key}"] = _names(item, levels - 1)
    return names


@lru_cache(maxsize=1024)
def _flat(keys: tuple[str, ...]) -> Fields:
    """Cached: the same few sets of keys come with every write."""
    return {".": _NOTHING, **{f"f:{key}": _NOTHING for key in keys}}


def _is_owned(fields: Fields) -> bool:
    return not fields or "." in fields


def _union(one: Fields, other: Fields) -> Fields:
    """The names in either of two trees."""
    merged = {**one, **other}
    for key in one.keys() & other.keys():
        known, item = one[key], other[key]
        if item is None or known is None:
            merged[key] = None
        elif known or item:
            owned = _is_owned(known) or _is_owned(item)
            merged[key] = {**({".": _NOTHING} if owned else {}), **_union(known, item)}
    return merged


def _without(fields: Fields, lost: Fields | None) -> Fields | None:
    """What is left of a tree without the names in another one; None where that is nothing."""
    if lost is None:
        return None
    left: Fields = {}
    for key, item in fields.items():
        kept = _without(item, lost[key]) if key in lost and key != "." else item
        if kept is not None and key != ".":
            left[key] = kept
    if not _is_owned(fields) or _is_owned(lost):
        return left or None
    return {".": _NOTHING, **left} if left else {}

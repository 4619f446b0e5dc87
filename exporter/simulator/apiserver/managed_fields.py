"""``metadata.managedFields``: who wrote what, and when, as the API server notes it at each write.

They are half of a CrawlJob's bytes, and the only record of when a pause was ended. Each manager
has one entry for the object and one for its status. Other than on the real server, a field stays
with a manager when another one changes it.
Source: Kubernetes, "Server-Side Apply", Field management.
"""

from functools import lru_cache
from typing import Any, Final

from exporter.simulator.apiserver.updates import Object

_DEEPEST: Final = 2
"""Levels of names below status and spec. The real server goes on into each pod: another kilobyte
in an object of five, which would make writing here half as slow again."""
_NOTHING: Final[Object] = {}
_OF_METADATA: Final = ("labels", "annotations", "finalizers")


def note_creation(new: Object, manager: str, status_manager: str, time: str) -> None:
    """Note who has created the object, and who wrote the status it may have come with."""
    if "managedFields" not in new["metadata"]:
        note_write({"metadata": {}}, new, manager, time, status=False)
        if "status" in new:
            note_write({}, new, status_manager, time, status=True)


def note_write(before: Object, after: Object, manager: str, time: str, *, status: bool) -> None:
    """Note in ``after`` who has changed it at ``time`` (RFC 3339)."""
    subresource = "status" if status else None
    entries: list[dict[str, Any]] = []
    fields = _status_fields(after) if status else _changed_fields(before, after)
    for entry in after["metadata"].get("managedFields", ()):
        if (entry.get("manager"), entry.get("subresource")) != (manager, subresource):
            entries.append(entry)
        elif not status:
            fields = _merged(entry["fieldsV1"], fields)
    written = {
        "manager": manager,
        "operation": "Update",
        "apiVersion": after.get("apiVersion"),
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    entries.append({**written, "subresource": subresource} if subresource else written)
    after["metadata"]["managedFields"] = entries


def _status_fields(after: Object) -> Object:
    return {"f:status": _names(after.get("status"))}


def _changed_fields(before: Object, after: Object) -> Object:
    old, new = before["metadata"], after["metadata"]
    metadata = {
        f"f:{name}": _names(new.get(name))
        for name in _OF_METADATA
        if new.get(name) != old.get(name)
    }
    spec = _changed(before.get("spec"), after.get("spec"))
    return {**({"f:metadata": metadata} if metadata else {}), **({"f:spec": spec} if spec else {})}


def _changed(before: Any, after: Any) -> Object:
    """The names of keys with another value than before."""
    if not isinstance(after, dict):
        return {}
    if not isinstance(before, dict):
        return _names(after)
    changed = {key: item for key, item in after.items() if before.get(key) != item}
    return {f"f:{key}": _names(item) for key, item in changed.items()}


def _names(value: Any, levels: int = _DEEPEST) -> Object:
    """The tree of names below a value; a list is one."""
    if not isinstance(value, dict) or not levels:
        return {}
    names = {**_flat(tuple(value))}
    for key, item in value.items():
        if isinstance(item, dict):
            names[f"f:{key}"] = _names(item, levels - 1)
    return names


@lru_cache(maxsize=1024)
def _flat(keys: tuple[str, ...]) -> Object:
    """Cached: the same few sets of keys come with every write."""
    return {".": _NOTHING, **{f"f:{key}": _NOTHING for key in keys}}


def _merged(one: Object, other: Object) -> Object:
    merged = dict(one)
    for key, item in other.items():
        merged[key] = _merged(merged[key], item) if key in merged else item
    return merged

"""What an update of an object leaves of the old and takes from the new."""

from typing import Any, Final

from exporter.simulator.apiserver.encoding import seconds, stamp

Object = dict[str, Any]

_SET_BY_SERVER: Final = (
    "namespace",
    "name",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "managedFields",
)


def status_written(before: Object, wanted: Object) -> Object:
    """The status subresource takes the status and ignores the rest."""
    after = {key: item for key, item in before.items() if key != "status"}
    if "status" in wanted:
        after["status"] = wanted["status"]
    after["metadata"] = dict(before["metadata"])
    return after


def all_but_status(before: Object, wanted: Object) -> Object:
    """The main resource ignores the status; a change outside metadata is a new generation."""
    after = {key: item for key, item in wanted.items() if key != "status"}
    if "status" in before:
        after["status"] = before["status"]
    after.setdefault("apiVersion", before.get("apiVersion"))
    after.setdefault("kind", before.get("kind"))
    metadata = dict(wanted.get("metadata") or {})
    for name in _SET_BY_SERVER:
        metadata.pop(name, None)
        if name in before["metadata"]:
            metadata[name] = before["metadata"][name]
    after["metadata"] = metadata
    changed = any(after.get(key) != before.get(key) for key in {*after, *before} - {"metadata"})
    if changed and "generation" in metadata:
        metadata["generation"] += 1
    return after


def mark_deleted(metadata: Object, asked: float, grace: int, *, counts: bool) -> bool:
    """Note in the metadata that it is to be gone ``grace`` seconds after ``asked`` (since 1970).

    Whether that changes anything: only the first deletion does, and one that is more urgent. Where
    a resource ``counts`` generations, the first is one. Source: ``rest.BeforeDelete`` of apiserver.
    """
    before = metadata.get("deletionGracePeriodSeconds")
    if before is not None:
        if grace >= before:
            return False
        asked = seconds(metadata["deletionTimestamp"]) - before
    elif counts:
        metadata["generation"] = metadata.get("generation", 1) + 1
    metadata["deletionTimestamp"] = stamp(asked + grace)
    metadata["deletionGracePeriodSeconds"] = grace
    return True


def merge_patch(target: Any, patch: Any) -> Any:
    """The result of a JSON merge patch (RFC 7386): null removes, objects merge, else replace."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, item in patch.items():
        if item is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), item)
    return merged

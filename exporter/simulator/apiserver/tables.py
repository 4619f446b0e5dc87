"""Pods and claims as ``kubectl get`` shows them: the API server makes the table, not kubectl.

Columns and texts are those of Kubernetes' ``printers/internalversion``; custom resources without
columns of their own kubectl can show by itself.
"""

from collections.abc import Callable
from typing import Any, Final

from exporter.simulator.apiserver.encoding import seconds
from exporter.simulator.apiserver.served_resource import CLAIMS, PODS, ServedResource
from exporter.simulator.apiserver.storage import Stored
from exporter.simulator.apiserver.updates import Object

ACCEPTED: Final = "as=Table;v=v1;g=meta.k8s.io"
"""In the ``Accept`` of a client that wants one."""

_Row = Callable[[Object, float], list[Any]]


def has_table(resource: ServedResource) -> bool:
    """Whether there are columns for it."""
    return resource in _TABLES


def table(resource: ServedResource, objects: list[Stored], metadata: Object, now: float) -> Object:
    """A ``Table`` of these objects as of ``now`` (seconds since 1970)."""
    columns, row = _TABLES[resource]
    rows = []
    for stored in objects:
        value = stored.value()
        partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        rows.append(
            {"cells": row(value, now), "object": {**partial, "metadata": value["metadata"]}}
        )
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": name.removeprefix("+"),
                "type": "string",
                "format": "name" if name == "Name" else "",
                "description": "",
                "priority": int(name.startswith("+")),
            }
            for name in columns
        ],
        "rows": rows,
    }


def _pod(value: Object, now: float) -> list[Any]:
    metadata, spec, status = value["metadata"], value["spec"], value.get("status", {})
    found = status.get("containerStatuses", ())
    ready = sum(one.get("ready", False) for one in found)
    return [
        metadata["name"],
        f"{ready}/{len(spec.get('containers', ()))}",
        "Terminating" if "deletionTimestamp" in metadata else _reason(status),
        _restarts(found, now),
        _age(metadata, now),
        status.get("podIP", "<none>"),
        spec.get("nodeName", "<none>"),
        "<none>",
        "<none>",
    ]


def _reason(status: Object) -> str:
    reason: str = status.get("reason") or status.get("phase", "")
    for container in status.get("containerStatuses", ()):
        state = container.get("state", {})
        for kind in ("waiting", "terminated"):
            if found := state.get(kind, {}).get("reason"):
                reason = found
    return reason


def _restarts(containers: Any, now: float) -> str:
    number = sum(one.get("restartCount", 0) for one in containers)
    ends = [
        one["lastState"]["terminated"]["finishedAt"]
        for one in containers
        if "terminated" in one.get("lastState", {})
    ]
    return (
        f"{number} ({duration(now - seconds(max(ends)))} ago)" if number and ends else f"{number}"
    )


def _claim(value: Object, now: float) -> list[Any]:
    metadata, spec, status = value["metadata"], value["spec"], value.get("status", {})
    phase = "Terminating" if "deletionTimestamp" in metadata else status.get("phase", "")
    modes = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX"}
    return [
        metadata["name"],
        phase,
        spec.get("volumeName", ""),
        status.get("capacity", {}).get("storage", ""),
        ",".join(modes.get(mode, mode) for mode in status.get("accessModes", ())),
        spec.get("storageClassName", ""),
        "<unset>",
        _age(metadata, now),
        spec.get("volumeMode", "<unset>"),
    ]


def _age(metadata: Object, now: float) -> str:
    return duration(now - seconds(metadata["creationTimestamp"]))


def duration(passed: float) -> str:
    """Seconds as ``duration.HumanDuration`` of apimachinery writes them: ``119s``, ``3m5s``."""
    whole = max(int(passed), 0)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    for limit, text, rest in (
        (120, f"{whole}s", ""),
        (600, f"{minutes}m", f"{whole % 60}s"),
        (3 * 3600, f"{minutes}m", ""),
        (8 * 3600, f"{hours}h", f"{minutes % 60}m"),
        (48 * 3600, f"{hours}h", ""),
        (8 * 86_400, f"{days}d", f"{hours % 24}h"),
    ):
        if whole < limit:
            return text if rest[:-1] == "0" else text + rest
    return f"{days}d"


_TABLES: Final[dict[ServedResource, tuple[tuple[str, ...], _Row]]] = {
    PODS: (
        (
            *("Name", "Ready", "Status", "Restarts", "Age"),
            *("+IP", "+Node", "+Nominated Node", "+Readiness Gates"),
        ),
        _pod,
    ),
    CLAIMS: (
        (
            *("Name", "Status", "Volume", "Capacity", "Access Modes", "StorageClass"),
            *("VolumeAttributesClass", "Age", "+VolumeMode"),
        ),
        _claim,
    ),
}
"""Columns (those with a plus are shown by ``-o wide`` alone) and what makes a row."""

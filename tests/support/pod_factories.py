"""Pods as the API server sends them, as small as a full one can be."""

from typing import Any, Final

from exporter.resources.pod import Pod, parse_json
from support.factories import CRAWL_ID, CREATED, NAMESPACE, to_wire

POD_NAME: Final = f"crawl-{CRAWL_ID}-0"
SCHEDULED: Final = "2025-05-21T11:44:05Z"
RUNNING_SINCE: Final = "2025-05-21T11:44:30Z"


def pod_wire(
    name: str = POD_NAME, *, crawl: str = CRAWL_ID, uid: str = "", **parts: Any
) -> dict[str, Any]:
    """A running pod; ``metadata``, ``spec`` and ``status`` replace or add keys of theirs."""
    role = name.partition("-")[0].replace("crawl", "crawler")
    container = "redis" if role == "redis" else "crawler"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": uid or f"uid-of-{name}",
            "resourceVersion": "2000",
            "creationTimestamp": CREATED,
            "labels": {"crawl": crawl, "role": role},
            **parts.get("metadata", {}),
        },
        "spec": {
            "nodeName": "node-1",
            "priorityClassName": "crawl-pri-0",
            "containers": [
                {
                    "name": container,
                    "resources": {
                        "requests": {"cpu": "900m", "memory": "1Gi"},
                        "limits": {"memory": "1229Mi"},
                    },
                }
            ],
            **parts.get("spec", {}),
        },
        "status": {
            "phase": "Running",
            "qosClass": "Burstable",
            "startTime": SCHEDULED,
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": RUNNING_SINCE},
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": SCHEDULED},
            ],
            "containerStatuses": [container_status(container)],
            **parts.get("status", {}),
        },
    }


def container_status(name: str = "crawler", **fields: Any) -> dict[str, Any]:
    """One container that runs; ``fields`` replace or add keys."""
    return {
        "name": name,
        "restartCount": 0,
        "state": {"running": {"startedAt": RUNNING_SINCE}},
        "lastState": {},
        **fields,
    }


def terminated(
    finished_at: str | None, code: int = 137, reason: str = "OOMKilled"
) -> dict[str, Any]:
    """A container's state that is over."""
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": finished_at}}


def restarted(name: str = POD_NAME, *, ended: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A pod whose container runs again after it ended so."""
    role = "redis" if name.startswith("redis") else "crawler"
    statuses = [container_status(role, restartCount=1, lastState=ended)]
    return pod_wire(name, status={"containerStatuses": statuses}, **parts)


def unschedulable(message: str, since: str = CREATED) -> dict[str, Any]:
    """The status of a pod that no node is found for."""
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": since,
    }
    return {"phase": "Pending", "conditions": [condition], "containerStatuses": []}


def evicted(resource: str = "memory", finished_at: str | None = None) -> dict[str, Any]:
    """The status of a pod that its node threw out."""
    statuses = []
    if finished_at is not None:
        statuses = [container_status(state=terminated(finished_at, reason="Error"))]
    return {
        "phase": "Failed",
        "reason": "Evicted",
        "message": f"The node was low on resource: {resource}. Threshold quantity: 100Mi, "
        "available: 52Ki. Container crawler was using 1500Mi, request is 1Gi.",
        "containerStatuses": statuses,
    }


def pod(name: str = POD_NAME, **parts: Any) -> Pod:
    """One as it is read."""
    return parse_json(to_wire(pod_wire(name, **parts)))

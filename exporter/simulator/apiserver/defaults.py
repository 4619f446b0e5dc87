"""What the API server decides where a request says nothing: a first status, a grace period."""

from exporter.simulator.apiserver.served_resource import CLAIMS, PODS, ServedResource
from exporter.simulator.apiserver.updates import Object


def initial_status(resource: ServedResource, value: Object) -> Object:
    """The status with which an object is created; empty where it has none at first.

    Source: ``PrepareForCreate`` of pods and of persistent volume claims.
    """
    if resource is PODS:
        return {"phase": "Pending", "qosClass": _qos_class(value)}
    return {"phase": "Pending"} if resource is CLAIMS else {}


def grace_period(resource: ServedResource, value: Object, asked: int | None) -> int:
    """Seconds that a deletion waits; ``asked`` is what the request says.

    Source: ``CheckGracefulDelete`` of pods: none where no container of it can run.
    """
    spec = value.get("spec", {})
    ended = value.get("status", {}).get("phase") in {"Succeeded", "Failed"}
    if not resource.is_graceful or ended or not spec.get("nodeName"):
        return 0
    wanted = spec.get("terminationGracePeriodSeconds", 30) if asked is None else asked
    return max(int(wanted), 0)


def _qos_class(pod: Object) -> str:
    """As Kubernetes documents it ("Pod Quality of Service Classes")."""
    asked = [
        container.get("resources") or {} for container in pod.get("spec", {}).get("containers", ())
    ]
    if not any(asked):
        return "BestEffort"
    fixed = all(
        {"cpu", "memory"} <= one.get("limits", {}).keys()
        and one.get("requests", one["limits"]) == one["limits"]
        for one in asked
    )
    return "Guaranteed" if fixed else "Burstable"

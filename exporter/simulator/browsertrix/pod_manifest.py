"""Pods as they are when nothing has happened to them yet.

They are what metacontroller applies (``pod_template``), with what an API server fills in: as large
as real ones, since what reads them has to skip as much.
"""

from typing import Any, Final

from exporter.simulator.apiserver.defaults import initial_status
from exporter.simulator.apiserver.encoding import serialise, stamp
from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.pod_plan import PodPlan
from exporter.simulator.browsertrix.pod_template import spec

LAST_APPLIED: Final = "metacontroller.k8s.io/last-applied-configuration"

_TOKEN: Final = "kube-api-access-7xk2p"  # noqa: S105 - the name of a volume
_TOKEN_VOLUME: Final[Object] = {
    "name": _TOKEN,
    "projected": {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                    "name": "kube-root-ca.crt",
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                            "path": "namespace",
                        }
                    ]
                }
            },
        ],
    },
}


def pod(plan: PodPlan, created: float) -> Object:
    """A new pod (``created`` in seconds since 1970), with the status the API server gives it."""
    applied: Object = {
        **PODS.type_meta,
        "metadata": {"labels": plan.labels, "name": plan.name, "namespace": plan.namespace},
        "spec": spec(plan),
    }
    metadata: Object = {
        "name": plan.name,
        "namespace": plan.namespace,
        "creationTimestamp": stamp(created),
        "annotations": {LAST_APPLIED: serialise(applied).decode()},
        "labels": plan.labels,
    }
    if plan.owner:
        metadata["ownerReferences"] = [plan.owner]
    value = {
        **PODS.type_meta,
        "metadata": metadata,
        "spec": _defaulted(applied["spec"], plan),
    }
    return {**value, "status": initial_status(PODS, value)}


def _defaulted(applied: Object, plan: PodPlan) -> Object:
    """The spec with what the API server and its admission fill in."""
    mount = {
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        "name": _TOKEN,
        "readOnly": True,
    }
    containers: list[Any] = [
        {
            **container,
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [*container["volumeMounts"], mount],
        }
        for container in applied["containers"]
    ]
    return {
        **applied,
        "containers": containers,
        "volumes": [*applied["volumes"], _TOKEN_VOLUME],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": plan.priority[1],
        "schedulerName": "default-scheduler",
        "serviceAccount": "default",
        "serviceAccountName": "default",
    }

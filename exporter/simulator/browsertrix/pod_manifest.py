"""Pods as they are when nothing has happened to them yet: labels, owner, spec.

Of crawls they are ``chart/app-templates/crawler.yaml`` and ``redis.yaml`` of Browsertrix 1.24 as
metacontroller applies them, with what an API server fills in; profile browsers are
``profilebrowser.yaml``. They are as large as real ones: what reads them has to skip as much.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from exporter.simulator.apiserver.defaults import initial_status
from exporter.simulator.apiserver.encoding import serialise, stamp
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, PODS
from exporter.simulator.apiserver.updates import Object

CRAWLER_IMAGE: Final = "docker.io/webrecorder/browsertrix-crawler:1.8.2"
REDIS_IMAGE: Final = "docker.io/library/redis:7.2.4"
LAST_APPLIED: Final = "metacontroller.k8s.io/last-applied-configuration"

_TOLERATIONS: Final = (
    {"key": "nodeType", "operator": "Equal", "value": "crawling", "effect": "NoSchedule"},
    *(
        {
            "key": f"node.kubernetes.io/{key}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for key in ("not-ready", "unreachable")
    ),
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """What one pod shall be. ``memory`` and ``memory_limit`` are in bytes, ``cpu`` in cores."""

    namespace: str
    name: str
    labels: dict[str, str]
    container: str
    image: str
    memory: int
    memory_limit: int
    cpu: float
    claim: str = ""
    """The claim whose volume holds its data; without one the node's disk does."""
    owner: Object = field(default_factory=dict)
    """The ownerReference; empty where nobody owns it."""
    priority: tuple[str, int] = ("", 0)
    """Class and value."""
    grace: int = 30
    """Seconds its containers have to end when it is deleted."""
    restart_policy: str = "OnFailure"


def owned_by_crawljob(manifest: Object) -> Object:
    """The ownerReference that metacontroller puts on the children of a CrawlJob."""
    return owned_by(CRAWLJOBS.type_meta, manifest["metadata"])


def owned_by(type_meta: dict[str, str], metadata: Object) -> Object:
    """The ownerReference of a child whose controller is this object."""
    return {
        **type_meta,
        "blockOwnerDeletion": True,
        "controller": True,
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def pod(plan: PodPlan, created: float) -> Object:
    """A new pod (``created`` in seconds since 1970), with the status the API server gives it."""
    applied: Object = {
        **PODS.type_meta,
        "metadata": {"labels": plan.labels, "name": plan.name, "namespace": plan.namespace},
        "spec": _applied_spec(plan),
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


def quantity(size: int) -> str:
    """Bytes in the form that the API server gives to quantities: ``22Gi``, ``1536Mi``."""
    for shift, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


def cpu_quantity(cores: float) -> str:
    """Cores as a quantity, in millicores where they are not whole."""
    return f"{int(cores)}" if cores == int(cores) else f"{round(cores * 1000)}m"


def _applied_spec(plan: PodPlan) -> Object:
    """The spec of the template."""
    user = 999 if plan.container == "redis" else 201407
    container = {"redis": _redis, "crawler": _crawler}.get(plan.container, _browser)
    priority = {"priorityClassName": plan.priority[0]} if plan.priority[0] else {}
    return {
        "hostname": plan.name,
        "subdomain": plan.container,
        **priority,
        "restartPolicy": plan.restart_policy,
        "securityContext": {
            "fsGroup": user,
            "runAsGroup": user,
            "runAsNonRoot": True,
            "runAsUser": user,
        },
        "terminationGracePeriodSeconds": plan.grace,
        "volumes": _volumes(plan),
        "affinity": _affinity(plan),
        "tolerations": list(_TOLERATIONS),
        "containers": [container(plan)],
    }


def _volumes(plan: PodPlan) -> list[Object]:
    claim: Object = {"persistentVolumeClaim": {"claimName": plan.claim}}
    data: Object = claim if plan.claim else {"emptyDir": {}}
    if plan.container == "redis":
        conf = {"defaultMode": 420, "name": "shared-redis-conf"}
        return [{"name": "shared-redis-conf", "configMap": conf}, {"name": "redis-data", **data}]
    if plan.container != "crawler":
        return [{"name": "tmpdir", "emptyDir": {"sizeLimit": "4Gi"}}]
    config = {"defaultMode": 420, "name": f"crawl-config-{plan.labels['crawl']}"}
    return [
        {"name": "crawl-config", "configMap": config},
        {"name": "crawl-data", **data},
        {"name": "tmpdir", "emptyDir": {}},
    ]


def _affinity(plan: PodPlan) -> Object:
    label, value = next(iter(plan.labels.items()))
    return {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 1,
                    "preference": {
                        "matchExpressions": [
                            {"key": "nodeType", "operator": "In", "values": ["crawling"]}
                        ]
                    },
                }
            ]
        },
        "podAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {
                    "weight": 10,
                    "podAffinityTerm": {
                        "topologyKey": "kubernetes.io/hostname",
                        "labelSelector": {
                            "matchExpressions": [
                                {"key": label, "operator": "In", "values": [value]}
                            ]
                        },
                    },
                }
            ]
        },
    }


def _resources(plan: PodPlan) -> Object:
    return {
        "limits": {"memory": quantity(plan.memory_limit)},
        "requests": {"cpu": cpu_quantity(plan.cpu), "memory": quantity(plan.memory)},
    }


def _crawler(plan: PodPlan) -> Object:
    crawl = plan.labels.get("crawl", "")
    redis = f"redis://redis-{crawl}.redis.{plan.namespace}.svc.cluster.local/0"
    env = {
        "HOME": "/crawls/home",
        "CRAWL_ID": crawl,
        "WEBHOOK_URL": f"{redis}/crawls-done",
        "STORE_PATH": "btrix-data/",
        "STORE_FILENAME": f"@ts-{crawl}.wacz",
    }
    command = ["crawl", "--config", "/tmp/config/crawl-config.json", "--workers", "2"]  # noqa: S108
    return {
        "name": plan.container,
        "image": plan.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*command, "--redisStoreUrl", redis],
        "volumeMounts": [
            {"name": "crawl-config", "mountPath": "/tmp/config/", "readOnly": True},  # noqa: S108
            {"name": "crawl-data", "mountPath": "/crawls"},
            {"name": "tmpdir", "mountPath": "/tmp"},  # noqa: S108
        ],
        "envFrom": [
            {"configMapRef": {"name": "shared-crawler-config"}},
            {"secretRef": {"name": "storage-default"}},
        ],
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "resources": _resources(plan),
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": 6065, "scheme": "HTTP"},
            "initialDelaySeconds": 15,
            "timeoutSeconds": 1,
            "periodSeconds": 120,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
    }


def _browser(plan: PodPlan) -> Object:
    command = ["create-login-profile", "--interactive", "--filename", "/tmp/profile.tar.gz"]  # noqa: S108
    return {
        "name": plan.container,
        "image": plan.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*command, "--url", "https://example.com/login"],
        "volumeMounts": [{"name": "tmpdir", "mountPath": "/tmp"}],  # noqa: S108
        "envFrom": [{"secretRef": {"name": "storage-default"}}],
        "env": [{"name": "HOME", "value": "/tmp/home"}],  # noqa: S108
        "resources": _resources(plan),
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
    }


def _redis(plan: PodPlan) -> Object:
    ping = ["bash", "-c", "res=$(redis-cli ping); [[ $res = 'PONG' ]]"]
    probe = {
        "exec": {"command": ping},
        "initialDelaySeconds": 10,
        "timeoutSeconds": 5,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": plan.container,
        "image": plan.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["/redis-conf/redis.conf", "--appendonly", "yes"],
        "volumeMounts": [
            {"name": "redis-data", "mountPath": "/data"},
            {"name": "shared-redis-conf", "mountPath": "/redis-conf"},
        ],
        "resources": _resources(plan),
        "readinessProbe": probe,
        "livenessProbe": dict(probe),
    }


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

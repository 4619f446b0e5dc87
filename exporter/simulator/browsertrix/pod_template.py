"""The specs that the operator asks for, by what runs in them: a crawler, redis, or a browser.

Those of ``chart/app-templates`` of Browsertrix 1.24: ``crawler.yaml``, ``redis.yaml`` and
``profilebrowser.yaml``. Probes and quantities are as the API server gives them back.
"""

from typing import Final

from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.pod_plan import PodPlan

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


def spec(plan: PodPlan) -> Object:
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


def quantity(size: int) -> str:
    """Bytes in the form that the API server gives to quantities: ``22Gi``, ``1536Mi``."""
    for shift, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


def cpu_quantity(cores: float) -> str:
    """Cores as a quantity, in millicores where they are not whole."""
    return f"{int(cores)}" if cores == int(cores) else f"{round(cores * 1000)}m"

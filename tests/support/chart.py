"""What the chart makes of values, as the tests of deploy/ ask for it."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from deploy.render import objects, render

NAMESPACE: Final = "monitoring"
"""Of the release: another one than the crawls'."""

SIDECAR: Final = {"mode": "sidecar", "serviceAccount": {"name": "backend"}}
SECRETS: Final = [
    {"option": "alertmanager.password-file", "secret": "alertmanager", "key": "password"},
    {"option": "alertmanager.ca-file", "secret": "alertmanager", "key": "ca.crt"},
    {
        "option": "alertmanager.header-file",
        "header": "X-Scope-OrgID",
        "secret": "mimir",
        "key": "tenant",
        "beside": ["other"],
    },
]
ALERTMANAGER: Final = {"url": ["http://alertmanager:9093"], "username": "browsertrix"}

MATRIX: Final[Mapping[str, dict[str, Any]]] = {
    "defaults": {},
    "kube-prometheus-stack": {
        "commonLabels": {"release": "kube-prometheus-stack"},
        "scrape": {"by": "ServiceMonitor", "timeout": "10s", "namespace": "prometheus"},
        "rules": {"enabled": True, "labels": {"role": "alerts"}},
        "dashboards": {"enabled": True, "annotations": {"grafana_folder": "Browsertrix"}},
    },
    "a PodMonitor over TLS": {
        "scrape": {
            "by": "PodMonitor",
            "scheme": "https",
            "tlsConfig": {"insecureSkipVerify": True},
            "basicAuth": {
                "username": {"name": "scrape", "key": "user"},
                "password": {"name": "scrape", "key": "password"},
            },
            "relabelings": [{"action": "labeldrop", "regex": "container"}],
        },
        "config": {"web": {"telemetry-path": "/exporter"}},
    },
    "no volume": {"persistence": {"enabled": False}, "scrape": {"by": "none"}},
    "two replicas": {
        "replicas": 2,
        "crawls": 10_000,
        "persistence": {"storageClass": "fast", "annotations": {"a": "b"}, "whenDeleted": "Delete"},
        "networkPolicy": {
            "enabled": True,
            "from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}],
            "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
        },
    },
    "shards": {"sharding": {"total": 3}, "crawls": 40_000},
    "all namespaces": {"watch": {"allNamespaces": True}, "sources": {"usage": False}},
    "its own namespace": {"watch": {"namespaces": []}},
    "some namespaces": {"watch": {"namespaces": ["crawlers", "crawlers-qa", NAMESPACE]}},
    "credentials": {"config": {"alertmanager": ALERTMANAGER}, "secrets": SECRETS},
    "all extras": {
        "nameOverride": "btrix",
        "image": {"tag": "1", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
        "service": {"type": "NodePort", "port": 9000, "annotations": {"a": "b"}},
        "serviceAccount": {"name": "account", "annotations": {"a": "b"}},
        "resources": {"requests": {"memory": "1Gi"}},
        "podSecurityContext": {"fsGroup": None},
        "podAnnotations": {"a": "b"},
        "podLabels": {"c": "d"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "system-cluster-critical",
        "extraArgs": ["--log.level=debug"],
        "env": [{"name": "TZ", "value": "UTC"}],
        "envFrom": [{"configMapRef": {"name": "more"}}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "extraContainers": [{"name": "proxy", "image": "proxy:1"}],
        "initContainers": [{"name": "wait", "image": "wait:1"}],
    },
    "metacontroller": {
        "metacontroller": {
            "enabled": True,
            "finalize": True,
            "resyncPeriod": "2m",
            "port": 9000,
            "namespace": "browsertrix",
            "labelSelector": {"matchExpressions": [{"key": "crawl", "operator": "Exists"}]},
            "webhook": {"caBundle": {"inline": "Q0E="}},
        },
        "scrape": {"scheme": "https"},
        "networkPolicy": {"enabled": True},
    },
    "metacontroller without a volume": {
        "metacontroller": {"enabled": True},
        "persistence": {"enabled": False},
    },
    "a sidecar": SIDECAR,
    "a sidecar with everything": {
        **SIDECAR,
        "config": {"alertmanager": ALERTMANAGER},
        "secrets": SECRETS,
        "sidecar": {"existingClaim": "history", "podLabels": {"app": "browsertrix-cloud"}},
        "scrape": {"by": "PodMonitor"},
        "rules": {"enabled": True},
    },
}
"""Values that between them turn everything on, and everything off."""
ALL_VALUES: Final = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)


def made(values: Mapping[str, Any], namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """The objects."""
    return objects(render(values, namespace=namespace))


def only(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The one object of a kind."""
    (found,) = (one for one in made(values) if one["kind"] == kind)
    return found


def pod_template(values: Mapping[str, Any]) -> dict[str, Any]:
    """The pod, of whichever workload."""
    (found,) = (one for one in made(values) if one["kind"] in ("StatefulSet", "Deployment"))
    template: dict[str, Any] = found["spec"]["template"]
    return template


def exporter_container(values: Mapping[str, Any]) -> dict[str, Any]:
    """The exporter's own container."""
    container: dict[str, Any] = pod_template(values)["spec"]["containers"][0]
    return container


def notes(values: Mapping[str, Any]) -> str:
    """What Helm prints at the end."""
    return render(values, namespace=NAMESPACE)["NOTES.txt"]

"""What a client asks an API server before it asks for CrawlJobs: versions, groups, resources."""

from typing import Any, Final

from exporter.simulator.cluster import KIND
from exporter.simulator.errors import GROUP, RESOURCE

VERSION: Final[dict[str, Any]] = {
    "major": "1",
    "minor": "33",
    "gitVersion": "v1.33.0-simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}

CORE: Final[dict[str, Any]] = {
    "kind": "APIVersions",
    "versions": ["v1"],
    "serverAddressByClientCIDRs": [],
}

CORE_RESOURCES: Final[dict[str, Any]] = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [],
}

_SERVED: Final = {"groupVersion": f"{GROUP}/v1", "version": "v1"}

API_GROUP: Final[dict[str, Any]] = {
    "kind": "APIGroup",
    "apiVersion": "v1",
    "name": GROUP,
    "versions": [_SERVED],
    "preferredVersion": _SERVED,
}

API_GROUPS: Final[dict[str, Any]] = {
    "kind": "APIGroupList",
    "apiVersion": "v1",
    "groups": [{key: API_GROUP[key] for key in ("name", "versions", "preferredVersion")}],
}

API_RESOURCES: Final[dict[str, Any]] = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": f"{GROUP}/v1",
    "resources": [
        {
            "name": RESOURCE,
            "singularName": "crawljob",
            "namespaced": True,
            "kind": KIND,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "shortNames": ["cjs"],
        },
        {
            "name": f"{RESOURCE}/status",
            "singularName": "",
            "namespaced": True,
            "kind": KIND,
            "verbs": ["get", "patch", "update"],
        },
    ],
}

"""What a client asks an API server before it asks for objects: versions, groups, resources."""

from collections.abc import Iterable
from typing import Any, Final

from exporter.simulator.apiserver.served_resource import ServedResource

_VERSION: Final[dict[str, Any]] = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0-simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-01-01T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""What a client accepts that can read aggregated discovery, and the content type it then gets."""

_CORE: Final[dict[str, Any]] = {
    "kind": "APIVersions",
    "versions": ["v1"],
    "serverAddressByClientCIDRs": [],
}


def documents(resources: Iterable[ServedResource]) -> dict[str, dict[str, Any]]:
    """The discovery documents of these resources, by path."""
    by_root: dict[str, list[ServedResource]] = {"/api/v1": []}
    for resource in resources:
        by_root.setdefault(resource.root, []).append(resource)
    lists = {root: _resource_list(root, served) for root, served in by_root.items()}
    groups = {
        served[0].group: _group(served[0].group, served[0].version)
        for served in by_root.values()
        if served and served[0].group
    }
    return {
        "/version": _VERSION,
        "/api": _CORE,
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(groups.values())},
        **{
            f"/apis/{name}": {"kind": "APIGroup", "apiVersion": "v1", **group}
            for name, group in groups.items()
        },
        **lists,
    }


def aggregated(resources: Iterable[ServedResource]) -> dict[str, dict[str, Any]]:
    """The same in one document each for ``/api`` and ``/apis``, as kubectl asks for it."""
    items: dict[str, dict[str, Any]] = {"/api": {}, "/apis": {}}
    versions: dict[tuple[str, str], dict[str, Any]] = {}
    for resource in sorted(resources, key=lambda one: one.plural):
        of = items["/apis" if resource.group else "/api"]
        metadata = {"name": resource.group} if resource.group else {}
        group = of.setdefault(resource.group, {"metadata": metadata, "versions": []})
        version = versions.get((resource.group, resource.version))
        if version is None:
            version = {"version": resource.version, "resources": [], "freshness": "Current"}
            versions[resource.group, resource.version] = version
            group["versions"].append(version)
        version["resources"].append(_aggregated_resource(resource))
    return {
        path: {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": list(groups.values()),
        }
        for path, groups in items.items()
    }


def _aggregated_resource(resource: ServedResource) -> dict[str, Any]:
    version = resource.version if resource.group else ""
    kind = {"group": resource.group, "version": version, "kind": resource.kind}
    entry, *status = _entries(resource)
    of: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced",
        "singularResource": resource.singular,
        **{key: entry[key] for key in ("verbs", "shortNames") if key in entry},
    }
    if status:
        verbs = status[0]["verbs"]
        of["subresources"] = [{"subresource": "status", "responseKind": kind, "verbs": verbs}]
    return of


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def _resource_list(root: str, resources: list[ServedResource]) -> dict[str, Any]:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": root.removeprefix("/apis/").removeprefix("/api/"),
        "resources": [entry for resource in resources for entry in _entries(resource)],
    }


def _entries(resource: ServedResource) -> list[dict[str, Any]]:
    if resource.aggregated:
        return [
            {
                "name": resource.plural,
                "singularName": resource.singular,
                "namespaced": True,
                "kind": resource.kind,
                "verbs": ["get", "list"],
            }
        ]
    return [
        {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": True,
            "kind": resource.kind,
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            "shortNames": list(resource.short_names),
        },
        {
            "name": f"{resource.plural}/status",
            "singularName": "",
            "namespaced": True,
            "kind": resource.kind,
            "verbs": ["get", "patch", "update"],
        },
    ]

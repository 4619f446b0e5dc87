"""Plain manifests, made of the chart: a base, and overlays that are what other values change.

A base is what Helm renders of the default values, in the namespace of the crawls, with the
configuration as a file for kustomize's generator (a change of it then starts the pods anew). An
overlay has the objects that come with its values, deletes those that go, and changes the others by
a JSON patch: what `kustomize build` makes of it is what Helm renders, and a test compares them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from dashboards.render import files as dashboard_files
from deploy.render import RELEASE, objects, render
from exporter.rules.render import as_yaml

BASE: Final[Mapping[str, Any]] = {"watch": {"namespaces": []}}
OVERLAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "cluster-wide": {"watch": {"namespaces": [], "allNamespaces": True}},
    "two-replicas": {**BASE, "replicas": 2},
    "sharded": {**BASE, "sharding": {"total": 2}},
    "metacontroller": {**BASE, "metacontroller": {"enabled": True}},
    "prometheus-operator": {**BASE, "scrape": {"by": "ServiceMonitor"}},
}
"""What each is made of."""
BESIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "prometheus-operator": ("../../../../alerts", "../../../../dashboards/json"),
}
"""Folders with a kustomization of their own, that an overlay has besides."""
FOLDER: Final = "deploy/kustomize"
_HEADER: Final = "# Made of deploy/chart by `make docs`.\n"
_HEADER_BESIDE: Final = "# Made by `make docs`, for deploy/kustomize.\n"
_KUSTOMIZATION: Final = {
    "apiVersion": "kustomize.config.k8s.io/v1beta1",
    "kind": "Kustomization",
}


def manifests() -> dict[str, str]:
    """Every file, by its path in the repository."""
    base = {_file(one): one for one in _rendered(BASE)}
    resources = [name for name in sorted(base) if name != "configmap.yaml"]
    texts = {f"{FOLDER}/base/{name}": _HEADER + as_yaml(base[name]) for name in resources}
    texts[f"{FOLDER}/base/config.yaml"] = (
        f"{_HEADER}# Put your own in its place: docs/installation.md says how.\n"
        + str(base["configmap.yaml"]["data"]["config.yaml"])
    )
    texts[f"{FOLDER}/base/kustomization.yaml"] = _HEADER + as_yaml(
        {
            **_KUSTOMIZATION,
            "namespace": "crawlers",
            "resources": resources,
            "configMapGenerator": [{"name": RELEASE, "files": ["config.yaml"]}],
        }
    )
    for overlay, values in OVERLAYS.items():
        for name, text in _overlay(base, values, BESIDE.get(overlay, ())):
            texts[f"{FOLDER}/overlays/{overlay}/{name}"] = text
    texts["alerts/kustomization.yaml"] = _HEADER_BESIDE + as_yaml(
        {**_KUSTOMIZATION, "resources": ["prometheusrule.yaml"]}
    )
    texts["dashboards/json/kustomization.yaml"] = _HEADER_BESIDE + as_yaml(_dashboards())
    return texts


def _dashboards() -> dict[str, Any]:
    """As the chart makes them: ConfigMaps for Grafana's sidecar."""
    return {
        **_KUSTOMIZATION,
        "configMapGenerator": [
            {"name": f"{RELEASE}-{name[len('browsertrix-') : -len('.json')]}", "files": [name]}
            for name in sorted(dashboard_files())
        ],
        "generatorOptions": {
            "disableNameSuffixHash": True,
            "labels": {"grafana_dashboard": "1"},
        },
    }


def _rendered(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects, without what only Helm has a use for."""
    for one in objects(render(values)):
        of_pods = one.get("spec", {}).get("template", {}).get("metadata", {})
        for metadata in (one["metadata"], of_pods):
            metadata.get("labels", {}).pop("app.kubernetes.io/managed-by", None)
            metadata.get("annotations", {}).pop("checksum/config", None)
            if metadata.get("annotations") == {}:
                del metadata["annotations"]
        yield one


def _file(one: Mapping[str, Any]) -> str:
    """By its kind; where metacontroller calls, there are two Services and two controllers."""
    name = one["metadata"]["name"]
    second = next((end for end in ("-hook", "-heartbeat") if name.endswith(end)), "")
    return f"{one['kind'].lower()}{second}.yaml"


def _overlay(
    base: Mapping[str, Any], values: Mapping[str, Any], beside: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    wanted = {_file(one): one for one in _rendered(values)}
    added = sorted(wanted.keys() - base.keys())
    for name in added:
        yield name, _HEADER + as_yaml(wanted[name])
    patches = [
        {"target": _target(one), "patch": patch}
        for name, one in sorted(base.items())
        if (patch := _patch(one, wanted.get(name)))
    ]
    yield (
        "kustomization.yaml",
        _HEADER
        + as_yaml(
            {
                **_KUSTOMIZATION,
                # It would be put on what is of the cluster, too, where kustomize does not know it.
                **({} if "decoratorcontroller.yaml" in added else {"namespace": "crawlers"}),
                "resources": ["../../base", *beside, *added],
                **({"patches": patches} if patches else {}),
            }
        ),
    )


def _target(one: Mapping[str, Any]) -> dict[str, str]:
    return {"kind": one["kind"], "name": one["metadata"]["name"]}


def _patch(one: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> str:
    """What makes ``wanted`` of an object, as kustomize reads it; empty where it is that."""
    if wanted is None:
        identity = {"apiVersion": one["apiVersion"], "kind": one["kind"]}
        name = {"name": one["metadata"]["name"]}
        return as_yaml({"$patch": "delete", **identity, "metadata": name})
    steps = list(_steps(one, wanted, ""))
    return yaml.safe_dump(steps, sort_keys=False) if steps else ""


def _steps(before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    """JSON patch (RFC 6902); a list that becomes longer or shorter is replaced whole."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _steps(one, other, f"{path}/{index}")
        return
    if not (isinstance(before, dict) and isinstance(after, dict)):
        if before != after:
            yield {"op": "replace", "path": path, "value": after}
        return
    for key in sorted(before.keys() | after.keys()):
        place = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            yield {"op": "remove", "path": place}
        elif key not in before:
            yield {"op": "add", "path": place, "value": after[key]}
        else:
            yield from _steps(before[key], after[key], place)

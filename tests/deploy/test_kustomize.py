"""The plain manifests: what `kustomize build` makes of them is what Helm renders of the chart."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kustomize import BASE, OVERLAYS
from deploy.render import RELEASE
from support.chart import made
from support.promtool import committed_groups
from support.tools import ROOT, require_built

FOLDERS = {"base": BASE} | {f"overlays/{name}": values for name, values in OVERLAYS.items()}
Key = tuple[str, str, str]


def build(program: str, folder: Path) -> dict[Key, dict[str, Any]]:
    """The objects, by the real kustomize or by that of kubectl."""
    command = [program, "build"] if program == "kustomize" else [program, "kustomize"]
    ran = subprocess.run(
        [require_built(command[0]), command[1], folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", "a warning"
    return by_key([one for one in yaml.safe_load_all(ran.stdout) if one])


def by_key(objects: list[dict[str, Any]]) -> dict[Key, dict[str, Any]]:
    return {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one
        for one in objects
    }


def rendered(values: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """The chart's objects, without what only Helm has a use for."""
    objects = made(values, namespace="crawlers")
    for one in objects:
        for metadata in (one["metadata"], one.get("spec", {}).get("template", {}).get("metadata")):
            if metadata:
                del metadata["labels"]["app.kubernetes.io/managed-by"]
                metadata.get("annotations", {}).pop("checksum/config", None)
                if not metadata.get("annotations", True):
                    del metadata["annotations"]
    return by_key([one for one in objects if one["kind"] != "ConfigMap"])


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("program", ["kustomize", "kubectl"])
def test_a_folder_is_what_helm_renders_of_its_values(program: str, folder: str) -> None:
    built = build(program, ROOT / "deploy/kustomize" / folder)
    maps = {key: built.pop(key) for key in list(built) if key[0] == "ConfigMap"}
    built.pop(("PrometheusRule", "crawlers", RELEASE), None)
    (config,) = (one for one in maps.values() if "config.yaml" in one["data"])

    for one in built.values():
        for volume in one.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", ()):
            if volume["name"] == "config":  # kustomize names it after its content
                assert volume["configMap"]["name"] == config["metadata"]["name"]
                volume["configMap"]["name"] = RELEASE
    assert built == rendered(FOLDERS[folder])
    assert yaml.safe_load(config["data"]["config.yaml"]) == {}


def test_the_operators_overlay_has_the_rules_and_the_dashboards() -> None:
    built = build("kustomize", ROOT / "deploy/kustomize/overlays/prometheus-operator")
    rules = built["PrometheusRule", "crawlers", RELEASE]
    dashboards = {
        name: text
        for one in built.values()
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in one["data"].items()
    }

    assert rules["spec"]["groups"] == committed_groups()
    committed = (ROOT / "dashboards/json").glob("*.json")
    assert dashboards == {path.name: path.read_text() for path in committed}


def test_a_kustomization_of_ones_own_is_as_the_docs_have_it(tmp_path: Path) -> None:
    docs = (ROOT / "docs/installation.md").read_text()
    example = docs.partition("```yaml\n# kustomization.yaml\n")[2].partition("```")[0]
    assert "kind: Kustomization" in example
    for name in ("deploy/kustomize", "alerts", "dashboards/json"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "kustomization.yaml").write_text(example)
    (tmp_path / "config.yaml").write_text("pause-limit: 14d\n")

    built = build("kustomize", tmp_path)

    assert {namespace for _, namespace, _ in built} == {"archive"}
    assert all(one["metadata"]["labels"]["release"] for one in built.values())
    (workload,) = (one for one in built.values() if one["kind"] == "StatefulSet")
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.example.org/browsertrix-exporter:")
    assert container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.namespace"
    (binding,) = (one for one in built.values() if one["kind"] == "RoleBinding")
    assert binding["subjects"][0]["namespace"] == "archive"
    data = [
        one["data"]["config.yaml"] for one in built.values() if "config.yaml" in one.get("data", ())
    ]
    assert data == ["pause-limit: 14d\n"]

"""Every command of docs/installation.md and the chart's README, run on a real API server.

It has no controllers, so no pod ever starts: what is tested is that each command is accepted, and
that what it is said to make is there. ``docker build`` is tested in ``packaging/test_image``.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.kustomize import OVERLAYS
from exporter.sources import SOURCES, rbac_rules
from support.decorator_controller import DEFINITION
from support.tools import ROOT, require_built, require_kube_apiserver
from tools.kube_apiserver import BUILT, KubeApiserver, RefusedError

pytestmark = pytest.mark.slow("starts etcd and kube-apiserver")

NAMESPACE: Final = "/namespaces/crawlers"


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApiserver]:
    require_kube_apiserver()
    require_built("helm")
    if not (ROOT / ".tools/crds").exists():
        pytest.skip("the Prometheus operator's CRDs are missing; `make real-tools` fetches them")
    with KubeApiserver.started(tmp_path_factory.mktemp("apiserver") / "data") as server:
        yield server


class Shell:
    """Runs commands in a copy of what they name, with a kubeconfig of the server."""

    def __init__(self, folder: Path, kube: KubeApiserver) -> None:
        self.folder = folder
        for name in ("deploy/chart", "deploy/kustomize", "alerts", "dashboards/json"):
            shutil.copytree(ROOT / name, folder / name, symlinks=True)
        kubeconfig = kube.write_kubeconfig(folder / "kubeconfig")
        self._environment = {
            "PATH": f"{BUILT}:/usr/bin:/bin",
            "HOME": str(folder),
            "KUBECONFIG": str(kubeconfig),
        }

    def run(self, command: str) -> str:
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
        return ran.stdout


@pytest.fixture(scope="module")
def shell(kube: KubeApiserver, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("copy") / "copy", kube)
    shell.run(f"kubectl create -f {(ROOT / '.tools/crds').resolve()}")
    (shell.folder / "decoratorcontrollers.json").write_text(json.dumps(DEFINITION))
    shell.run("kubectl create -f decoratorcontrollers.json")
    shell.run("kubectl wait --for=condition=Established crd --all")
    shell.run("kubectl create namespace crawlers-qa")
    return shell


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """Those for helm and kubectl, in order."""
    return [block for block in blocks(page, "sh") if block.startswith(("helm", "kubectl"))]


def is_there(kube: KubeApiserver, path: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = kube.request("GET", path)
    except RefusedError as error:
        if error.status == 404:
            return None
        raise
    return found


def test_helm_installs_it_and_upgrades_it_as_the_docs_say(
    shell: Shell, kube: KubeApiserver
) -> None:
    stack, more = blocks("docs/installation.md", "yaml")[:2]
    plain, with_values, openshift, uninstall, _ = commands("docs/installation.md")
    workload = f"/apis/apps/v1{NAMESPACE}/statefulsets/browsertrix-exporter"
    monitors = f"/apis/monitoring.coreos.com/v1{NAMESPACE}"

    assert "rollout status statefulset/browsertrix-exporter" in shell.run(plain)
    role = is_there(
        kube, f"/apis/rbac.authorization.k8s.io/v1{NAMESPACE}/roles/browsertrix-exporter"
    )
    assert role is not None
    assert role["rules"] == rbac_rules(SOURCES)
    assert is_there(kube, f"{monitors}/prometheusrules/browsertrix-exporter") is None

    (shell.folder / "values.yaml").write_text(stack)
    shell.run(with_values)
    for plural in ("prometheusrules", "servicemonitors"):
        one = is_there(kube, f"{monitors}/{plural}/browsertrix-exporter")
        assert one is not None
        assert one["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert is_there(kube, f"/api/v1{NAMESPACE}/configmaps/browsertrix-exporter-fleet")

    (shell.folder / "values.yaml").write_text(more)
    shell.run(with_values)
    found = is_there(kube, workload)
    assert found is not None
    assert found["spec"]["replicas"] == 2

    shell.run(openshift)
    found = is_there(kube, workload)
    assert found is not None
    assert "fsGroup" not in found["spec"]["template"]["spec"]["securityContext"]

    shell.run(uninstall)
    assert is_there(kube, f"/api/v1{NAMESPACE}/serviceaccounts/browsertrix-exporter") is None


def test_kubectl_applies_the_plain_manifests(shell: Shell, kube: KubeApiserver) -> None:
    *_, apply = commands("docs/installation.md")
    workload = f"/apis/apps/v1{NAMESPACE}/statefulsets/browsertrix-exporter"

    for folder in ("base", *(f"overlays/{name}" for name in OVERLAYS)):
        there = apply.replace("kustomize/base", f"kustomize/{folder}")
        shell.run(there)
        assert is_there(kube, workload)
        shell.run(there.replace("apply", "delete --wait=false"))


def test_the_sidecar_is_added_to_browsertrix_as_the_readme_says(
    shell: Shell, kube: KubeApiserver
) -> None:
    shell.run(
        "kubectl --namespace default create deployment browsertrix-cloud-backend --image=backend:1"
    )
    (sidecar,) = commands("deploy/chart/README.md")

    shell.run(sidecar)

    backend = "/apis/apps/v1/namespaces/default/deployments/browsertrix-cloud-backend"
    found = is_there(kube, backend)
    assert found is not None
    names = [one["name"] for one in found["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["backend", "browsertrix-exporter"]
    binding = f"/apis/rbac.authorization.k8s.io/v1{NAMESPACE}/rolebindings"
    bound = is_there(kube, f"{binding}/browsertrix-exporter-default")
    assert bound is not None
    assert bound["subjects"] == [
        {"kind": "ServiceAccount", "name": "default", "namespace": "default"}
    ]
    shell.run("helm uninstall browsertrix-exporter --namespace default")


def test_two_commands_get_one_out_of_a_finalizer(shell: Shell, kube: KubeApiserver) -> None:
    """The second one from a crawl that nothing else holds, and from no other."""
    ours = "metacontroller.io/decoratorcontroller-browsertrix-exporter"
    without_hook, of_one = (
        command
        for command in commands("docs/metacontroller.md")
        if command.startswith("kubectl") and " patch " in command
    )
    values = "--set metacontroller.enabled=true --set metacontroller.finalize=true"
    shell.run(
        f"helm template browsertrix-exporter deploy/chart --namespace crawlers {values}"
        " --show-only templates/metacontroller.yaml | kubectl apply --filename -"
    )
    controller = "/apis/metacontroller.k8s.io/v1alpha1/decoratorcontrollers/browsertrix-exporter"
    before = is_there(kube, controller)
    assert before is not None
    assert before["spec"]["hooks"].keys() == {"sync", "customize", "finalize"}

    shell.run(without_hook)

    found = is_there(kube, controller)
    assert found is not None
    assert found["spec"]["hooks"].keys() == {"sync", "customize"}

    collection = f"/apis/btrix.cloud/v1{NAMESPACE}/crawljobs"
    for name, finalizers in (("held", [ours]), ("others", [ours, "metacontroller.io/other"])):
        body = {
            "apiVersion": "btrix.cloud/v1",
            "kind": "CrawlJob",
            "metadata": {"name": name, "finalizers": finalizers},
            "spec": {},
        }
        kube.request("POST", collection, body)
        kube.request("DELETE", f"{collection}/{name}")
    shell.run(of_one.replace("NAME", "held"))
    assert is_there(kube, f"{collection}/held") is None

    with pytest.raises(AssertionError, match="The request is invalid"):
        shell.run(of_one.replace("NAME", "others"))
    assert is_there(kube, f"{collection}/others")

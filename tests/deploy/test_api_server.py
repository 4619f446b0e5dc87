"""A real API server takes every object that is made, with no field that it does not know."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from support.chart import ALL_VALUES, MATRIX, NAMESPACE, SECRETS, SIDECAR, made, pod_template
from support.decorator_controller import DEFINITION
from support.kubeconform import write_schemas
from support.tools import ROOT, require_built, require_kube_apiserver
from support.waiting import PROCESS_TIMEOUT
from tools.kube_apiserver import KubeApiserver, RefusedError

pytestmark = pytest.mark.slow("starts etcd and kube-apiserver")

DEFINITIONS: Final = ROOT / ".tools" / "crds"
OF_PROMETHEUS: Final = "monitoring.coreos.com/v1"
DRY_RUN: Final = "dryRun=All&fieldValidation=Strict"
PLURALS: Final = {"NetworkPolicy": "networkpolicies"}


def collection(one: dict[str, Any]) -> str:
    """The path of an object's collection."""
    version = one["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = PLURALS.get(one["kind"], f"{one['kind'].lower()}s")
    namespace = one["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


@pytest.fixture(scope="module")
def kube(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApiserver]:
    """With the namespaces of the matrix, where pods have to be restricted."""
    require_kube_apiserver()
    with KubeApiserver.started(tmp_path_factory.mktemp("apiserver") / "data") as server:
        for name in (NAMESPACE, "crawlers-qa", "prometheus"):
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            body = {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": labels},
            }
            server.request("POST", "/api/v1/namespaces", body)
        for file in sorted(DEFINITIONS.glob("*.yaml")):
            definition = yaml.safe_load(file.read_text())
            server.request("POST", collection(definition), definition)
            _wait_until_served(server, definition)
        server.request("POST", collection(DEFINITION), DEFINITION)
        _wait_until_served(server, DEFINITION)
        yield server


def _wait_until_served(server: KubeApiserver, definition: dict[str, Any]) -> None:
    spec = definition["spec"]
    plural = spec["names"]["plural"]
    path = f"/apis/{spec['group']}/{spec['versions'][-1]['name']}/{plural}"
    deadline = time.monotonic() + PROCESS_TIMEOUT
    while True:
        try:
            server.request("GET", path)
        except (RefusedError, ValueError):  # the latter: text, while nobody knows the group
            assert time.monotonic() < deadline, f"{plural} is not served"
            time.sleep(0.05)
        else:
            return


def accept(server: KubeApiserver, one: dict[str, Any]) -> Any:
    """Send it by a dry run; unknown fields, and those given twice, are errors then."""
    return server.request("POST", f"{collection(one)}?{DRY_RUN}", one)


@ALL_VALUES
def test_it_takes_the_objects(kube: KubeApiserver, values: dict[str, Any]) -> None:
    objects = made(values)
    if not DEFINITIONS.exists():
        objects = [one for one in objects if one["apiVersion"] != OF_PROMETHEUS]

    for one in objects:
        stored = accept(kube, one)
        assert stored["metadata"]["name"] == one["metadata"]["name"]


def test_it_would_say_so_if_a_field_were_unknown(kube: KubeApiserver) -> None:
    """Else the tests here would pass whatever is made."""
    (service,) = (one for one in made({}) if one["kind"] == "Service")
    service["spec"]["prots"] = []

    with pytest.raises(RefusedError, match="unknown field"):
        accept(kube, service)


def test_definitions_of_the_prometheus_operator_refuse_what_is_unknown(kube: KubeApiserver) -> None:
    if not DEFINITIONS.exists():
        pytest.skip("the Prometheus operator's CRDs are missing; `make real-tools` fetches them")
    values = {"scrape": {"by": "ServiceMonitor", "tlsConfig": {"insecure": True}}}
    (monitor,) = (one for one in made(values) if one["kind"] == "ServiceMonitor")

    with pytest.raises(RefusedError, match="unknown field"):
        accept(kube, monitor)


@pytest.mark.parametrize("name", ["defaults", "no volume", "two replicas", "credentials"])
def test_its_pod_is_admitted_where_pods_are_restricted(kube: KubeApiserver, name: str) -> None:
    template = pod_template(MATRIX[name])
    metadata = {**template["metadata"], "name": "pod", "namespace": NAMESPACE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    pod["spec"]["volumes"].append({"name": "history", "emptyDir": {}})

    assert accept(kube, pod)["spec"]["containers"][0]["name"] == "exporter"

    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(RefusedError, match="violates PodSecurity"):
        accept(kube, pod)


def test_the_patch_adds_the_sidecar_to_a_deployment(kube: KubeApiserver) -> None:
    labels = {"app": "browsertrix-cloud", "role": "backend"}
    backend = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "backend", "namespace": "crawlers"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{"name": "op", "image": "op:1"}],
                    "volumes": [{"name": "config", "emptyDir": {}}],
                },
            },
        },
    }
    kube.request("POST", collection(backend), backend)
    values = {**SIDECAR, "secrets": SECRETS, "config": {"alertmanager": {"url": "http://a:1"}}}
    (found,) = (one for one in made(values) if one["metadata"]["name"].endswith("-sidecar"))

    patched = kube.request(
        "PATCH",
        f"{collection(backend)}/backend?{DRY_RUN}",
        yaml.safe_load(found["data"]["patch.yaml"]),
        content_type="application/strategic-merge-patch+json",
    )

    pod = patched["spec"]["template"]["spec"]
    assert {one["name"] for one in pod["containers"]} == {"op", "browsertrix-exporter"}
    assert {one["name"] for one in pod["volumes"]} == {
        "config",
        *(f"browsertrix-exporter-{name}" for name in ("config", "tmp", "secrets")),
    }


@pytest.fixture(scope="module")
def schemas(kube: KubeApiserver, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where kubeconform finds the schemas of all kinds that the server has."""
    deadline = time.monotonic() + PROCESS_TIMEOUT
    while True:  # definitions of others come to it a moment after they are served
        openapi = kube.request("GET", "/openapi/v2")
        if (
            not DEFINITIONS.exists()
            or "com.coreos.monitoring.v1.PrometheusRule" in (openapi["definitions"])
        ):
            return write_schemas(openapi, tmp_path_factory.mktemp("schemas"))
        assert time.monotonic() < deadline, "the server does not publish the definitions"
        time.sleep(0.1)


def conform(schemas: str, *objects: dict[str, Any]) -> list[dict[str, Any]]:
    """What kubeconform finds wrong."""
    ran = subprocess.run(
        [require_built("kubeconform"), "-strict", "-output=json", "-schema-location", schemas, "-"],
        input=yaml.safe_dump_all(objects),
        capture_output=True,
        text=True,
        check=False,
    )
    return list(json.loads(ran.stdout)["resources"])


def test_kubeconform_finds_nothing_wrong(schemas: str) -> None:
    objects = [one for _, values in MATRIX.items() for one in made(values)]
    if not DEFINITIONS.exists():
        objects = [one for one in objects if one["apiVersion"] != OF_PROMETHEUS]

    assert conform(schemas, *objects) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Service", {"spec": {"prots": []}}),
        ("StatefulSet", {"spec": {"replicas": "two"}}),
        ("ServiceAccount", {"automount": True}),
    ],
)
def test_kubeconform_would_find_it(schemas: str, kind: str, change: dict[str, Any]) -> None:
    (one,) = (one for one in made({}) if one["kind"] == kind)
    for name, value in change.items():
        one[name] = {**one.get(name, {}), **value} if isinstance(value, dict) else value

    (found,) = conform(schemas, one)
    assert (found["kind"], found["status"]) == (kind, "statusInvalid")

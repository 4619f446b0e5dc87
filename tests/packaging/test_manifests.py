"""What deploy/ asks of a cluster: the least it needs, and what the exporter expects there."""

from typing import Any

import pytest
import yaml

from exporter.settings.defaults import DEFAULT_PORT
from support.tools import ROOT


@pytest.fixture
def objects() -> dict[str, Any]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text())
    return {document["kind"]: document for document in documents}


def test_it_may_read_what_the_sources_need_and_change_nothing(objects: dict[str, Any]) -> None:
    rules = objects["Role"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"list", "watch"}
    assert {(*rule["apiGroups"], *rule["resources"]) for rule in rules} == {
        ("btrix.cloud", "crawljobs"),
        ("", "pods"),
        ("metrics.k8s.io", "pods"),
        ("", "persistentvolumeclaims"),
        ("btrix.cloud", "collindexes"),
    }
    assert "ClusterRole" not in objects


def test_it_runs_without_privileges_on_a_read_only_root(objects: dict[str, Any]) -> None:
    pod = objects["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_openshift_restricted_v2_accepts_it_without_the_line_that_the_docs_leave_out() -> None:
    """Its rules: no user or group of one's own, no privileges, all capabilities dropped."""
    docs = (ROOT / "docs" / "deployment.md").read_text()
    assert "sed '/fsGroup:/d' deploy/kubernetes.yaml" in docs
    lines = (ROOT / "deploy" / "kubernetes.yaml").read_text().splitlines(keepends=True)
    left = [line for line in lines if "fsGroup:" not in line]
    assert len(lines) - len(left) == 1
    (pod,) = (
        document["spec"]["template"]["spec"]
        for document in yaml.safe_load_all("".join(left))
        if document["kind"] == "StatefulSet"
    )
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    (container,) = pod["containers"]
    assert {"runAsUser", "runAsGroup", "privileged"}.isdisjoint(container["securityContext"])
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {kind for volume in pod["volumes"] for kind in volume} == {"name", "emptyDir"}


def test_the_history_lies_on_a_volume_of_its_own(objects: dict[str, Any]) -> None:
    spec = objects["StatefulSet"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (claim,) = spec["volumeClaimTemplates"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    folder = mounts[claim["metadata"]["name"]]
    assert f"--history.path={folder}/history.db" in container["args"]


def test_the_port_is_the_default_one_throughout(objects: dict[str, Any]) -> None:
    (container,) = objects["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    service = objects["Service"]
    assert container["ports"] == [{"name": "metrics", "containerPort": DEFAULT_PORT}]
    assert service["spec"]["ports"][0]["port"] == DEFAULT_PORT
    assert service["metadata"]["annotations"]["prometheus.io/port"] == str(DEFAULT_PORT)
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"

"""What is made has the fields that Kubernetes' kinds have, and no others: without an API server.

By the official client's models, which are made of Kubernetes' OpenAPI.
"""

from typing import Any

import pytest
import yaml
from kubernetes import client
from pydantic import ValidationError

from support.chart import ALL_VALUES, made
from support.tools import ROOT

OF_KUBERNETES = ("v1", "apps/v1", "policy/v1", "networking.k8s.io/v1")
BASE = sorted((ROOT / "deploy/kustomize/base").glob("*.yaml"))


def is_of_kubernetes(one: dict[str, Any]) -> bool:
    return one["apiVersion"] in (*OF_KUBERNETES, "rbac.authorization.k8s.io/v1")


def check(one: dict[str, Any]) -> None:
    getattr(client, f"V1{one['kind']}").model_validate(one)


@ALL_VALUES
def test_every_object_is_one_that_kubernetes_knows(values: dict[str, Any]) -> None:
    for one in filter(is_of_kubernetes, made(values)):
        check(one)


def test_the_plain_manifests_are_too() -> None:
    documents = [yaml.safe_load(path.read_text()) for path in BASE]
    objects = [one for one in documents if one.get("kind") not in (None, "Kustomization")]

    assert len(objects) == 5
    for one in objects:
        check(one)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"prots": []}, r"spec\.prots\n *Extra inputs"),
        ({"ports": [{"name": "metrics"}]}, r"ports\.0\.port\n *Field required"),
        ({"ports": [{"port": "http"}]}, r"ports\.0\.port\n *Input should be a valid integer"),
    ],
    ids=str,
)
def test_what_kubernetes_does_not_know_is_found(change: dict[str, Any], complaint: str) -> None:
    (service,) = (one for one in made({}) if one["kind"] == "Service")
    service["spec"] |= change

    with pytest.raises(ValidationError, match=complaint):
        check(service)

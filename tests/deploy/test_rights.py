"""What the exporter may do: what the sources that are on need, where crawls are, and no more."""

from itertools import product
from typing import Any

import pytest

from exporter.sources import SOURCES, rbac_rules
from support.chart import NAMESPACE, SIDECAR, made, only

OPTIONAL = [source.name for source in SOURCES if not source.required]
KINDS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


def rights(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in made(values) if one["kind"] in KINDS]


@pytest.mark.parametrize("on", list(product((True, False), repeat=len(OPTIONAL))), ids=str)
def test_the_rules_are_those_of_the_sources_that_are_on(on: tuple[bool, ...]) -> None:
    switches = dict(zip(OPTIONAL, on, strict=True))
    role = only("Role", {"sources": switches})

    assert role["rules"] == rbac_rules(
        source for source in SOURCES if switches.get(source.name, True)
    )


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_source_without_its_right_is_not_asked(name: str) -> None:
    (workload,) = (one for one in made({"sources": {name: False}}) if one["kind"] == "StatefulSet")
    args = workload["spec"]["template"]["spec"]["containers"][0]["args"]

    assert [arg for arg in args if "source" in arg] == [f"--no-source.{name}"]


def test_nothing_but_lists_and_watches_is_allowed() -> None:
    for role in (only("Role", {}), only("ClusterRole", {"watch": {"allNamespaces": True}})):
        assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list", "watch"}
        assert all(rule.keys() == {"apiGroups", "resources", "verbs"} for rule in role["rules"])


def test_each_namespace_that_is_watched_has_a_role_bound_to_the_account() -> None:
    found = rights({"watch": {"namespaces": ["crawlers", "crawlers-qa"]}})

    assert sorted((one["kind"], one["metadata"]["namespace"]) for one in found) == [
        ("Role", "crawlers"),
        ("Role", "crawlers-qa"),
        ("RoleBinding", "crawlers"),
        ("RoleBinding", "crawlers-qa"),
    ]
    for binding in (one for one in found if one["kind"] == "RoleBinding"):
        assert binding["roleRef"]["kind"] == "Role"
        assert binding["roleRef"]["name"] == binding["metadata"]["name"]
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "browsertrix-exporter", "namespace": NAMESPACE}
        ]


def test_all_namespaces_are_a_matter_of_the_cluster() -> None:
    found = rights({"watch": {"allNamespaces": True}})

    assert [one["kind"] for one in found] == ["ClusterRole", "ClusterRoleBinding"]
    assert all("namespace" not in one["metadata"] for one in found)
    assert found[0]["rules"] == rbac_rules(SOURCES)


def test_two_releases_do_not_share_a_role() -> None:
    """Both may watch the same namespace, from namespaces of their own."""
    names = {
        one["metadata"]["name"]
        for namespace in ("one", "two")
        for one in made({}, namespace)
        if one["kind"] == "Role"
    }

    assert len(names) == 2


def test_an_account_that_is_there_is_bound_and_none_made() -> None:
    values = {"serviceAccount": {"create": False, "name": "there"}}

    assert "ServiceAccount" not in {one["kind"] for one in made(values)}
    assert only("RoleBinding", values)["subjects"][0]["name"] == "there"


def test_of_a_sidecar_the_other_pods_account_has_the_rights() -> None:
    assert "ServiceAccount" not in {one["kind"] for one in made(SIDECAR)}
    assert only("RoleBinding", SIDECAR)["subjects"][0]["name"] == "backend"


def test_rights_can_be_left_to_somebody_else() -> None:
    assert rights({"rbac": {"create": False}}) == []


def test_the_accounts_token_is_mounted_in_the_exporters_pod_alone() -> None:
    assert only("ServiceAccount", {})["automountServiceAccountToken"] is False
    pod = only("StatefulSet", {})["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True

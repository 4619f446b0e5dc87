"""With metacontroller the exporter is called, and has no right to CrawlJobs, pods and claims."""

from typing import Any, Final

import helm_python
import pytest

from support.chart import MATRIX, NAMESPACE, exporter_container, made, only, pod_template

ON: Final = {"metacontroller": {"enabled": True}}
EVERYTHING: Final = MATRIX["metacontroller"]
SPEC: Final = {"resources", "attachments", "hooks", "resyncPeriodSeconds", "endpointConfigs"}
WEBHOOK: Final = {
    *("url", "timeout", "etag", "path", "service", "responseUnMarshallMode"),
    *("caBundle", "clientTLS", "authorization", "basicAuth"),
}
"""Fields of metacontroller's CustomResourceDefinition, v1alpha1."""


def with_hook(**values: Any) -> dict[str, Any]:
    return {"metacontroller": {"enabled": True, **values}}


def controller_of(values: dict[str, Any], name: str = "browsertrix-exporter") -> dict[str, Any]:
    (found,) = (
        one
        for one in made(values)
        if one["kind"] == "DecoratorController" and one["metadata"]["name"] == name
    )
    return found


def hook_service(values: dict[str, Any]) -> dict[str, Any]:
    (found,) = (
        one
        for one in made(values)
        if one["kind"] == "Service" and one["metadata"]["name"].endswith("-hook")
    )
    return found


def test_by_default_there_is_nothing_of_it() -> None:
    assert "DecoratorController" not in {one["kind"] for one in made({})}
    assert [one["name"] for one in exporter_container({})["ports"]] == ["metrics"]
    assert not any("metacontroller" in arg for arg in exporter_container({})["args"])


def test_the_controller_is_about_crawljobs_and_makes_nothing() -> None:
    controller = controller_of(EVERYTHING)

    assert controller["apiVersion"] == "metacontroller.k8s.io/v1alpha1"
    assert "namespace" not in controller["metadata"]  # it is of the cluster
    spec = controller["spec"]
    assert spec.keys() <= SPEC
    assert spec["attachments"] == []
    assert spec["resyncPeriodSeconds"] == 120
    assert controller_of(ON)["spec"]["resources"] == [
        {"apiVersion": "btrix.cloud/v1", "resource": "crawljobs"}
    ]


def test_crawljobs_are_chosen_by_their_labels() -> None:
    selector = {"matchLabels": {"btrix.org": "one"}}
    controller = controller_of(with_hook(labelSelector=selector))

    assert controller["spec"]["resources"] == [
        {"apiVersion": "btrix.cloud/v1", "resource": "crawljobs", "labelSelector": selector}
    ]


def test_each_hook_is_a_path_of_the_service_within_ten_seconds() -> None:
    hooks = controller_of(EVERYTHING)["spec"]["hooks"]
    service = hook_service(EVERYTHING)
    (port,) = service["spec"]["ports"]
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}:{port['port']}"

    assert hooks == {
        name: {
            "webhook": {
                "url": f"https://{host}/{name}",
                "timeout": "10s",
                "caBundle": {"inline": "Q0E="},
            }
        }
        for name in ("sync", "customize", "finalize")
    }
    assert all(hook["webhook"].keys() <= WEBHOOK for hook in hooks.values())


def test_without_finalize_there_is_no_such_hook_and_so_no_finalizer() -> None:
    hooks = controller_of(ON)["spec"]["hooks"]

    assert hooks.keys() == {"sync", "customize"}
    assert hooks["sync"]["webhook"]["url"] == (
        f"http://browsertrix-exporter-hook.{NAMESPACE}:9878/sync"
    )


def test_metacontroller_calls_about_the_services_too_which_need_no_finalizer() -> None:
    """Or nobody could tell a hook that is silent from one without a crawl to be called about."""
    heartbeat = controller_of(EVERYTHING, "browsertrix-exporter-heartbeat")["spec"]
    (resource,) = heartbeat["resources"]

    assert (resource["apiVersion"], resource["resource"]) == ("v1", "services")
    labels = hook_service(EVERYTHING)["metadata"]["labels"]
    assert resource["labelSelector"]["matchLabels"].items() <= labels.items()
    assert heartbeat["attachments"] == []
    assert heartbeat["resyncPeriodSeconds"] == 120
    hooks = controller_of(EVERYTHING)["spec"]["hooks"]
    assert heartbeat["hooks"] == {"sync": hooks["sync"]}


def test_the_service_leads_to_the_exporter_before_that_is_ready() -> None:
    """It gets ready by being called."""
    spec = hook_service(EVERYTHING)["spec"]
    ports = {one["name"]: one for one in exporter_container(EVERYTHING)["ports"]}

    assert spec["publishNotReadyAddresses"] is True
    assert spec["selector"].items() <= pod_template(EVERYTHING)["metadata"]["labels"].items()
    assert spec["ports"][0]["targetPort"] == "hook"
    assert ports["hook"]["containerPort"] == 9000


def test_the_exporter_is_told_the_same() -> None:
    flags = [arg for arg in exporter_container(EVERYTHING)["args"] if "metacontroller" in arg]

    assert flags == [
        "--source.kubernetes=metacontroller",
        "--metacontroller.listen-address=:9000",
        "--metacontroller.resync-period=2m",
        "--metacontroller.finalize",
    ]
    assert "--metacontroller.finalize" not in exporter_container(ON)["args"]


@pytest.mark.parametrize(("written", "seconds"), [("60s", 60), ("1h", 3600), ("1m30s", 90)])
def test_a_resync_period_is_seconds_for_metacontroller(written: str, seconds: int) -> None:
    controller = controller_of(with_hook(resyncPeriod=written))

    assert controller["spec"]["resyncPeriodSeconds"] == seconds


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_crawljobs_pods_and_claims_are_not_asked_for(kind: str) -> None:
    watch = {"watch": {"allNamespaces": True}} if kind == "ClusterRole" else {}
    rules = only(kind, {**ON, **watch})["rules"]

    assert {(*rule["apiGroups"], *rule["resources"]) for rule in rules} == {
        ("metrics.k8s.io", "pods"),
        ("btrix.cloud", "collindexes"),
    }


def test_with_nothing_left_to_ask_for_there_is_no_right_at_all() -> None:
    off = {"sources": {"usage": False, "indexes": False}}

    assert only("Role", {**ON, **off})["rules"] == []


def test_only_metacontroller_may_call() -> None:
    scrape, hook = only("NetworkPolicy", EVERYTHING)["spec"]["ingress"]

    assert scrape == {"ports": [{"port": "metrics", "protocol": "TCP"}]}
    assert hook == {
        "ports": [{"port": "hook", "protocol": "TCP"}],
        "from": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "browsertrix"}}}
        ],
    }


def test_there_are_never_two_pods() -> None:
    deployment = only("Deployment", MATRIX["metacontroller without a volume"])
    stateful = only("StatefulSet", ON)

    assert deployment["spec"]["replicas"] == stateful["spec"]["replicas"] == 1
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert "strategy" not in stateful["spec"]
    for values in ({"persistence": {"enabled": False}}, {}):
        (workload,) = (one for one in made(values) if one["kind"] in {"Deployment", "StatefulSet"})
        assert "strategy" not in workload["spec"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({**ON, "replicas": 2}, "allows one replica only"),
        ({**ON, "sharding": {"total": 2}}, "metacontroller.enabled allows no shards"),
        ({**ON, "mode": "sidecar"}, "needs mode: standalone"),
        ({**ON, "config": {"selector": "a=b"}}, "set metacontroller.labelSelector"),
        (
            {**with_hook(finalize=True), "persistence": {"enabled": False}},
            "needs persistence.enabled: without a volume no end is on disk",
        ),
        (with_hook(resyncPeriod="soon"), "/metacontroller/resyncPeriod"),
        (with_hook(port=0), "/metacontroller/port"),
        ({"config": {"source": {"kubernetes": "metacontroller"}}}, "not allowed"),
    ],
    ids=str,
)
def test_what_would_not_work_is_refused(values: dict[str, Any], why: str) -> None:
    with pytest.raises(helm_python.HelmError, match=why):
        made(values)

"""What runs: privileges, configuration, ledger, credentials, resources; alone or beside others."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.settings import GROUPS, Parser, Settings, add_options, load
from exporter.settings.defaults import DEFAULT_PORT
from support.chart import (
    ALERTMANAGER,
    ALL_VALUES,
    MATRIX,
    NAMESPACE,
    SECRETS,
    SIDECAR,
    exporter_container,
    made,
    only,
    pod_template,
)
from support.tools import ROOT

FOLDER = "/etc/browsertrix-exporter"


def sidecar_pod(values: dict[str, Any]) -> dict[str, Any]:
    """The pod's specification in the patch."""
    (found,) = (one for one in made(values) if one["metadata"]["name"].endswith("-sidecar"))
    spec: dict[str, Any] = yaml.safe_load(found["data"]["patch.yaml"])["spec"]["template"]["spec"]
    return spec


def settings_of(values: dict[str, Any], tmp_path: Path) -> Settings:
    """What the exporter reads: the flags, variables and file of the container."""
    container = exporter_container(values)
    (config,) = (
        one
        for one in made(values)
        if one["kind"] == "ConfigMap" and "config.yaml" in one.get("data", {})
    )
    file = tmp_path / "config.yaml"
    file.write_text(config["data"]["config.yaml"])
    of_pod = {one["name"]: NAMESPACE for one in container.get("env", ()) if "valueFrom" in one}
    parser = Parser()
    add_options(parser, GROUPS)
    args = [arg.replace(f"{FOLDER}/config/config.yaml", str(file)) for arg in container["args"]]
    return load(GROUPS, vars(parser.parse_args(args)), of_pod).settings


@ALL_VALUES
def test_it_runs_under_the_restricted_standard(values: dict[str, Any]) -> None:
    """Pod Security Standards, "restricted": of the pod, and of our container in another one."""
    if values.get("mode") == "sidecar":
        pod = sidecar_pod(values)
        security = dict(pod["containers"][0]["securityContext"])
    else:
        pod = pod_template(values)["spec"]
        security = pod["containers"][0]["securityContext"] | pod["securityContext"]

    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert {"runAsUser", "runAsGroup", "privileged"}.isdisjoint(security)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    kinds = {kind for volume in pod["volumes"] for kind in volume} - {"name"}
    assert kinds <= {"configMap", "emptyDir", "projected", "persistentVolumeClaim"}


def test_openshift_gives_the_group_itself() -> None:
    assert pod_template({})["spec"]["securityContext"]["fsGroup"] == 65532
    without = pod_template({"podSecurityContext": {"fsGroup": None}})["spec"]["securityContext"]
    assert without == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert "--set podSecurityContext.fsGroup=null" in (ROOT / "docs/installation.md").read_text()


def test_by_default_it_watches_the_crawls_and_keeps_a_ledger_on_its_volume(tmp_path: Path) -> None:
    settings = settings_of({}, tmp_path)
    workload = only("StatefulSet", {})

    assert settings.namespaces == ("crawlers",)
    (claim,) = workload["spec"]["volumeClaimTemplates"]
    mounts = {one["name"]: one["mountPath"] for one in exporter_container({})["volumeMounts"]}
    assert settings.history_path == Path(mounts[claim["metadata"]["name"]]) / "history.db"
    assert workload["spec"]["replicas"] == 1
    assert workload["spec"]["serviceName"] == only("Service", {})["metadata"]["name"]


def test_without_a_volume_it_is_a_deployment_without_a_ledger(tmp_path: Path) -> None:
    values = {"persistence": {"enabled": False}}

    assert settings_of(values, tmp_path).history_path is None
    deployment = only("Deployment", values)
    assert deployment["spec"].keys() == {"replicas", "selector", "template"}


def test_what_is_watched_is_what_has_roles(tmp_path: Path) -> None:
    for namespaces in (["one", "two"], []):
        values = {"watch": {"namespaces": namespaces}}
        roles = [one["metadata"]["namespace"] for one in made(values) if one["kind"] == "Role"]
        assert list(settings_of(values, tmp_path).scopes) == roles
    all_of_them = {"watch": {"allNamespaces": True}}
    assert settings_of(all_of_them, tmp_path).scopes == ("",)


def test_the_exporter_posts_with_the_labels_of_the_rules(tmp_path: Path) -> None:
    values = {
        "config": {"alertmanager": {"url": "http://a:9093"}, "pause-limit": "14d"},
        "alerts": {
            "thresholds": {"CAPACITY_HOLD": "1h", "LIMIT_NEAR": 0.95, "FAILURES": 3},
            "severities": {"BrowsertrixCrawlFailed": "info"},
            "without": ["BrowsertrixPodEvicted"],
            "labels": {"team": "archive"},
            "endsAsTickets": True,
            "clusterLabel": "k8s",
            "runbookUrl": "https://wiki",
            "grafanaUrl": "https://grafana",
        },
    }
    settings = settings_of(values, tmp_path)

    assert settings.alertmanager_urls == ("http://a:9093",)
    assert settings.pause_limit == 14 * 86400
    assert dict(settings.alerts_thresholds) == {
        "CAPACITY_HOLD": "1h",
        "LIMIT_NEAR": "0.95",
        "FAILURES": "3",
    }
    assert settings.alerts_severities == (("BrowsertrixCrawlFailed", "info"),)
    assert settings.alerts_without == ("BrowsertrixPodEvicted",)
    assert settings.alerts_labels == (("team", "archive"),)
    assert settings.alerts_ends_as_tickets is True
    assert settings.alerts_cluster_label == "k8s"
    assert (settings.alerts_runbooks, settings.alerts_grafana) == (
        "https://wiki",
        "https://grafana",
    )


def test_a_pair_leaves_crawls_that_vanished_to_the_rules(tmp_path: Path) -> None:
    """Each may miss the end that the other one saw: docs/alerts.md."""
    values = {
        "replicas": 2,
        "config": {"alertmanager": {"url": "http://a:9093"}},
        "rules": {"enabled": True},
    }

    assert settings_of(values, tmp_path).alerts_without == ("BrowsertrixCrawlVanished",)
    rules = yaml.safe_dump(only("PrometheusRule", values))
    assert "alert: BrowsertrixCrawlVanished\n" in rules


def test_a_change_of_the_configuration_starts_the_pods_anew() -> None:
    sums = {
        pod_template(values)["metadata"]["annotations"]["checksum/config"]
        for values in ({}, {"config": {"pause-limit": "1d"}}, {"alerts": {"labels": {"a": "b"}}})
    }

    assert len(sums) == 3
    assert all(len(one) == len(hashlib.sha256().hexdigest()) for one in sums)


def test_probes_and_service_find_the_port() -> None:
    for port, scheme in ((DEFAULT_PORT, "http"), (9000, "https")):
        values = {"service": {"port": port}, "scrape": {"scheme": scheme}}
        container, service = exporter_container(values), only("Service", values)
        (declared,) = container["ports"]
        assert declared["containerPort"] == port
        for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
            asked = container[probe]["httpGet"]
            assert asked == {"path": path, "port": declared["name"], "scheme": scheme.upper()}
        (published,) = service["spec"]["ports"]
        assert (published["port"], published["targetPort"]) == (port, declared["name"])
        assert service["metadata"]["annotations"]["prometheus.io/port"] == str(port)
        assert service["metadata"]["annotations"]["prometheus.io/scheme"] == scheme
        listens = [arg for arg in container["args"] if "listen" in arg]
        assert listens == ([] if port == DEFAULT_PORT else [f"--web.listen-address=:{port}"])


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_a_monitor_finds_the_port_by_its_labels_and_honours_the_crawls_labels(kind: str) -> None:
    values = {"scrape": {"by": kind}, "config": {"web": {"telemetry-path": "/exporter"}}}
    monitor = only(kind, values)
    (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
    target = only("Service", values) if kind == "ServiceMonitor" else pod_template(values)

    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= target["metadata"]["labels"].items()
    )
    assert endpoint["honorLabels"] is True
    assert endpoint["path"] == "/exporter"
    assert endpoint["interval"] == "15s"
    ports = target["spec"].get("ports") or target["spec"]["containers"][0]["ports"]
    assert endpoint["port"] in [port["name"] for port in ports]
    assert monitor["spec"]["jobLabel"] in target["metadata"]["labels"]
    assert "annotations" not in only("Service", values)["metadata"]


@pytest.mark.parametrize(
    ("crawls", "request_", "limit"), [(100, 91, 165), (500, 99, 189), (10_000, 285, 745)]
)
def test_memory_follows_from_the_number_of_crawls(crawls: int, request_: int, limit: int) -> None:
    """docs/deployment.md: 90 MiB, and 20 KiB for each; 254 MiB were measured of 10,000."""
    assert exporter_container({"crawls": crawls})["resources"] == {
        "requests": {"cpu": f"{50 + crawls // 50}m", "memory": f"{request_}Mi"},
        "limits": {"memory": f"{limit}Mi"},
    }
    given = {"limits": {"memory": "1Gi"}}
    assert exporter_container({"crawls": crawls, "resources": given})["resources"] == given


def test_shards_are_pods_with_numbers_that_divide_what_there_is() -> None:
    workload = only("StatefulSet", MATRIX["shards"])
    (container,) = workload["spec"]["template"]["spec"]["containers"]

    assert workload["spec"]["replicas"] == 3
    assert "--shard=ordinal" in container["args"]
    assert "--total-shards=3" in container["args"]
    assert container["resources"]["limits"]["memory"] == f"{160 + 60 * 13_334 // 1024}Mi"
    assert workload["spec"]["volumeClaimTemplates"]
    assert only("PodDisruptionBudget", MATRIX["shards"])["spec"]["maxUnavailable"] == 1


def test_shards_without_a_volume_have_numbers_all_the_same() -> None:
    values = MATRIX["shards"] | {"persistence": {"enabled": False}}

    spec = only("StatefulSet", values)["spec"]

    assert "volumeClaimTemplates" not in spec
    assert spec["podManagementPolicy"] == "Parallel"


def test_one_that_has_everything_is_told_nothing_of_shards() -> None:
    (container,) = only("StatefulSet", {})["spec"]["template"]["spec"]["containers"]

    assert not [one for one in container["args"] if "shard" in one]


def test_two_replicas_are_kept_apart_and_evicted_one_at_a_time() -> None:
    pod = pod_template({"replicas": 2})
    budget = only("PodDisruptionBudget", {"replicas": 2})

    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    keys = [one["topologyKey"] for one in pod["spec"]["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    for values in ({}, {"replicas": 2, "podDisruptionBudget": {"enabled": False}}):
        assert "PodDisruptionBudget" not in {one["kind"] for one in made(values)}
    assert "topologySpreadConstraints" not in pod_template({})["spec"]


def test_the_network_policy_is_about_the_exporters_pods_and_port() -> None:
    values = MATRIX["two replicas"]
    policy = only("NetworkPolicy", values)["spec"]
    pod = pod_template(values)

    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert policy["ingress"] == [
        {
            "from": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}],
            "ports": [{"port": "metrics", "protocol": "TCP"}],
        }
    ]
    dns, https, more = policy["egress"]
    assert {one["port"] for one in dns["ports"]} == {53}
    assert [one["port"] for one in https["ports"]] == [443, 6443, 9093]
    assert more == {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}


def test_credentials_are_files_of_the_secrets_with_the_keys_that_are_named(tmp_path: Path) -> None:
    values = {"config": {"alertmanager": ALERTMANAGER}, "secrets": SECRETS}
    settings = settings_of(values, tmp_path)
    (volume,) = (one for one in pod_template(values)["spec"]["volumes"] if one["name"] == "secrets")
    projected = volume["projected"]

    files = {
        f"{FOLDER}/secrets/{item['path']}"
        for source in projected["sources"]
        for item in source["secret"]["items"]
    }
    assert settings.alertmanager_password_file == Path(f"{FOLDER}/secrets/alertmanager/password")
    assert settings.alertmanager_ca_file == Path(f"{FOLDER}/secrets/alertmanager/ca.crt")
    header = (("X-Scope-OrgID", f"{FOLDER}/secrets/mimir/tenant"),)
    assert settings.alertmanager_header_files == header
    assert files == {
        f"{FOLDER}/secrets/{name}"
        for name in ("alertmanager/password", "alertmanager/ca.crt", "mimir/tenant", "mimir/other")
    }
    assert projected["defaultMode"] == 0o440
    assert {"name": "secrets", "mountPath": f"{FOLDER}/secrets", "readOnly": True} in (
        exporter_container(values)["volumeMounts"]
    )
    assert "Secret" not in {one["kind"] for one in made(values)}


def test_a_sidecar_is_a_patch_with_what_the_container_of_its_own_pod_would_have() -> None:
    settings = {"config": {"alertmanager": ALERTMANAGER}, "secrets": SECRETS}
    values = {**settings, **SIDECAR, "sidecar": {"existingClaim": "history"}}
    pod = sidecar_pod(values)
    (container,) = pod["containers"]
    alone = exporter_container(settings)

    assert container["args"] == alone["args"]
    assert container["image"] == alone["image"]
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert mounts == [mount["mountPath"] for mount in alone["volumeMounts"]]
    names = {volume["name"] for volume in pod["volumes"]}
    assert names == {mount["name"] for mount in container["volumeMounts"]}
    # Names of the other pod's own volumes and ports must not be met.
    assert all(name.startswith("browsertrix-exporter-") for name in names)
    assert {"StatefulSet", "Deployment"}.isdisjoint(one["kind"] for one in made(values))
    # The other pod may have another group, or none.
    (secrets,) = (one for one in pod["volumes"] if one["name"].endswith("-secrets"))
    assert secrets["projected"]["defaultMode"] == 0o444
    service = only("Service", values)["spec"]
    assert service["selector"] == {"app": "browsertrix-cloud", "role": "backend"}
    assert service["ports"][0]["targetPort"] == container["ports"][0]["name"]


def test_dashboards_are_those_of_the_repository_each_of_a_size_that_fits() -> None:
    maps = [
        one
        for one in made(MATRIX["kube-prometheus-stack"])
        if one["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    files = {name: text for one in maps for name, text in one["data"].items()}
    committed = {path.name: path.read_text() for path in (ROOT / "dashboards/json").glob("*.json")}

    assert len(maps) == len(files)
    assert {name: text.strip() for name, text in files.items()} == {
        name: text.strip() for name, text in committed.items()
    }
    assert max(len(text.encode()) for text in files.values()) < 1024 * 1024
    assert {one["metadata"]["annotations"]["grafana_folder"] for one in maps} == {"Browsertrix"}


@pytest.mark.parametrize(
    "given",
    [
        {"config": {"web": {"config": {"file": "/etc/web/config.yaml"}}}},
        {"secrets": [{"option": "web.config.file", "secret": "web", "key": "config.yaml"}]},
    ],
)
def test_probes_are_answered_where_requests_need_a_password_or_a_certificate(
    given: dict[str, Any], tmp_path: Path
) -> None:
    assert settings_of(given, tmp_path).open_probes
    assert not settings_of({}, tmp_path).open_probes
    config: dict[str, Any] = given.get("config", {"web": {}})
    closed = {**given, "config": {"web": {**config["web"], "open-probes": False}}}
    assert not settings_of(closed, tmp_path).open_probes

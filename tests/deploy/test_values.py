"""Values: what is refused, what is said at the end, and that everything generated is up to date."""

import base64
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from deploy.schema import config_path, in_config, is_file
from deploy.values import CHART, declared, flat
from exporter import __version__
from exporter.settings import Option, options_of
from support.chart import ALL_VALUES, MATRIX, SIDECAR, made, notes, only
from support.tools import ROOT

OPTIONS = [option for option in options_of() if in_config(option)]


def test_nothing_generated_is_stale() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "deploy", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr


@ALL_VALUES
def test_helm_finds_nothing_to_complain_of(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True, namespace="monitoring")

    assert [one for one in report["messages"] if "icon is recommended" not in one["error"]] == []


def test_the_matrix_sets_every_value_or_its_section() -> None:
    """Otherwise a template's branch might be rendered by no test."""
    given = {name for values in MATRIX.values() for name in values}
    tested_elsewhere = {"alerts", "fullnameOverride", "probes", "rbac", "securityContext"} | {
        "podDisruptionBudget",
        "terminationGracePeriodSeconds",
    }

    assert {value.path[0] for value in declared()} - given == tested_elsewhere


def test_the_release_is_that_of_the_exporter() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert chart["version"] == chart["appVersion"] == __version__
    container = only("StatefulSet", {})["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"browsertrix-exporter:{__version__}"


def test_every_value_is_described() -> None:
    assert [value.name for value in flat(declared()) if not value.description] == []


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(helm_python.HelmError) as refused:
        made(values)
    return str(refused.value)


@pytest.mark.parametrize(
    ("values", "blamed"),
    [
        ({"replica": 2}, "'replica' not allowed"),
        ({"replicas": 3}, "/replicas"),
        ({"image": {"tga": "1"}}, "'tga' not allowed"),
        ({"image": {"digest": "sha256:1"}}, "/image/digest"),
        ({"mode": "daemonset"}, "/mode"),
        ({"sources": {"crawljobs": False}}, "'crawljobs' not allowed"),
        ({"watch": {"namespaces": ["Crawlers"]}}, "/watch/namespaces/0"),
        ({"config": {"web": {"listen-adress": ":1"}}}, "'listen-adress' not allowed"),
        ({"config": {"namespace": ["crawlers"]}}, "'namespace' not allowed"),
        ({"config": {"log": {"level": "loud"}}}, "/config/log/level"),
        ({"config": {"pause-limit": "a week"}}, "/config/pause-limit"),
        ({"config": {"alerts": {"set": ["BRIDGE=1h"]}}}, "'alerts' not allowed"),
        ({"alerts": {"thresholds": {"BRIGDE": "1h"}}}, "'BRIGDE' not allowed"),
        ({"alerts": {"thresholds": {"LIMIT_NEAR": 2}}}, "/alerts/thresholds/LIMIT_NEAR"),
        ({"alerts": {"without": ["BrowsertrixPodEvictd"]}}, "/alerts/without/0"),
        ({"alerts": {"severities": {"BrowsertrixCrawlFailed": "page"}}}, "/alerts/severities"),
        ({"alerts": {"labels": {"severity": "info"}}}, "invalid propertyName 'severity'"),
        ({"secrets": [{"option": "log.level", "secret": "a", "key": "b"}]}, "/secrets/0/option"),
        (
            {"secrets": [{"option": "alertmanager.header-file", "secret": "a", "key": "b"}]},
            "header",
        ),
        ({"scrape": {"by": "servicemonitor"}}, "/scrape/by"),
        ({"persistence": {"size": "large"}}, "/persistence/size"),
        ({"podLabels": {"a": 1}}, "/podLabels/a"),
        ({"sharding": {"total": 0}}, "/sharding/total"),
        ({"sharding": {"total": 2}, "replicas": 2}, "cannot both be above 1"),
        ({"sharding": {"total": 2}, "mode": "sidecar"}, "cannot be above 1 in sidecar mode"),
        ({"config": {"total-shards": 2}}, "'total-shards' not allowed"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_and_named(values: dict[str, Any], blamed: str) -> None:
    assert blamed in refusal(values)


def nested(option: Option, value: Any) -> dict[str, Any]:
    for name in reversed(config_path(option)):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def an_example(option: Option) -> Any:
    by_metavar = {"DURATION": "1h30m", "N": 7, "LEVEL": "debug", "FORMAT": "json"}
    return True if option.switch else by_metavar.get(option.metavar, "text")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_can_be_set(option: Option) -> None:
    config = nested(option, an_example(option))

    written = only("ConfigMap", {"config": config})["data"]["config.yaml"]

    opened = {"open-probes": True} if option.name == "web.config.file" else {}
    assert yaml.safe_load(written) == ({"web": {**config["web"], **opened}} if opened else config)


def test_every_option_is_a_value_of_one_place() -> None:
    """What ``config`` has not the chart sets itself, or ``alerts``, ``sources`` or ``secrets``."""
    elsewhere = {option.name for option in options_of()} - {option.name for option in OPTIONS}

    assert {
        name for name in elsewhere if not name.startswith(("alerts.", "source.", "metacontroller."))
    } == {
        *("namespace", "all-namespaces", "history.path", "web.listen-address"),
        *("shard", "total-shards"),
    }
    assert "alertmanager.password-file" in {o.name for o in options_of() if is_file(o)}


def test_defaults_need_no_warning() -> None:
    text = notes({})

    assert "WARNING" not in text
    assert "rollout status statefulset/browsertrix-exporter" in text
    assert "honor_labels: true" in text


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"replicas": 2, "persistence": {"enabled": False}}, "two replicas without a volume"),
        ({"persistence": {"enabled": False}}, "a restart forgets"),
        (
            {"sharding": {"total": 2}, "persistence": {"enabled": False}},
            "shards without a volume",
        ),
        ({"scrape": {"by": "ServiceMonitor", "honorLabels": False}}, "scrape.honorLabels is off"),
        (
            {"crawls": 10_000, "resources": {"limits": {"memory": "256Mi"}}},
            "the memory limit of 256 MiB is below the 285 MiB that 10000 crawls need",
        ),
        ({"resources": {"limits": {"memory": "64M"}}}, "the memory limit of 61 MiB is below"),
        ({"resources": {"limits": {"memory": 1000000}}}, "the memory limit of 0 MiB is below"),
        ({"rbac": {"create": False}}, "without a Role"),
        (
            {"metacontroller": {"enabled": True, "finalize": True}, "rbac": {"create": False}},
            "before you uninstall",
        ),
        ({"mode": "sidecar"}, "serviceAccount.name is not set"),
    ],
    ids=str,
)
def test_what_is_odd_is_said_and_nothing_else(values: dict[str, Any], warning: str) -> None:
    lines = [line for line in notes(values).splitlines() if line.startswith("WARNING")]

    assert any(warning in line for line in lines), lines
    assert len(lines) == (2 if values.get("mode") == "sidecar" else 1)


@pytest.mark.parametrize("limit", ["512Mi", "1Gi", "1G", 1_000_000_000, "0.5Gi"])
def test_a_limit_that_suffices_is_no_matter(limit: str | int) -> None:
    assert "WARNING" not in notes({"resources": {"limits": {"memory": limit}}})


def test_notes_of_a_sidecar_say_how_to_add_it() -> None:
    text = notes(SIDECAR)

    assert '{{ index .data "patch.yaml" }}' in text
    assert "kubectl --namespace monitoring patch deployment NAME" in text


def test_a_release_fits_into_the_secret_in_which_helm_keeps_it(tmp_path: Path) -> None:
    """1 MiB, of the chart with its files and what was rendered: compressed, then in base64."""
    values = MATRIX["kube-prometheus-stack"]
    archive = Path(helm_python.package(CHART, destination=tmp_path)).read_bytes()
    rendered = gzip.compress(yaml.safe_dump_all(made(values)).encode())

    assert len(base64.b64encode(base64.b64encode(archive + rendered))) < 1024 * 1024 / 2


def test_a_packaged_chart_has_the_dashboards_themselves(tmp_path: Path) -> None:
    """In the tree they are a link: nothing there can be stale."""
    assert (CHART / "files/dashboards").readlink() == Path("../../../dashboards/json")
    archive = helm_python.package(CHART, destination=tmp_path)

    with helm_python.Chart.load(archive) as chart:
        names = {file["name"] for file in chart.files}
    assert {
        f"files/dashboards/{path.name}" for path in (ROOT / "dashboards/json").iterdir()
    } <= names

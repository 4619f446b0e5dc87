"""deploy/compose: hardened, complete, and every configuration right where it is mounted."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import aiohttp
import pytest
import yaml

from exporter import __version__
from exporter.commands.demo.configurations import JOB
from exporter.commands.notifications import configuration
from exporter.settings.defaults import DEFAULT_PORT
from exporter.simulator.__main__ import _arguments
from support import command_line
from support.amtool import amtool
from support.compose import FOLDER, PROFILES, Project, Service, environment, lay_out, project
from support.tools import ROOT, Edition
from support.waiting import PROCESS_TIMEOUT

SERVICES: Final = [
    pytest.param(profile, name, id=f"{profile}-{name}")
    for profile in PROFILES
    for name in project(profile).of_profile(profile)
]
GIVEN: Final = {"kubeconfig", "smtp-password", "slack-webhook-url", "pagerduty-routing-key"}
"""The secrets that whoever watches a real cluster puts into secrets/."""


def service_of(profile: str, name: str) -> Service:
    return project(profile).services[name]


@pytest.mark.parametrize(("profile", "name"), SERVICES)
def test_every_service_is_hardened_and_checked(profile: str, name: str) -> None:
    service = service_of(profile, name)
    assert service.read_only
    assert service.cap_drop == ["ALL"]
    assert service.security_opt == ["no-new-privileges:true"]
    user, _ = service.user.split(":")
    assert int(user) > 0
    assert service.healthcheck.test[0] == "CMD"


@pytest.mark.parametrize(("profile", "name"), SERVICES)
def test_every_image_has_a_version(profile: str, name: str) -> None:
    service = service_of(profile, name)
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?", service.image)
    if service.build:
        assert service.image == f"browsertrix-exporter:{__version__}"
        assert (FOLDER / service.build / "Dockerfile").exists()


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_an_image_is_of_the_version_that_the_tests_run(name: str) -> None:
    (image,) = {
        service.image
        for service in project("demo").services.values()
        if service.image.startswith(f"prom/{name}:")
    }
    ran = subprocess.run(
        [Edition.NEWEST.require(name), "--version"], capture_output=True, text=True, check=True
    )
    assert f"version {image.partition(':v')[2]} " in ran.stdout + ran.stderr


@pytest.mark.parametrize(("profile", "name"), SERVICES)
def test_what_is_mounted_exists_and_is_declared(profile: str, name: str) -> None:
    compose = project(profile)
    for target, source in compose.services[name].mounts().items():
        if source.startswith("."):
            assert (FOLDER / source).exists(), source
        else:
            assert source in compose.volumes
        assert Path(target).is_absolute()
    assert set(compose.services[name].secret_paths().values()) <= set(compose.secrets)


def test_nothing_is_declared_in_vain(compose: Project) -> None:
    every = compose.services.values()
    assert {source for one in every for source in one.mounts().values() if source[0] != "."} == set(
        compose.volumes
    )
    assert {name for one in every for name in one.secret_paths().values()} == set(compose.secrets)
    assert set(compose.secrets) == GIVEN
    assert {secret.file for secret in compose.secrets.values()} == {
        f"./secrets/{name}" for name in GIVEN
    }
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/deploy/compose/secrets/" in ignored


@pytest.mark.parametrize(("profile", "name"), SERVICES)
def test_every_path_that_a_command_names_is_mounted(profile: str, name: str) -> None:
    service = service_of(profile, name)
    there = {*service.mounts(), *service.secret_paths()}
    named = re.findall(r"=(/\S+)", " ".join(service.command))
    named += [value for value in service.environment.values() if value.startswith("/")]
    for path in named:
        assert there & {path, *map(str, Path(path).parents)}, path


@pytest.mark.parametrize(("profile", "name"), SERVICES)
def test_a_service_waits_only_for_what_is_started_with_it(profile: str, name: str) -> None:
    compose = project(profile)
    assert set(compose.services[name].depends_on) <= set(compose.of_profile(profile))


def test_a_profiles_ports_and_names_are_one_services_each(profile: str, compose: Project) -> None:
    running = compose.of_profile(profile).values()
    ports = [port for service in running for port in service.ports]
    assert len(ports) == len(set(ports)) == 4
    aliases = [a for one in running for network in one.networks.values() for a in network.aliases]
    assert sorted(aliases) == ["alertmanager", "exporter"]


def test_a_profile_is_chosen_by_its_file_and_keeps_its_own_volumes(profile: str) -> None:
    variables = environment(profile)
    assert variables.pop("COMPOSE_PROFILES") == profile
    used = re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text(encoding="utf-8"))
    assert variables.keys() <= {"COMPOSE_PROJECT_NAME", *used}
    assert ("COMPOSE_PROJECT_NAME" in variables) is (profile == "cluster")


def test_prometheus_takes_its_configuration_as_mounted(
    profile: str, compose: Project, edition: Edition, tmp_path: Path
) -> None:
    file = lay_out(compose.services["prometheus"], tmp_path).at("/etc/prometheus/prometheus.yml")
    ran = subprocess.run(
        [edition.require("promtool"), "check", "config", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "SUCCESS: 1 rule files found" in ran.stdout

    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    scraped = {one["job_name"]: one for one in config["scrape_configs"]}
    assert scraped[JOB]["honor_labels"] is True
    assert scraped[JOB]["static_configs"] == [{"targets": [f"exporter:{DEFAULT_PORT}"]}]
    targets = set(re.findall(r"\b([\w-]+):\d+\b", json.dumps(config)))
    assert targets <= {"localhost", *compose.names(profile)}


def test_alertmanager_takes_its_configuration_as_mounted(
    profile: str, compose: Project, edition: Edition, tmp_path: Path
) -> None:
    service = compose.services[f"alertmanager-{profile}"]
    file = lay_out(service, tmp_path).at("/etc/alertmanager/alertmanager.yml")
    said = amtool(edition, "check-config", str(file))
    assert "SUCCESS" in said
    text = file.read_text(encoding="utf-8")
    given = set(re.findall(r"_file: (\S+)", text))
    assert given <= set(service.secret_paths())
    assert set(re.findall(r"http://([\w-]+):", text)) <= compose.names(profile)
    if profile == "cluster":
        (pattern,) = yaml.safe_load(text)["templates"]
        assert len(list(file.parent.glob(pattern))) == 4
        assert given == set(service.secret_paths())


def test_the_demo_notifies_by_the_shipped_routes() -> None:
    url = "http://notifications:8002"
    committed = (FOLDER / "alertmanager.yml").read_text(encoding="utf-8")
    assert committed == configuration(url), "run `make docs`"
    assert "--port=8002" in project("demo").services["notifications"].command


def test_the_exporters_flags_are_right(profile: str, compose: Project) -> None:
    service = compose.services[f"exporter-{profile}"]
    variables = {
        name.removeprefix(command_line.PREFIX): value for name, value in service.environment.items()
    }
    settings = command_line.read(*service.command, **variables)
    assert str(settings.kubeconfig) in {*service.mounts(), *service.secret_paths()}
    assert settings.history_path is not None
    assert str(settings.history_path.parent) in service.mounts()


def test_the_simulator_is_what_the_demos_kubeconfig_says() -> None:
    services = project("demo").services
    given = _arguments().parse_args(services["simulator"].command)
    kubeconfig = yaml.safe_load((FOLDER / "simulator.kubeconfig").read_text(encoding="utf-8"))
    (cluster,) = kubeconfig["clusters"]
    assert cluster["cluster"]["server"] == f"http://simulator:{given.port}"
    assert given.host == "0.0.0.0"  # noqa: S104 - within the compose project
    exporter = command_line.read(*services["exporter-demo"].command)
    assert exporter.pause_limit == given.pause_limit


async def test_who_would_be_notified_is_logged_by_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.commands.notifications"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    alert = {
        "status": "firing",
        "labels": {"alertname": "BrowsertrixCrawlFailed", "severity": "warning", "crawl": "c-1"},
        "annotations": {"summary": "A crawl failed"},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/ticket", json={"alerts": [alert]}) as answer,
    ):
        assert answer.status == 200
    process.terminate()
    async with asyncio.timeout(PROCESS_TIMEOUT):
        _, said = await process.communicate()
    assert process.returncode == 0
    assert "msg=notified alert=BrowsertrixCrawlFailed severity=warning crawl=c-1" in said.decode()


def test_a_receiver_that_cannot_listen_says_so_in_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "exporter.commands.notifications", "--host", "192.0.2.1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert len(ran.stderr.splitlines()) == 1

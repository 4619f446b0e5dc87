"""Authorisation, discovery, TLS, and what a server without the definition answers."""

import json
import ssl
from pathlib import Path

import pytest
import yaml

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver import discovery
from support.api_client import ROOT, Client, job, jobs
from support.certificates import certificate, needs_openssl


async def test_tokens_are_needed_and_can_change_while_it_runs(
    server: ApiServer, client: Client
) -> None:
    server.tokens = {"first"}
    status, answer = await client.list()
    assert (status, answer["kind"], answer["reason"]) == (403, "Status", "Forbidden")
    assert 'User "system:anonymous" cannot list' in answer["message"]
    assert (await client.ask("GET", "/apis"))[0] == 403
    assert (await client.ask("GET", "/readyz"))[0] == 200
    client.token = "second"  # noqa: S105 - a test's
    status, answer = await client.list()
    assert (status, answer["kind"], answer["reason"]) == (401, "Status", "Unauthorized")
    client.token = "first"  # noqa: S105 - a test's
    assert (await client.list())[0] == 200
    server.tokens = {"second"}
    assert (await client.list())[0] == 401
    server.tokens.add("first")
    assert (await client.list())[0] == 200


async def test_a_forbidden_namespace_says_which_verb_and_where(
    server: ApiServer, client: Client
) -> None:
    server.forbidden = {"private", ""}
    status, answer = await client.list("private")
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert 'cannot list resource "crawljobs" in API group "btrix.cloud"' in answer["message"]
    assert 'in the namespace "private"' in answer["message"]
    _, watched = await client.list("", watch=1)
    assert "cannot watch" in watched["message"]
    assert "at the cluster scope" in watched["message"]
    assert (await client.list())[0] == 200


async def test_without_the_definition_the_group_is_not_found(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    cluster.create(job("a"))
    server.installed = False
    for path in (jobs(), jobs(""), jobs(name="a"), ROOT):
        assert await client.ask("GET", path) == (404, "404 page not found\n")
    assert (await client.ask("GET", "/version"))[0] == 200
    server.installed = True
    assert (await client.list())[0] == 200


async def test_a_client_can_discover_the_resource(client: Client) -> None:
    _, groups = await client.ask("GET", "/apis")
    assert [group["name"] for group in groups["groups"]] == ["btrix.cloud", "metrics.k8s.io"]
    _, resources = await client.ask("GET", ROOT)
    names = {item["name"] for item in resources["resources"]}
    assert {name for name in names if "/" not in name} == {"crawljobs", "collindexes"}
    assert "crawljobs/status" in names
    assert "watch" in resources["resources"][0]["verbs"]
    for path in ("/version", "/version/"):
        assert (await client.ask("GET", path))[1]["major"] == "1"
    for path in ("/livez", "/readyz", "/healthz"):
        assert await client.ask("GET", path) == (200, "ok")
    assert await client.ask("GET", "/nowhere") == (404, "404 page not found\n")


async def test_a_kubeconfig_leads_to_it(server: ApiServer, tmp_path: Path) -> None:
    path = server.write_kubeconfig(tmp_path / "config", token="secret")  # noqa: S106 - a test's
    config = yaml.safe_load(path.read_text())
    assert config["clusters"][0]["cluster"] == {"server": server.url}
    assert config["users"][0]["user"] == {"token": "secret"}
    assert config["current-context"] == config["contexts"][0]["name"]
    assert path.stat().st_mode & 0o777 == 0o600


@needs_openssl
async def test_it_speaks_tls(cluster: Cluster, client: Client, tmp_path: Path) -> None:
    authority, key = certificate(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority, key)
    async with ApiServer(cluster, ssl_context=context) as server:
        assert server.url.startswith("https://")
        trusting = ssl.create_default_context(cafile=str(authority))
        async with client.session.get(f"{server.url}/livez", ssl=trusting) as response:
            assert await response.text() == "ok"
        path = server.write_kubeconfig(tmp_path / "config", authority=authority)
        cluster_entry = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]
        assert cluster_entry["certificate-authority"] == str(authority)


async def test_a_taken_port_is_an_error_and_leaves_nothing_behind(
    cluster: Cluster, server: ApiServer
) -> None:
    port = int(server.url.rpartition(":")[2])
    second = ApiServer(cluster, port=port)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.stop()


async def test_discovery_is_one_document_for_who_can_read_it(client: Client) -> None:
    async with client.session.get(
        f"{client.url}/apis", headers={"Accept": f"{discovery.AGGREGATED},application/json"}
    ) as response:
        assert response.headers["Content-Type"] == discovery.AGGREGATED
        answer = json.loads(await response.read())
    found = {
        group["metadata"]["name"]: {one["resource"] for one in group["versions"][0]["resources"]}
        for group in answer["items"]
    }
    assert found == {"btrix.cloud": {"crawljobs", "collindexes"}, "metrics.k8s.io": {"pods"}}


async def test_only_json_is_served(client: Client) -> None:
    async with client.session.get(
        client.url + jobs(), headers={"Accept": "application/yaml"}
    ) as response:
        assert (response.status, (await response.json())["reason"]) == (406, "NotAcceptable")


METRICS = "/apis/metrics.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("metrics.k8s.io", f"{METRICS}/pods"),
        ("pods.metrics.k8s.io", f"{METRICS}/namespaces/crawlers/pods"),
        ("collindexes", f"{ROOT}/collindexes"),
        ("collindexes.btrix.cloud", f"{ROOT}/namespaces/crawlers/collindexes"),
        ("pods", "/api/v1/pods"),
        ("persistentvolumeclaims", "/api/v1/namespaces/crawlers/persistentvolumeclaims"),
    ],
)
async def test_a_resource_can_be_absent_or_denied(
    name: str, path: str, server: ApiServer, client: Client
) -> None:
    assert (await client.ask("GET", path))[0] == 200
    server.without = {name}
    assert await client.ask("GET", path) == (404, "404 page not found\n")
    assert (await client.list())[0] == 200
    _, groups = await client.ask("GET", "/apis")
    offered = {group["name"] for group in groups["groups"]}
    assert ("metrics.k8s.io" in offered) == ("metrics.k8s.io" not in name)
    server.without = set()
    server.denied = {name}
    status, answer = await client.ask("GET", path)
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert (await client.list())[0] == 200
    server.denied = set()
    assert (await client.ask("GET", path))[0] == 200


async def test_pods_are_those_of_the_core_group(client: Client, server: ApiServer) -> None:
    server.without = {"pods"}
    assert (await client.ask("GET", f"{METRICS}/pods"))[0] == 200
    assert (await client.ask("GET", "/api/v1/pods"))[0] == 404


async def test_a_metrics_server_that_is_down_is_answered_for_in_plain_text(
    cluster: Cluster, client: Client
) -> None:
    async with ApiServer(cluster, down={"metrics.k8s.io"}) as server:
        other = Client(client.session, server.url)
        for path in (f"{METRICS}/pods", METRICS):
            assert await other.ask("GET", path) == (503, "service unavailable\n")
        assert (await other.ask("GET", "/api/v1/pods"))[0] == 200
        server.down.clear()
        assert (await other.ask("GET", f"{METRICS}/pods"))[0] == 200

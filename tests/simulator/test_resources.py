"""More than one resource: pods beside CrawlJobs, and what is declared by a test."""

from typing import Any

import aiohttp
import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, PODS, ServedResource
from support.api_client import Client, job

POD_ROOT = "/api/v1"
CLAIMS = ServedResource(
    group="storage.example",
    version="v1beta1",
    plural="claims",
    singular="claim",
    kind="Claim",
    short_names=(),
    manager="test",
    status_manager="test",
)


def pod(name: str, namespace: str = "crawlers", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "crawler"}]},
    }


def pods(namespace: str = "crawlers", name: str = "") -> str:
    scope = f"{POD_ROOT}/namespaces/{namespace}/pods" if namespace else f"{POD_ROOT}/pods"
    return f"{scope}/{name}" if name else scope


async def test_an_object_is_of_the_resource_that_its_kind_names(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("same"))
    cluster.create(pod("same", role="crawler"))
    cluster.create(pod("other", "elsewhere"))
    assert (cluster.count(), cluster.count(PODS)) == (1, 2)
    _, listed = await client.ask("GET", pods(""))
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "PodList")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["same", "other"]
    _, chosen = await client.ask("GET", pods(), labelSelector="role=crawler")
    assert [item["spec"] for item in chosen["items"]] == [pod("same")["spec"]]
    assert len((await client.list())[1]["items"]) == 1
    with pytest.raises(ValueError, match="no Deployment of apps/v1 is served"):
        cluster.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}})


async def test_items_of_a_list_in_the_core_group_do_not_say_their_type(
    cluster: Cluster, client: Client
) -> None:
    cluster.create({"metadata": {"name": "a"}, "kind": "Pod", "apiVersion": "v1"})
    _, listed = await client.ask("GET", pods(""))
    assert listed["items"][0].keys() == {"metadata"}
    _, one = await client.ask("GET", pods("default", "a"))
    assert (one["apiVersion"], one["kind"]) == ("v1", "Pod")
    cluster.create(job("a"))
    assert (await client.list())[1]["items"][0]["kind"] == "CrawlJob"


async def test_pods_are_written_over_http(cluster: Cluster, client: Client) -> None:
    value = pod("a")
    status, made = await client.ask("POST", pods(), {**value, "status": {"phase": "Running"}})
    assert (status, made["status"]) == (201, {"phase": "Pending", "qosClass": "BestEffort"})
    running = {"status": {"phase": "Running"}}
    _, patched = await client.ask("PATCH", f"{pods(name='a')}/status", running)
    assert cluster.get("crawlers", "a", PODS) == patched
    assert patched["status"] == made["status"] | running["status"]
    patched["metadata"]["labels"] = {"role": "crawler"}
    _, put = await client.ask("PUT", pods(name="a"), patched)
    assert put["metadata"]["labels"] == {"role": "crawler"}
    status, answer = await client.ask("DELETE", pods(name="a"))
    assert (status, answer["metadata"]["deletionGracePeriodSeconds"]) == (200, 0)
    status, answer = await client.ask("GET", pods(name="a"))
    assert (status, answer["message"]) == (404, 'pods "a" not found')
    assert answer["details"] == {"name": "a", "kind": "pods"}


def test_writes_within_the_process_name_the_resource(cluster: Cluster) -> None:
    cluster.create(job("a"))
    cluster.create(pod("a"))
    phase = {"status": {"phase": "Running"}}
    cluster.patch("crawlers", "a", phase, status=True, resource=PODS)
    cluster.replace({**pod("a"), "spec": {}})
    assert cluster.get("crawlers", "a", PODS)["status"] == phase["status"]
    assert [
        entry["manager"]
        for entry in cluster.get("crawlers", "a", PODS)["metadata"]["managedFields"]
    ] == [
        "kubelet",
        "metacontroller",
    ]
    assert "status" not in cluster.get("crawlers", "a")
    cluster.delete("crawlers", "a", resource=PODS)
    assert cluster.exists("crawlers", "a")
    with pytest.raises(ApiError, match="not found"):
        cluster.get("crawlers", "a", PODS)


async def test_a_watch_sees_its_own_resource_and_its_bookmarks_all_versions(
    cluster: Cluster, client: Client
) -> None:
    async with ApiServer(cluster, bookmark_every=0.05) as server:
        start = cluster.resource_version
        cluster.create(pod("p1"))
        cluster.create(job("j1"))
        cluster.create(pod("p2"))
        cluster.create(job("j2"))
        query = {"watch": "1", "resourceVersion": str(start), "allowWatchBookmarks": "1"}
        async with client.session.get(server.url + pods(""), params=query) as response:
            lines = [await response.content.readline() for _ in range(3)]
        assert b'"p1"' in lines[0]
        assert b'"p2"' in lines[1]
        assert b'"kind":"Pod"' in lines[2]
        assert b'{"resourceVersion":"%d"}' % cluster.resource_version in lines[2]
        quick = Client(client.session, server.url)
        async with quick.watch(resourceVersion=start) as watch:
            assert await watch.events(2) == [("ADDED", "j1"), ("ADDED", "j2")]
            assert await watch.is_silent()


async def test_a_list_goes_on_while_another_resource_is_written(
    cluster: Cluster, client: Client
) -> None:
    for number in range(4):
        cluster.create(pod(f"p{number}"))
    _, first = await client.ask("GET", pods(), limit=2)
    cluster.create(job("a"))
    token = first["metadata"]["continue"]
    cluster.delete("crawlers", "p3", resource=PODS)
    _, rest = await client.ask("GET", pods(), **{"continue": token})
    assert [item["metadata"]["name"] for item in rest["items"]] == ["p2", "p3"]
    assert rest["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    cluster.compact()
    assert (await client.ask("GET", pods(), **{"continue": token}))[0] == 410


async def test_history_is_compacted_over_all_resources(client: Client) -> None:
    cluster = Cluster(history=10)
    cluster.create(pod("a"))
    for number in range(30):
        cluster.create(job(f"j{number}"))
    async with ApiServer(cluster) as server:
        query = {"watch": "1", "resourceVersion": "1"}
        async with client.session.get(server.url + pods(""), params=query) as response:
            assert b'"code":410' in await response.content.readline()


async def test_a_line_cut_in_a_watch_is_of_its_resource(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    cluster.create(job("a"))
    query = {"watch": "1", "resourceVersion": str(cluster.resource_version)}
    async with client.session.get(server.url + pods(""), params=query) as response:
        server.faults.cut("mid-line")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.content.read()


async def test_pods_can_be_forbidden_and_are_there_without_the_definition(
    server: ApiServer, client: Client
) -> None:
    server.installed = False
    assert (await client.ask("GET", pods()))[0] == 200
    assert (await client.list())[0] == 404
    server.forbidden = {"crawlers"}
    status, answer = await client.ask("GET", pods())
    assert (status, answer["details"]) == (403, {"kind": "pods"})
    assert 'cannot list resource "pods" in API group "" in the namespace' in answer["message"]


async def test_a_refusal_can_wait_for_one_resource(server: ApiServer, client: Client) -> None:
    server.faults.refuse(503, resource=PODS)
    assert (await client.list())[0] == 200
    assert (await client.ask("GET", pods()))[0] == 503
    assert (await client.ask("GET", pods()))[0] == 200
    assert (server.count("list"), server.count("list", CRAWLJOBS)) == (3, 1)


async def test_a_client_can_discover_pods(client: Client) -> None:
    _, resources = await client.ask("GET", POD_ROOT)
    assert resources["groupVersion"] == "v1"
    assert [item["name"] for item in resources["resources"]][:2] == ["pods", "pods/status"]
    assert (await client.ask("GET", "/api"))[1]["versions"] == ["v1"]


async def test_a_resource_is_served_by_its_declaration(client: Client) -> None:
    cluster = Cluster(resources=(CRAWLJOBS, CLAIMS))
    cluster.create(
        {"apiVersion": "storage.example/v1beta1", "kind": "Claim", "metadata": {"name": "a"}}
    )
    async with ApiServer(cluster) as server:
        other = Client(client.session, server.url)
        _, listed = await other.ask("GET", "/apis/storage.example/v1beta1/claims")
        assert (listed["kind"], len(listed["items"])) == ("ClaimList", 1)
        _, groups = await other.ask("GET", "/apis")
        assert [group["name"] for group in groups["groups"]] == ["btrix.cloud", "storage.example"]
        assert (await other.ask("GET", "/apis/storage.example"))[1]["name"] == "storage.example"
        assert (await other.ask("GET", "/api/v1"))[1]["resources"] == []
        assert (await other.ask("GET", pods()))[0] == 404

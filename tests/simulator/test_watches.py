"""Watches, as the Kubernetes API concepts describe them."""

import time
from typing import Any

import aiohttp
import pytest

from exporter.simulator import ApiServer, Cluster
from support.api_client import Client, job, jobs
from support.waiting import until


async def test_a_watch_sends_events_after_its_version_in_order(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("old"))
    version = cluster.resource_version
    cluster.create(job("new"))
    async with client.watch(resourceVersion=version) as watch:
        cluster.patch("crawlers", "new", {"status": {"state": "running"}}, status=True)
        cluster.delete("crawlers", "new")
        kinds = []
        versions = []
        for _ in range(3):
            kind, value = await watch.event()
            kinds.append(kind)
            versions.append(int(value["metadata"]["resourceVersion"]))
        assert kinds == ["ADDED", "MODIFIED", "DELETED"]
        assert versions == [version + 1, version + 2, version + 3]
        assert value["status"] == {"state": "running"}  # its final state
        assert await watch.is_silent()


async def test_a_line_is_one_compact_object(cluster: Cluster, client: Client) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        cluster.create(job("a"))
        line = await watch.line()
    assert line.startswith(b'{"type":"ADDED","object":{"')
    assert line.endswith(b"}}\n")


@pytest.mark.parametrize("query", [{}, {"resourceVersion": 0}])
async def test_a_watch_without_a_version_first_sends_what_is_there(
    query: dict[str, Any], cluster: Cluster, client: Client
) -> None:
    for number in range(450):
        cluster.create(job(f"j{number:03}"))
    cluster.create(job("other", "elsewhere"))
    async with client.watch(**query) as watch:
        expected = [("ADDED", f"j{number:03}") for number in range(450)]
        assert await watch.events(450) == expected
        cluster.delete("crawlers", "j000")
        assert await watch.events(1) == [("DELETED", "j000")]


async def test_a_watch_of_one_namespace_gets_no_events_of_others(
    cluster: Cluster, client: Client
) -> None:
    version = cluster.resource_version
    for number in range(500):
        cluster.create(job(f"j{number}", "elsewhere"))
    cluster.create(job("mine"))
    async with client.watch(resourceVersion=version) as watch:
        assert await watch.events(1) == [("ADDED", "mine")]
    async with client.watch("", resourceVersion=version + 499) as everywhere:
        assert await everywhere.events(2) == [("ADDED", "j499"), ("ADDED", "mine")]


async def test_for_a_selector_an_object_comes_and_goes(cluster: Cluster, client: Client) -> None:
    version = cluster.resource_version
    cluster.create(job("a", role="other"))
    cluster.patch("crawlers", "a", {"metadata": {"labels": {"role": "job"}}})
    cluster.patch("crawlers", "a", {"spec": {"scale": 2}})
    cluster.patch("crawlers", "a", {"metadata": {"labels": {"role": "gone"}}})
    cluster.delete("crawlers", "a")
    async with client.watch(resourceVersion=version, labelSelector="role=job") as watch:
        events = [await watch.event() for _ in range(3)]
        assert await watch.is_silent()
    assert [kind for kind, _ in events] == ["ADDED", "MODIFIED", "DELETED"]
    last = events[2][1]
    assert last["metadata"]["labels"] == {"role": "job"}  # as it was, at the version of the change
    assert last["metadata"]["resourceVersion"] == str(version + 4)


async def test_bookmarks_carry_a_version_alone_and_come_when_asked_for(cluster: Cluster) -> None:
    async with ApiServer(cluster, bookmark_every=0.05) as server, aiohttp.ClientSession() as http:
        client = Client(http, server.url)
        async with client.watch(resourceVersion=1, allowWatchBookmarks="true") as watch:
            await watch.event()
            cluster.create(job("elsewhere", "elsewhere"))
            cluster.advance(10)
            for _ in range(2):
                kind, value = await watch.event()
            assert kind == "BOOKMARK"
            assert value == {
                "kind": "CrawlJob",
                "apiVersion": "btrix.cloud/v1",
                "metadata": {"resourceVersion": str(cluster.resource_version)},
            }
        async with client.watch(resourceVersion=1) as watch:
            assert await watch.is_silent()


async def test_a_watch_ends_after_its_timeout_with_a_last_bookmark(
    cluster: Cluster, client: Client
) -> None:
    query: dict[str, Any] = {"resourceVersion": cluster.resource_version, "timeoutSeconds": 3}
    async with client.watch(**query, allowWatchBookmarks="true") as watch:
        began = time.monotonic()
        assert (await watch.event())[0] == "BOOKMARK"
        assert time.monotonic() - began < 2  # two seconds before the end, so that it arrives
        assert await watch.line() == b""
    async with ApiServer(cluster, watch_timeout=0.05) as server:
        impatient = Client(client.session, server.url)
        async with impatient.watch(resourceVersion=1) as watch:
            assert await watch.line() == b""


@pytest.mark.parametrize("form", ["event", "status"])
async def test_a_compacted_version_is_gone_in_either_form(
    form: str, cluster: Cluster, server: ApiServer, client: Client
) -> None:
    cluster.create(job("a"))
    server.faults.gone_form = form  # type: ignore[assignment]
    cluster.compact()
    cluster.create(job("b"))
    if form == "event":
        async with client.watch(resourceVersion=1) as watch:
            kind, status = await watch.event()
            assert kind == "ERROR"
            assert await watch.line() == b""
    else:
        code, status = await client.list(watch=1, resourceVersion=1)
        assert code == 410
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    async with client.watch(resourceVersion=cluster.compacted_version) as watch:
        assert await watch.events(1) == [("ADDED", "b")]


async def test_history_is_bounded_and_says_so(client: Client) -> None:
    cluster = Cluster(history=10)
    for number in range(100):
        cluster.create(job(f"j{number:02}"))
    assert 10 <= len(cluster.recent(1000)) <= 14
    async with ApiServer(cluster) as server:
        other = Client(client.session, server.url)
        async with other.watch(resourceVersion=cluster.compacted_version - 1) as watch:
            assert (await watch.event())[0] == "ERROR"
        async with other.watch(resourceVersion=cluster.compacted_version) as watch:
            kept = cluster.resource_version - cluster.compacted_version
            assert (await watch.events(kept))[-1] == ("ADDED", "j99")


async def test_a_watch_from_the_future_waits_for_it(cluster: Cluster, client: Client) -> None:
    async with client.watch(resourceVersion=cluster.resource_version + 1) as watch:
        cluster.create(job("before"))
        cluster.create(job("after"))
        assert await watch.events(1) == [("ADDED", "after")]


async def test_a_client_that_leaves_is_noticed(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with client.watch(resourceVersion=cluster.resource_version):
        assert server.streams == 1
    await until(lambda: not server.streams)


async def test_stopping_the_server_ends_its_watches_and_starting_keeps_its_port(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    url = server.url
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        await server.stop()
        assert await watch.line() == b""
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.list()
    await server.start()
    assert server.url == url
    assert (await client.list())[0] == 200


async def test_what_clients_did_can_be_counted(server: ApiServer, client: Client) -> None:
    await client.list(limit=5)
    await client.ask("GET", jobs(name="none"))
    await client.ask("GET", "/version")
    async with client.watch(resourceVersion=1):
        pass
    assert [request.verb for request in server.requests] == ["list", "get", "get", "watch"]
    assert server.count("list") == 1
    assert server.requests[0].query == {"limit": "5"}
    assert server.requests[0].path == jobs()
    assert server.requests[0].time <= server.requests[1].time


async def test_the_end_of_what_is_there_is_marked_for_who_wants_bookmarks(
    cluster: Cluster, client: Client
) -> None:
    cluster.create(job("a"))
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    async with client.watch(**query, allowWatchBookmarks="true") as watch:
        assert await watch.events(1) == [("ADDED", "a")]
        kind, value = await watch.event()
    assert kind == "BOOKMARK"
    assert value["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert value["metadata"]["resourceVersion"] == str(cluster.resource_version)


async def test_what_removes_the_last_finalizer_is_not_in_the_deletion(
    cluster: Cluster, client: Client
) -> None:
    value = job("a")
    value["metadata"]["finalizers"] = ["x/one"]
    cluster.create(value)
    cluster.delete("crawlers", "a")
    version = str(cluster.resource_version)
    merge = {"metadata": {"finalizers": None}, "spec": {"scale": 9}}
    _, answer = await client.ask("PATCH", jobs(name="a"), merge)
    assert (answer["spec"]["scale"], answer["metadata"]["resourceVersion"]) == (9, version)
    async with client.watch(resourceVersion=version) as watch:
        kind, last = await watch.event()
    assert (kind, last["spec"]["scale"]) == ("DELETED", 1)
    assert last["metadata"]["finalizers"] == ["x/one"]

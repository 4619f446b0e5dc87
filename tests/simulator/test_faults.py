"""Faults come as often as a test orders them and no more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.served_resource import PODS
from support.api_client import Client, WatchStream, job, jobs


async def test_refusals_are_used_up_in_order(server: ApiServer, client: Client) -> None:
    server.faults.refuse(503, 2)
    server.faults.refuse(429, retry_after=7)
    answers = [await client.list() for _ in range(2)]
    assert [(status, answer["reason"]) for status, answer in answers] == [
        (503, "ServiceUnavailable"),
        (503, "ServiceUnavailable"),
    ]
    async with client.session.get(server.url + jobs()) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
    assert (await client.list())[0] == 200


async def test_a_refusal_can_wait_for_one_verb(server: ApiServer, client: Client) -> None:
    server.faults.refuse(500, only="watch")
    assert (await client.list())[0] == 200
    assert (await client.list(watch=1))[0] == 500
    server.faults.refuse(500, body=b"", only="list")
    assert await client.list() == (500, "")


async def test_a_proxys_html_can_be_the_answer(server: ApiServer, client: Client) -> None:
    server.faults.answer_html()
    server.faults.answer_html(code=502)
    for code in (200, 502):
        status, body = await client.list()
        assert status == code
        assert body.startswith("<!DOCTYPE html>")


async def test_a_clean_cut_ends_the_stream_properly(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        cluster.create(job("a"))
        server.faults.cut()
        assert await watch.events(1) == [("ADDED", "a")]  # what was waiting is still sent
        assert await watch.line() == b""


async def test_a_cut_within_a_line_leaves_half_of_it(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    cluster.create(job("a"))
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        server.faults.cut("mid-line")
        half, error = await watch.rest()
    assert isinstance(error, aiohttp.ClientPayloadError)
    assert half.startswith(b'{"type":')
    assert b"\n" not in half


async def test_a_reset_is_one(cluster: Cluster, server: ApiServer, client: Client) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        server.faults.cut("reset")
        with pytest.raises(aiohttp.ClientError, match="reset by peer"):
            await watch.line()


async def test_a_stall_sends_nothing_until_released(cluster: Cluster, client: Client) -> None:
    async with ApiServer(cluster, bookmark_every=0.02) as server:
        quick = Client(client.session, server.url)
        async with quick.watch(
            resourceVersion=cluster.resource_version, allowWatchBookmarks="true"
        ) as watch:
            server.faults.stall()
            cluster.create(job("a"))
            while not await watch.is_silent():
                pass  # bookmarks that were on their way
            assert (await quick.list())[0] == 200  # lists are answered
            server.faults.release()
            kinds = [(await watch.event())[0]]
            while kinds[-1] == "BOOKMARK":
                kinds.append((await watch.event())[0])
            assert kinds[-1] == "ADDED"


async def test_lists_can_stall_too(server: ApiServer, client: Client) -> None:
    server.faults.stall("list", "get")
    asked = asyncio.create_task(client.list())
    done, _ = await asyncio.wait([asked], timeout=0.2)
    assert not done
    server.faults.release()
    assert (await asked)[0] == 200


async def test_an_invalid_line_does_not_end_the_stream(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        server.faults.invalid_line()
        assert b"<garbage>" in await watch.line()
        cluster.create(job("a"))
        assert await watch.events(1) == [("ADDED", "a")]


async def test_error_events_come_in_an_open_stream(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        server.faults.error_event(500, "etcd is away")
        kind, status = await watch.event()
        assert (kind, status["code"], status["message"]) == ("ERROR", 500, "etcd is away")
        server.faults.expire_streams()
        kind, status = await watch.event()
        assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
        assert await watch.line() == b""


async def test_old_events_come_again(cluster: Cluster, server: ApiServer, client: Client) -> None:
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        cluster.create(job("a"))
        cluster.create(job("other", "elsewhere"))
        cluster.delete("crawlers", "a")
        await watch.events(2)
        server.faults.resend(3)
        assert await watch.events(2) == [("ADDED", "a"), ("DELETED", "a")]
        assert await watch.is_silent()


async def test_the_next_events_come_twice(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    server.faults.duplicate(2)
    async with client.watch(resourceVersion=cluster.resource_version) as watch:
        for name in "abc":
            cluster.create(job(name))
        names = [name for _, name in await watch.events(5)]
    assert names == ["a", "a", "b", "b", "c"]


PODS_PATH = "/api/v1/namespaces/crawlers/pods"


def pod(name: str) -> dict[str, Any]:
    """A pod with nothing in it."""
    metadata = {"name": name, "namespace": "crawlers"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}}


@contextlib.asynccontextmanager
async def two_watches(
    server: ApiServer, client: Client
) -> AsyncIterator[tuple[WatchStream, WatchStream]]:
    """One of CrawlJobs and one of pods, from now on."""
    version = server.cluster.resource_version
    query = {"watch": "1", "resourceVersion": str(version)}
    async with (
        client.watch(resourceVersion=version) as of_jobs,
        client.session.get(server.url + PODS_PATH, params=query) as response,
    ):
        yield of_jobs, WatchStream(response)


async def test_faults_of_watches_can_be_about_one_resource(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with two_watches(server, client) as (of_jobs, of_pods):
        server.faults.duplicate(resource=PODS)
        cluster.create(job("a"))
        cluster.create(pod("p"))
        assert await of_pods.events(2) == [("ADDED", "p"), ("ADDED", "p")]
        server.faults.error_event(500, resource=PODS)
        assert (await of_pods.event())[0] == "ERROR"
        server.faults.stall(resource=PODS)
        cluster.create(pod("q"))
        cluster.create(job("b"))
        assert await of_jobs.events(2) == [("ADDED", "a"), ("ADDED", "b")]
        assert await of_pods.is_silent()
        server.faults.release()
        assert await of_pods.events(1) == [("ADDED", "q")]
        server.faults.resend(resource=PODS)
        assert await of_pods.events(1) == [("ADDED", "q")]
        server.faults.invalid_line(resource=PODS)
        assert b"garbage" in await of_pods.line()
        server.faults.expire_streams(resource=PODS)
        assert (await of_pods.event())[1]["code"] == 410
        assert await of_pods.line() == b""
        cluster.create(job("c"))
        assert await of_jobs.events(1) == [("ADDED", "c")]


async def test_events_are_sent_again_by_the_watches_they_are_of(
    cluster: Cluster, server: ApiServer, client: Client
) -> None:
    async with two_watches(server, client) as (of_jobs, of_pods):
        cluster.create(job("a"))
        cluster.create(pod("p"))
        cluster.create(pod("q"))
        await of_jobs.events(1)
        await of_pods.events(2)
        server.faults.resend()
        assert await of_jobs.events(1) == [("ADDED", "a")]
        assert await of_pods.events(1) == [("ADDED", "q")]

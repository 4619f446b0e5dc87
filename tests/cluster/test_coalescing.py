"""Events that come close together are read together; none waits for longer than the pause."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.cluster import coalescing
from exporter.cluster.client import RequestError, Response
from exporter.simulator import ApiServer, Cluster
from support.certificates import needs_openssl
from support.factories import crawljob
from support.following import Opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_RCVLOWAT is set on Linux alone")

LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"


@pytest.fixture(params=["http", pytest.param("https", marks=needs_openssl)])
def either(request: pytest.FixtureRequest) -> ApiServer:
    """An API server with TLS, or without, as kubectl proxy is one."""
    name = "server" if request.param == "http" else "tls_server"
    found: ApiServer = request.getfixturevalue(name)
    return found


@pytest.fixture
def endless_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescing, "PAUSE", 3600.0)


@asynccontextmanager
async def watch(server: ApiServer, opened: Opened, folder: Path) -> AsyncIterator[Response]:
    authority = folder / "server.crt"
    path = server.write_kubeconfig(
        folder / "watch", "one", authority=authority if authority.exists() else None
    )
    connection = await opened(path)
    query = {"watch": "1", "resourceVersion": "0"}
    async with connection.get(LIST, query, idle=60) as reply:
        yield reply


def low_water_mark(reply: Response) -> int:
    connection = reply._response.connection
    assert connection is not None
    assert connection.transport is not None
    found: socket.socket = connection.transport.get_extra_info("socket")
    return found.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


async def test_a_lone_event_is_read_at_once_and_the_next_within_the_pause(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    async with watch(either, opened, tmp_path) as reply:
        assert low_water_mark(reply) == 1
        cluster.create(crawljob(crawl="a"))
        assert b"crawljob-a" in await reply.read_chunk()
        assert low_water_mark(reply) == coalescing.ENOUGH
        cluster.create(crawljob(crawl="b"))
        assert b"crawljob-b" in await reply.read_chunk()
        await asyncio.sleep(2 * coalescing.PAUSE)
        assert low_water_mark(reply) == 1


async def test_events_that_come_within_the_pause_are_read_together(
    cluster: Cluster,
    either: ApiServer,
    opened: Opened,
    tmp_path: Path,
) -> None:
    loop = asyncio.get_running_loop()
    async with watch(either, opened, tmp_path) as reply:
        cluster.create(crawljob(crawl="first"))
        await reply.read_chunk()
        began, reads, found = loop.time(), 0, b""
        reading = asyncio.create_task(reply.read_chunk())
        for number in range(50):
            cluster.create(crawljob(crawl=f"{number}"))
            await asyncio.sleep(0.005)
            if reading.done():
                found += reading.result()
                reads += 1
                reading = asyncio.create_task(reply.read_chunk())
        while b"crawljob-49" not in found:
            found += await reading
            reads += 1
            reading = asyncio.create_task(reply.read_chunk())
        reading.cancel()
        assert reads <= (loop.time() - began) / coalescing.PAUSE + 1


@pytest.mark.usefixtures("endless_pause")
async def test_a_burst_does_not_wait(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    async with watch(either, opened, tmp_path) as reply:
        cluster.create(crawljob(crawl="first"))
        await reply.read_chunk()
        size = 0
        for number in range(1500):
            cluster.create(crawljob(crawl=f"{number}"))
        while size < 2 * coalescing.ENOUGH:
            size += len(await reply.read_chunk())


@pytest.mark.usefixtures("endless_pause")
async def test_a_connection_reset_does_not_wait(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    async with watch(either, opened, tmp_path) as reply:
        cluster.create(crawljob(crawl="a"))
        await reply.read_chunk()
        either.faults.cut("reset")
        with pytest.raises(RequestError, match="cut"):
            await reply.read_chunk()


async def test_the_end_of_a_watch_is_read_within_the_pause(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    async with watch(either, opened, tmp_path) as reply:
        cluster.create(crawljob(crawl="a"))
        await reply.read_chunk()
        either.faults.cut("clean")
        assert await reply.read_chunk() == b""


async def test_a_cut_within_a_line_is_noticed_within_the_pause(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    async with watch(either, opened, tmp_path) as reply:
        cluster.create(crawljob(crawl="a"))
        await reply.read_chunk()
        either.faults.cut("mid-line")
        assert await reply.read_chunk()
        with pytest.raises(RequestError) as caught:
            await reply.read_chunk()
        assert caught.value.reason == "cut"


@pytest.mark.usefixtures("endless_pause")
async def test_no_piece_of_a_list_waits(
    cluster: Cluster, either: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    for number in range(1000):
        cluster.create(crawljob(crawl=f"{number}"))
    authority = tmp_path / "server.crt"
    path = either.write_kubeconfig(
        tmp_path / "list", "one", authority=authority if authority.exists() else None
    )
    connection = await opened(path)
    async with connection.get(LIST, {"limit": "1000"}, idle=60) as reply:
        assert low_water_mark(reply) == 1
        body = await reply.read()
    assert body.count(b'"name":"crawljob-') + body.count(b'"name": "crawljob-') == 1000

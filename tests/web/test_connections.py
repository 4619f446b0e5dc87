"""How many connections there may be, and how long a client may take over what: in virtual time."""

import asyncio
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.settings import Address
from exporter.web import Health, WebConfigFile, WebServer, WebSettings, connections
from support.certificates import needs_openssl
from support.memory_transport import Connect, MemoryTransport, connecting
from support.virtual_time import in_virtual_time, now
from support.web_configs import Certificates, write_web_config
from support.web_site import Exposition

MEGABYTE = b"x" * (1024 * 1024 - 1) + b"\n"


@asynccontextmanager
async def serving(
    monkeypatch: pytest.MonkeyPatch, *content: bytes, config: WebConfigFile | None = None
) -> AsyncIterator[tuple[WebServer, Connect]]:
    """A web server with all its settings as they are, and a way to connect to it in memory."""
    connect = connecting(monkeypatch)
    health = Health(alive=lambda: None, ready=lambda: None)
    web = WebServer(
        Exposition(list(content)) if content else Exposition(),
        WebSettings(listen=[Address("127.0.0.1", 0)], config=config),
        health=health,
        on_scrape=lambda *_: None,
    )
    await web.start()
    try:
        yield web, connect
    finally:
        await web.stop()


@in_virtual_time
async def test_a_request_s_headers_have_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as (_, connect):
        client = connect()
        await asyncio.sleep(3)
        client.send(b"GET /livez HTTP/1.1\r\nHost: ")
        for _second in range(20):
            await asyncio.sleep(1)
            if not client.is_closing():
                client.send(b"x")
        assert client.closed_at == 13.0
        assert client.written == b""
        prompt = connect()
        prompt.send(b"GET /livez HTTP/1.1\r\nHost: ")
        await asyncio.sleep(9.9)
        prompt.send(b"x\r\n\r\n")
        await asyncio.sleep(60)
        assert b" 200 " in prompt.written
        assert not prompt.is_closing()


@in_virtual_time
async def test_an_idle_connection_outlasts_the_five_minutes_of_prometheus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch) as (_, connect):
        client = connect()
        client.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(400)
        assert b" 200 " in client.written
        assert client.closed_at == pytest.approx(310, abs=0.5)


@in_virtual_time
async def test_a_client_that_takes_nothing_of_a_scrape_is_disconnected_after_half_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, *[MEGABYTE] * 10) as (_, connect):
        client = connect(takes_nothing=True)
        client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(60)
        assert client.closed_at == pytest.approx(30, abs=0.5)


@in_virtual_time
async def test_a_scrape_in_flight_has_ten_seconds_at_a_shutdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(monkeypatch, *[MEGABYTE] * 10) as (web, connect):
        client = connect(takes_nothing=True)
        client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1)
        await web.stop()
        assert now() == pytest.approx(11, abs=0.5)
        assert client.closed_at == pytest.approx(11, abs=0.5)


@pytest.mark.parametrize("descriptors", [6, 7, 1024, resource.RLIM_INFINITY])
@in_virtual_time
async def test_each_of_many_connections_at_once_takes_the_place_of_another(
    monkeypatch: pytest.MonkeyPatch, descriptors: int
) -> None:
    most = 3 if descriptors in (6, 7) else 512
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    async with serving(monkeypatch) as (_, connect):
        clients = [connect() for _ in range(most + 7)]
        assert [client.is_closing() for client in clients] == [True] * 7 + [False] * most
        await asyncio.sleep(1)
        clients.append(connect())
        assert [client.is_closing() for client in clients] == [True] * 8 + [False] * most


@in_virtual_time
async def test_connections_at_work_are_none_that_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    async with serving(monkeypatch, *[MEGABYTE] * 10) as (_, connect):
        working = connect(takes_nothing=True)
        working.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        arriving = connect()
        arriving.send(b"GET /livez HTTP/1.1\r\n")
        await asyncio.sleep(1)
        assert connect().is_closing()
        arriving.send(b"Host: x\r\n\r\n")
        await asyncio.sleep(1)
        assert not connect().is_closing(), "one is idle again"
        assert arriving.is_closing()
        assert not working.is_closing()


@in_virtual_time
async def test_more_than_forty_scrapes_are_refused_and_that_is_logged_once_until_all_have_ended(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refusals() -> int:
        return sum("too many scrapes" in one.getMessage() for one in caplog.records)

    async with serving(monkeypatch, *[MEGABYTE] * 10) as (_, connect):

        async def scrape(number: int) -> MemoryTransport:
            """Begin so many that take nothing, and are left after half a minute; the last one."""
            for _n in range(number):
                client = connect(takes_nothing=True)
                client.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(10)
            return client

        assert b" 200 " in (await scrape(39)).written
        assert b" 200 " in (await scrape(1)).written
        assert b" 503 " in (await scrape(1)).written
        assert b" 200 " in (await scrape(39)).written
        assert b" 503 " in (await scrape(2)).written
        assert refusals() == 1, "one of them was at work all the time"
        await asyncio.sleep(60)
        assert b" 200 " in (await scrape(40)).written
        assert b" 503 " in (await scrape(1)).written
        assert refusals() == 2


@pytest.fixture
def secure(certificates: Certificates, tmp_path: Path) -> WebConfigFile:
    return WebConfigFile(write_web_config(tmp_path / "web.yml", certificates.server_config()))


@needs_openssl
@in_virtual_time
async def test_a_handshake_has_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, secure: WebConfigFile
) -> None:
    async with serving(monkeypatch, config=secure) as (_, connect):
        client = connect()
        await asyncio.sleep(60)
        assert client.closed_at == pytest.approx(10, abs=0.5)
        assert client.written == b""


@needs_openssl
@in_virtual_time
async def test_a_connection_too_many_takes_the_place_of_the_oldest_handshake(
    monkeypatch: pytest.MonkeyPatch, secure: WebConfigFile
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    async with serving(monkeypatch, config=secure) as (_, connect):
        clients = [connect() for _ in range(5)]
        assert [client.is_closing() for client in clients] == [True] * 2 + [False] * 3
        await asyncio.sleep(1)
        clients.append(connect())
        assert [client.is_closing() for client in clients] == [True] * 3 + [False] * 3

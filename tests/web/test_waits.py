"""How long a client may take over what: to the second, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.settings import Address
from exporter.web import Health, WebServer, WebSettings
from support.memory_transport import MemoryTransport
from support.virtual_time import in_virtual_time, now
from support.web_site import Exposition

MEGABYTE = b"x" * (1024 * 1024 - 1) + b"\n"
Connect = Callable[..., MemoryTransport]


@asynccontextmanager
async def serving(
    monkeypatch: pytest.MonkeyPatch, *content: bytes
) -> AsyncIterator[tuple[WebServer, Connect]]:
    """A web server with all its settings as they are, and a way to connect to it in memory."""
    protocols: list[Callable[[], asyncio.BaseProtocol]] = []

    create_server = asyncio.get_running_loop().create_server

    async def create(protocol: Any, **options: Any) -> asyncio.Server:
        protocols.append(protocol)
        return await create_server(protocol, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", create)
    health = Health(alive=lambda: None, ready=lambda: None)
    web = WebServer(
        Exposition(list(content)) if content else Exposition(),
        WebSettings(listen=[Address("127.0.0.1", 0)]),
        health=health,
        on_scrape=lambda *_: None,
    )
    await web.start()

    def connect(*, takes_nothing: bool = False) -> MemoryTransport:
        return MemoryTransport(protocols[0](), takes_nothing=takes_nothing)

    yield web, connect
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

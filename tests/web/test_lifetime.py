"""Start and shutdown: it listens on all addresses or none, and lets scrapes finish."""

import asyncio
import contextlib

import aiohttp
import pytest

from exporter.settings import Address
from exporter.web import ListenError, listener
from support.waiting import WAIT_TIMEOUT, until
from support.web_site import Serve

MEGABYTE = b"x" * (1024 * 1024 - 1) + b"\n"
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_it_listens_on_every_address(serve: Serve) -> None:
    site = await serve(listen=[Address("127.0.0.1", 0), Address("127.0.0.1", 0)])
    assert len({address.port for address in site.server.addresses}) == 2
    for address in site.server.addresses:
        async with site.session.get(f"{address.url}/metrics") as response:
            assert response.status == 200


async def test_it_does_not_start_on_a_port_in_use(serve: Serve) -> None:
    site = await serve()
    with pytest.raises(ListenError, match="the port is in use"):
        await serve(listen=[Address("127.0.0.1", 0), site.address])


async def test_a_scrape_in_flight_finishes_and_nothing_new_begins(serve: Serve) -> None:
    site = await serve(*[MEGABYTE] * 100, grace=60.0)
    address = site.address
    reader, writer = await site.connect()
    writer.write(GET)
    await until(lambda: site.exposition.made > 0)
    stopping = asyncio.create_task(site.server.stop())
    with contextlib.suppress(OSError):
        # In the backlog a connection may still be taken, but never answered.
        async with asyncio.timeout(WAIT_TIMEOUT):
            while True:
                _, late = await asyncio.open_connection(address.host, address.port)
                late.close()
    assert not stopping.done()
    body = await asyncio.wait_for(reader.read(-1), WAIT_TIMEOUT)
    await asyncio.wait_for(stopping, WAIT_TIMEOUT)
    assert body.count(b"\n") > 100
    assert body.endswith(b"\r\n0\r\n\r\n")
    assert len(site.on_scrape) == 1
    assert site.server.addresses == ()
    writer.close()


async def test_an_idle_connection_does_not_delay_the_end(serve: Serve) -> None:
    site = await serve(grace=1000.0)
    reader, writer = await site.connect()
    writer.write(GET)
    assert await asyncio.wait_for(reader.readuntil(b"up 1\n"), WAIT_TIMEOUT)
    _, silent = await site.connect()
    await asyncio.wait_for(site.server.stop(), WAIT_TIMEOUT)
    assert await asyncio.wait_for(reader.read(-1), WAIT_TIMEOUT) == b""
    writer.close()
    silent.close()


async def test_a_client_that_takes_longer_than_the_grace_is_cut_off(serve: Serve) -> None:
    site = await serve(*[MEGABYTE] * 100, grace=0.1)
    reader, writer = await site.connect()
    writer.write(GET)
    await until(lambda: site.exposition.made > 0)
    await asyncio.wait_for(site.server.stop(), WAIT_TIMEOUT)
    assert site.on_scrape == []
    with contextlib.suppress(ConnectionError):
        assert not (await asyncio.wait_for(reader.read(-1), WAIT_TIMEOUT)).endswith(
            b"\r\n0\r\n\r\n"
        )
    writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET /metrics HTTP/1.1\r\nAccept: te", GET])
async def test_a_connection_without_a_request_ends_by_itself(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(listener, "_KEEPALIVE", 0.1)
    site = await serve()
    answer = await site.raw(begun)  # returns when the server closes the connection
    assert answer.count(b"HTTP/1.1 200 OK") == (begun == GET)


async def test_stopping_twice_or_before_the_start_is_harmless(serve: Serve) -> None:
    site = await serve()
    await site.server.stop()
    await site.server.stop()
    await site.server.start()
    async with aiohttp.ClientSession() as session, session.get(site.address.url) as response:
        assert response.status == 200

"""Many clients at once, slow ones among them: bounded, fair, and never in each other's way."""

import asyncio
import contextlib
import itertools
import logging
import socket
from typing import Self

import pytest

from exporter.web import metrics_handler
from support.waiting import WAIT_TIMEOUT, until
from support.web_site import Serve, Site

MEGABYTE = b"x" * (1024 * 1024 - 1) + b"\n"
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class SlowClient:
    """Asks for the metrics, and reads nothing until ``read``."""

    def __init__(self, site: Site) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._address = (site.address.host, site.address.port)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, self._address)
        await loop.sock_sendall(self._socket, GET)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        self._socket.close()

    async def read(self) -> bytes:
        parts = []
        async with asyncio.timeout(WAIT_TIMEOUT):
            with contextlib.suppress(ConnectionResetError):
                while part := await asyncio.get_running_loop().sock_recv(self._socket, 2**20):
                    parts.append(part)
        return b"".join(parts)


async def test_concurrent_scrapes_are_each_whole(serve: Serve) -> None:
    content = [bytes([65 + number]) * 400_000 for number in range(10)]
    site = await serve(*content)

    async def one(encoding: str) -> int:
        async with site.get(headers={"Accept-Encoding": encoding}) as response:
            assert response.status == 200
            return len(await response.read())

    sizes = await asyncio.gather(*(one("identity") for _ in range(20)))
    assert sizes == [4_000_000] * 20
    assert len({await one("gzip"), *await asyncio.gather(*(one("gzip") for _ in range(10)))}) == 1


async def test_a_slow_client_blocks_nobody_and_costs_no_more_than_its_buffer(serve: Serve) -> None:
    site = await serve(*[MEGABYTE] * 100)
    async with SlowClient(site) as slow:
        await until(lambda: site.exposition.made > 0)
        async with asyncio.timeout(WAIT_TIMEOUT):
            async with site.get("/livez") as response:
                assert response.status == 200
            async with site.get() as response:
                assert len(await response.read()) == 100 * len(MEGABYTE)
        # The other client had all hundred; the kernel and our buffer hold the slow one's few.
        assert site.exposition.made < 120
        assert len(site.on_scrape) == 1
        body = await slow.read()
        assert body.count(b"\n") > 100
        assert body.endswith(b"\r\n0\r\n\r\n")
    await until(lambda: len(site.on_scrape) == 2)


async def test_a_client_that_takes_nothing_is_disconnected(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = await serve(*[MEGABYTE] * 100)
    monkeypatch.setattr(site.server._metrics, "_write_timeout", 0.05)
    async with SlowClient(site) as slow:
        await until(lambda: "too slowly" in caplog.text)
        assert not (await slow.read()).endswith(b"\r\n0\r\n\r\n")
    assert site.on_scrape == []
    assert site.server._metrics._running == 0


async def test_a_client_that_leaves_is_no_error(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve(*[MEGABYTE] * 100)
    async with SlowClient(site) as slow:
        await until(lambda: site.exposition.made > 2)
        slow.leave()
        await until(lambda: site.server._metrics._running == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert site.on_scrape == []
    assert site.exposition.made < 100


async def test_more_scrapes_than_the_limit_are_refused(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve(*[MEGABYTE] * 100, max_scrapes=2)
    async with SlowClient(site) as first, SlowClient(site):
        await until(lambda: len(site.exposition.asked) == 2)
        for _ in range(2):
            async with site.get() as response:
                assert response.status == 503
                assert await response.text() == (
                    "Limit of concurrent scrapes reached (2), try again later.\n"
                )
        async with site.get("/livez") as response:
            assert response.status == 200
        first.leave()
        await until(lambda: site.server._metrics._running == 1)
        async with site.get() as response:
            assert response.status == 200
    (refusal,) = (record for record in caplog.records if "too many scrapes" in record.getMessage())
    assert vars(refusal)["limit"] == 2


async def test_the_loop_turns_between_batches_of_all_scrapes(serve: Serve) -> None:
    site = await serve(*[b"x" * metrics_handler._BATCH] * 10)
    turns: list[int] = []

    async def watch() -> None:
        while True:
            turns.append(site.exposition.made)
            await asyncio.sleep(0)

    async def one() -> None:
        async with site.get() as response:
            await response.read()

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(one() for _ in range(5)))
    watching.cancel()
    steps = [after - before for before, after in itertools.pairwise(turns)]
    assert max(steps) == 1

"""The faults, a class for each kind. A fault is over when its method returns."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, Final

import aiohttp

from exporter.simulator.request_faults import HTML
from support.chaos.world import World
from support.exporter_process import Scrape

Fault = Callable[[], Awaitable[None]]

_FAR_DATE: Final = "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"
_ODD_BODIES: Final = (
    b"",
    b"{}",
    b"[" * 3000,
    b"\x00\xff" * 100,
    b'{"kind":"CrawlJobList","items":[',
    b'"\\ud800"',
    HTML,
)
DAY: Final = 86_400.0


class Faults:
    """Faults of one kind: each public method is one."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self._world = world
        self._rng = rng

    @property
    def all(self) -> list[Fault]:
        names = [name for name in vars(type(self)) if not name.startswith("_")]
        return [getattr(self, name) for name in names]

    async def _for(self, least: float, most: float) -> None:
        await asyncio.sleep(self._rng.uniform(least, most))


class ApiServerFaults(Faults):
    """It refuses, answers nonsense, is slow, cuts, forgets, restarts, or is not there."""

    async def unavailable(self) -> None:
        self._refuse(503, self._rng.randint(1, 4))

    async def too_many_requests(self) -> None:
        wait = self._rng.choice((1, 2, "Wed, 21 Oct 2015 07:28:00 GMT", _FAR_DATE))
        self._refuse(429, retry_after=wait)

    async def unauthorized(self) -> None:
        self._refuse(self._rng.choice((401, 403)), self._rng.randint(1, 3))

    async def odd_answer(self) -> None:
        self._refuse(
            self._rng.choice((200, 400, 500, 502)),
            body=self._rng.choice(_ODD_BODIES),
            content_type=self._rng.choice(("application/json", "text/html", "text/plain")),
        )

    def _refuse(self, *args: Any, **kwargs: Any) -> None:
        """Unless there are refusals left: ordered faster than an exporter that backs off asks, they
        would pile up, and be an outage of minutes.
        """
        if not self._world.server.faults.refusing:
            self._world.server.faults.refuse(*args, **kwargs)

    async def slow(self) -> None:
        faults = self._world.server.faults
        faults.stall(*self._rng.choice((("watch",), ("list",), ("list", "watch"))))
        await self._for(1, 6)
        faults.release()

    async def cut_watches(self) -> None:
        self._world.server.faults.cut(self._rng.choice(("clean", "mid-line", "reset")))

    async def cut_network(self) -> None:
        self._world.network.cut(reset=self._rng.random() < 0.5)

    async def garbage_lines(self) -> None:
        faults = self._world.server.faults
        faults.invalid_line()
        faults.inject(self._rng.choice((b"[" * 5000, b"\n" * 50_000, b'{"type":1}', b"{}")) + b"\n")

    async def error_event(self) -> None:
        self._world.server.faults.error_event(self._rng.choice((403, 429, 500, 504)))

    async def events_again(self) -> None:
        self._world.server.faults.resend(self._rng.randint(1, 20))
        self._world.server.faults.duplicate(self._rng.randint(1, 20))

    async def forgets_the_past(self) -> None:
        """410, as an event or as a status."""
        world, server = self._world, self._world.server
        async with world.file_is_needed, world.process_is_needed, world.at_rest():
            lists = _lists(await world.until_scrape(lambda _: True))
            server.faults.gone_form = self._rng.choice(("event", "status"))
            if server.faults.gone_form == "status":
                await world.network.close()
            server.cluster.advance()
            server.cluster.compact()
            if server.faults.gone_form == "status":
                await world.network.open()
            await world.until_scrape(lambda scrape: _lists(scrape) != lists)

    async def restarts(self) -> None:
        await self._world.server.stop()
        await self._for(0, 2)
        await self._world.server.start()

    async def refuses_connections(self) -> None:
        await self._world.network.close()
        await self._for(1, 6)
        await self._world.network.open()


class AlertmanagerFaults(Faults):
    """It is down, slow, refuses, answers nonsense, or takes alerts and does not say so."""

    async def down(self) -> None:
        await self._world.alert_network.close()
        await self._for(1, 6)
        await self._world.alert_network.open()

    async def restarts(self) -> None:
        await self._world.alertmanager.__aexit__()
        await self._for(0, 2)
        await self._world.alertmanager.__aenter__()

    async def slow(self) -> None:
        self._world.alertmanager.hangs = True
        await self._for(1, 6)
        self._world.alertmanager.hangs = False
        self._world.alert_network.cut()

    async def refuses(self) -> None:
        receiver = self._world.alertmanager
        receiver.status = self._rng.choice((302, 401, 429, 500, 503))
        receiver.headers = {"Retry-After": self._rng.choice(("1", "2", _FAR_DATE))}
        receiver.body = self._rng.choice(("", "[" * 3000, "\ud7ff" * 5000, "no"))
        await self._for(1, 5)
        receiver.status, receiver.headers, receiver.body = 200, {}, ""

    async def rejects(self) -> None:
        """What is rejected is sent again a minute later."""
        receiver = self._world.alertmanager
        receiver.status = 400
        receiver.body = self._rng.choice(('"' * 5000, "[" * 3000, "invalid label set"))
        await self._for(0.5, 1.5)
        receiver.status, receiver.body = 200, ""

    async def takes_in_silence(self) -> None:
        """The connection ends before the answer, though what was sent was taken."""
        taken = len(self._world.alertmanager.arrivals)
        for _ in range(50):
            await asyncio.sleep(0.05)
            if len(self._world.alertmanager.arrivals) > taken:
                break
        self._world.alert_network.cut(reset=True)


class DiskFaults(Faults):
    """The disk is full, the ledger is locked, taken away, or overwritten."""

    async def full(self) -> None:
        async with self._world.file_is_needed:
            self._world.exporter.limit_file_size(self._rng.choice((0, 4096, 65_536)))
            await self._for(1, 6)
            self._world.exporter.limit_file_size()

    async def locked(self) -> None:
        async with self._world.file_is_needed:
            with (
                contextlib.suppress(sqlite3.Error),  # it is writing just now
                contextlib.closing(sqlite3.connect(self._world.ledger, timeout=0)) as other,
            ):
                other.execute("BEGIN IMMEDIATE")
                await self._for(1, 4)

    async def taken_away(self) -> None:
        """The file, its WAL or its index is removed, all of them, or replaced.

        It is over when the exporter has noticed and written all anew: ended before, or with a disk
        that is full by then, it has nothing to go on from.
        """
        world = self._world
        async with world.file_is_needed, world.process_is_needed:
            async with world.at_rest():
                before = write_failures(await world.until_scrape(lambda _: True))
            ledger = world.ledger
            companions = [ledger.with_name(ledger.name + end) for end in ("", "-wal", "-shm")]
            for file in self._rng.choice((*([one] for one in companions), companions)):
                file.unlink(missing_ok=True)
            if not ledger.exists() and self._rng.random() < 0.5:
                ledger.write_bytes(self._rng.choice((b"", b"no ledger\n" * 1000)))
            await world.until_scrape(lambda scrape: write_failures(scrape) > before)
            async with world.at_rest():
                pass

    async def overwritten(self) -> None:
        """The file, its WAL or its index gets other bytes in place; the file or its WAL, none.

        An index that is cut at the moment at which it is used would end the process (SIGBUS).
        """
        world = self._world
        async with world.file_is_needed, world.process_is_needed:
            async with world.at_rest():
                pass
            end = self._rng.choice(("", "-wal", "-shm"))
            with world.ledger.with_name(world.ledger.name + end).open("r+b") as file:
                length = file.seek(0, os.SEEK_END)
                if end != "-shm" and self._rng.random() < 0.5:
                    file.truncate(self._rng.choice((0, length // 2)))
                else:
                    file.seek(self._rng.randrange(length + 1))
                    file.write(self._rng.randbytes(300))
            await self._for(1, 3)
            async with world.at_rest():
                pass


def write_failures(scrape: Scrape) -> float:
    """How often this life could not write its ledger."""
    return scrape.value("browsertrix_exporter_ledger_write_failures_total") or 0.0


class ClockFaults(Faults):
    """Its wall clock is set forth, for less than an alert lasts, and back, for a day as well."""

    async def jumps(self) -> None:
        ahead = self._rng.choice((-DAY, -1200.0, -61.0, -1.0, 1.0, 61.0, 1200.0))
        self._world.exporter.set_clock(ahead)
        await self._for(1, 5)
        self._world.exporter.set_clock(0)


class ProcessFaults(Faults):
    """It is killed, ended, stopped for a while, or has no file descriptor left."""

    async def killed(self) -> None:
        await self._restarted(signal.SIGKILL, -signal.SIGKILL)

    async def hung_up(self) -> None:
        await self._restarted(signal.SIGHUP, -signal.SIGHUP)

    async def ended(self) -> None:
        await self._restarted(signal.SIGTERM, 0)

    async def stopped(self) -> None:
        self._world.exporter.send(signal.SIGSTOP)
        await self._for(0.5, 6)
        self._world.exporter.send(signal.SIGCONT)

    async def out_of_descriptors(self) -> None:
        exporter = self._world.exporter
        exporter.limit_descriptors(exporter.descriptors() + self._rng.randint(0, 3))
        await self._for(1, 4)
        exporter.limit_descriptors()

    async def _restarted(self, sign: signal.Signals, status: int) -> None:
        async with self._world.process_is_needed:
            await self._world.exporter.end(sign, status)
            if self._rng.random() < 0.5:
                await self._for(0, 3)
            await self._world.exporter.start()


class ClientFaults(Faults):
    """Many clients, slow ones, idle ones, and ones that talk nonsense."""

    async def many_scrapes(self) -> None:
        found = await asyncio.gather(*(self._world.exporter.scrape() for _ in range(60)))
        del found  # each was whole, or refused

    async def slow_readers(self) -> None:
        path = self._rng.choice(("/metrics", "/status/", "/api/v1/crawls"))
        request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 20
        await self._connected(30, request)

    async def idle_connections(self) -> None:
        await self._connected(100, self._rng.choice((b"", b"GET /metr")))

    async def nonsense(self) -> None:
        await self._connected(
            10,
            self._rng.choice(
                (
                    self._rng.randbytes(4000),
                    b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
                    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nabc",
                    b"GET /metrics HTTP/1.0\r\nAccept: " + b"a/b;q=," * 500 + b"\r\n\r\n",
                    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                )
            ),
        )

    async def pages(self) -> None:
        for path in ("/", "/status/", "/api/v1/crawls", "/api/v1/events", "/livez", "/readyz"):
            with contextlib.suppress(aiohttp.ClientError, OSError):
                await self._world.exporter.get(path)

    async def _connected(self, number: int, request: bytes) -> None:
        """So many connections that send this, and read nothing of the answer for a while."""
        host, _, port = self._world.exporter.address.partition(":")
        opened = [socket.socket() for _ in range(number)]
        loop = asyncio.get_running_loop()
        try:
            for one in opened:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                one.setblocking(False)
                with contextlib.suppress(OSError, TimeoutError):  # no exporter, or one that is full
                    async with asyncio.timeout(1):
                        await loop.sock_connect(one, (host, int(port)))
                        await loop.sock_sendall(one, request)
            await self._for(0.5, 4)
        finally:
            for one in opened:
                one.close()


KINDS: Final = {
    "API server": ApiServerFaults,
    "Alertmanager": AlertmanagerFaults,
    "disk": DiskFaults,
    "clock": ClockFaults,
    "process": ProcessFaults,
    "clients": ClientFaults,
}


def _lists(scrape: Scrape) -> dict[str, float]:
    """Of CrawlJobs: other sources are listed for reasons of their own."""
    return scrape.of("browsertrix_exporter_lists_total", source="crawljobs")

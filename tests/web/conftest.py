"""A web server over real HTTP, with an exposition that a test can inspect and break.

Its status page shows what a test gives it: CrawlJobs as on the wire, a ledger, a clock.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.crawls import Crawl
from exporter.history.ledger import Ledger
from exporter.metrics import Format
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.settings import Address
from exporter.web import Health, View, WebServer, WebSettings
from support.factories import UPDATED_EPOCH
from support.waiting import WAIT_TIMEOUT


@dataclass
class Exposition:
    """Chunks to serve, and what was asked."""

    content: list[bytes | Exception] = field(default_factory=lambda: [b"up 1\n"])
    asked: list[tuple[Format, frozenset[str] | None, float]] = field(default_factory=list)
    made: int = 0
    """Chunks handed out so far."""

    def chunks(self, form: Format, names: frozenset[str] | None, now: float, /) -> Iterator[bytes]:
        self.asked.append((form, names, now))
        for chunk in self.content:
            if isinstance(chunk, Exception):
                raise chunk
            self.made += 1
            yield chunk


@dataclass
class Watch:
    """A scope that is watched."""

    objects: list[CrawlJob] = field(default_factory=list)
    scope: str = "crawlers"
    synced: bool = True
    last_error: str | None = None
    stats: Stats = field(default_factory=Stats)
    problems: Problems[CrawlJob] = field(default_factory=lambda: Problems(CRAWLJOB_RESOURCE))

    def add(self, *values: dict[str, Any]) -> None:
        self.objects += [parse_value(value) for value in values]


@dataclass
class Site:
    """The server under test."""

    exposition: Exposition = field(default_factory=Exposition)
    dead: str | None = None
    unready: str | None = None
    on_scrape: list[tuple[float, int, Format]] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)
    watches: list[Watch] = field(init=False)
    ledger: Ledger = field(default_factory=Ledger.open)
    now: float = UPDATED_EPOCH
    server: WebServer = field(init=False)
    session: aiohttp.ClientSession = field(init=False)

    def __post_init__(self) -> None:
        self.watches = [self.watch]

    def __iter__(self) -> Iterator[Crawl]:
        """The crawls that are served."""
        for watch in self.watches:
            if watch.synced:
                yield from map(Crawl, watch.objects)

    @property
    def address(self) -> Address:
        return self.server.addresses[0]

    def get(self, path: str = "/metrics", **kind: Any) -> Any:
        return self.session.request("GET", f"{self.address.url}{path}", **kind)

    async def json(self, path: str, status: int = 200) -> Any:
        """The answer, which must have this status."""
        async with self.get(path) as response:
            assert response.status == status, await response.text()
            assert response.headers["Content-Type"] == "application/json; charset=utf-8"
            return await response.json()

    async def page(self, path: str = "/") -> str:
        """The status page."""
        async with self.get(path) as response:
            assert response.status == 200
            text: str = await response.text()
            return text

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.address.host, self.address.port, limit=4096)

    async def raw(self, request: bytes) -> bytes:
        """All that comes back until the server closes the connection."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await asyncio.wait_for(reader.read(-1), WAIT_TIMEOUT)
        finally:
            writer.close()


Serve = Callable[..., Awaitable[Site]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start sites; they end with the test."""
    sites: list[Site] = []

    async def start(
        *content: bytes | Exception, status_page: bool = False, **settings: Any
    ) -> Site:
        site = Site(Exposition(list(content)) if content else Exposition())
        chosen: dict[str, Any] = {"listen": [Address("127.0.0.1", 0)], "grace": 5.0} | settings
        health = Health(alive=lambda: site.dead, ready=lambda: site.unready)
        view = View(
            site.watches,
            site,
            site.ledger,
            pause_limit=7 * 86400.0,
            health=health,
            clock=lambda: site.now,
        )
        site.server = WebServer(
            site.exposition,
            WebSettings(**chosen),
            health=health,
            view=view if status_page else None,
            on_scrape=lambda *scrape: site.on_scrape.append(scrape),
        )
        await site.server.start()
        site.session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=["Accept", "Accept-Encoding"],
            timeout=aiohttp.ClientTimeout(WAIT_TIMEOUT),
        )
        sites.append(site)
        return site

    yield start
    for site in sites:
        await site.session.close()
        await site.server.stop()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

"""A web server over real HTTP, with an exposition that a test can inspect and break.

Its status page shows what a test gives it: CrawlJobs as on the wire, a ledger, a clock.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.crawls import Crawl
from exporter.history.ledger import Ledger
from exporter.metrics import Format, Pulse
from exporter.resources.claim import Claim
from exporter.resources.crawljob import CrawlJob, parse_value
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.identity import crawl_id
from exporter.resources.pod import Pod
from exporter.resources.resource import Resource
from exporter.settings import Address
from exporter.web import WebServer
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
class WatchedScope:
    """A scope that is watched."""

    objects: list[CrawlJob] = field(default_factory=list)
    source: str = "crawljobs"
    resource: Resource[Any] = CRAWLJOB_RESOURCE
    scope: str = "crawlers"
    synced: bool = True
    vouches: bool = True
    absent: bool = False
    last_error: str | None = None
    stats: Stats = field(default_factory=Stats)
    problems: Problems[CrawlJob] = field(default_factory=lambda: Problems(CRAWLJOB_RESOURCE))

    def add(self, *values: dict[str, Any]) -> None:
        self.objects += [parse_value(value) for value in values]


T = TypeVar("T", Pod, Claim)


def _of_crawl(crawl: str, items: list[T] | None) -> dict[str, T] | None:
    if items is None:
        return None
    return {one.metadata.name: one for one in items if one.metadata.labels.crawl == crawl}


@dataclass
class Site:
    """The server under test."""

    exposition: Exposition = field(default_factory=Exposition)
    dead: str | None = None
    unready: str | None = None
    on_scrape: list[tuple[float, int, Format]] = field(default_factory=list)
    watch: WatchedScope = field(default_factory=WatchedScope)
    watches: list[WatchedScope] = field(init=False)
    pods: list[Pod] | None = None
    """Of all crawls; None where no source vouches for them."""
    volumes: list[Claim] | None = None
    pulse: dict[str, Pulse] = field(default_factory=dict)
    """That of Browsertrix's operator, by namespace."""
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
                for job in watch.objects:
                    crawl = crawl_id(job)
                    yield Crawl(
                        job,
                        pods=_of_crawl(crawl, self.pods),
                        volumes=_of_crawl(crawl, self.volumes),
                    )

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

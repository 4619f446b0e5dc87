"""An API server that answers by a script, without a network: for tests in virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from exporter.cluster.client import ApiClient, RequestError
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from support.change_recorder import Recorder
from support.factories import crawljob
from support.virtual_time import now

Part: TypeAlias = bytes | float | RequestError
Answer: TypeAlias = RequestError | tuple[Part, ...] | None
"""A refusal; or what is sent: bytes, silence of so many seconds, and a failure to end with. None
is never accepted."""

FOR_EVER: Final = 1e6
"""Seconds."""
SILENT: Final[Answer] = (FOR_EVER,)


@dataclass
class Asked:
    """One request."""

    at: float
    query: Mapping[str, str]
    idle: float


@dataclass
class ScriptedApi:
    """Takes the place of an ``ApiClient``. The last answer of a kind is given again and again."""

    lists: Iterator[Answer]
    watches: Iterator[Answer]
    asked: list[Asked] = field(default_factory=list)

    def times(self, verb: str) -> list[float]:
        """When it was asked for a ``list`` or ``watch``."""
        return [one.at for one in self.asked if ("watch" in one.query) == (verb == "watch")]

    @asynccontextmanager
    async def get(
        self, _: str, query: Mapping[str, str], *, idle: float
    ) -> AsyncIterator["_Reply"]:
        self.asked.append(Asked(now(), dict(query), idle))
        answer = next(self.watches if "watch" in query else self.lists)
        if isinstance(answer, RequestError):
            raise answer
        if answer is None:
            await asyncio.sleep(FOR_EVER)
        yield _Reply(answer or ())


def answers(*script: Answer) -> Iterator[Answer]:
    """These, and then the last of them for ever."""
    yield from script
    while True:
        yield script[-1]


class _Reply:
    def __init__(self, parts: tuple[Part, ...]) -> None:
        self._parts = iter(parts)

    async def read(self) -> bytes:
        found = b""
        while chunk := await self.read_chunk():
            found += chunk
        return found

    async def read_chunk(self) -> bytes:
        for part in self._parts:
            match part:
                case bytes():
                    return part
                case RequestError():
                    raise part
                case _:
                    await asyncio.sleep(part)
        return b""


def page(*crawls: str, version: int = 10, more: str = "") -> bytes:
    """A page of a list; each crawl's version is the list's."""
    items = [_crawl(crawl, version) for crawl in crawls]
    metadata = {"resourceVersion": str(version), "continue": more}
    return json.dumps({"items": items, "metadata": metadata}).encode()


def event(crawl: str, version: int, kind: str = "MODIFIED") -> bytes:
    """A line of a watch."""
    return json.dumps({"type": kind, "object": _crawl(crawl, version)}).encode() + b"\n"


def bookmark(version: int) -> bytes:
    """A line of a watch that says how far it is."""
    metadata = {"resourceVersion": str(version)}
    return json.dumps({"type": "BOOKMARK", "object": {"metadata": metadata}}).encode() + b"\n"


def _crawl(crawl: str, version: int) -> dict[str, Any]:
    return crawljob(crawl=crawl, metadata={"resourceVersion": str(version)})


@asynccontextmanager
async def following(
    api: ScriptedApi, recorder: Recorder | None = None, **more: Any
) -> AsyncIterator[Reflector[CrawlJob]]:
    """Follow CrawlJobs, with all limits as they are but for those given."""
    handler = recorder or Recorder()
    client = cast("ApiClient", api)
    reflector = Reflector(client, CRAWLJOB_RESOURCE, "crawlers", handler, clock=now, **more)
    task = asyncio.create_task(reflector.run())
    yield reflector
    task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError), ended


def listing(*script: Answer, watches: tuple[Answer, ...] = (SILENT,)) -> ScriptedApi:
    """A server that answers lists by this script."""
    return ScriptedApi(answers(*script), answers(*watches))


def watching(*script: Answer) -> ScriptedApi:
    """A server that has listed one crawl, and answers watches by this script."""
    return listing((page("a"),), watches=script)

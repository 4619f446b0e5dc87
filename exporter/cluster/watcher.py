"""Watches one scope: each watch is a stream of events, until either side ends it.

What the server sends that is no event is counted and logged here, once a stream; what an event
means is the reflector's business.
"""

import logging
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeAlias, TypeVar

from exporter.cluster.client import Get, RequestError, Response
from exporter.cluster.lines import LineDecoder
from exporter.cluster.stats import Stats
from exporter.cluster.wire import (
    Bookmark,
    InvalidLine,
    InvalidObject,
    Status,
    WatchEvent,
    WireDecoder,
)
from exporter.resources.resource import ResourceObject

logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = (240, 300)
"""How long to ask the server to keep a watch, so that many do not end at the same time."""

T = TypeVar("T", bound=ResourceObject)

StreamItem: TypeAlias = WatchEvent[T] | Bookmark | InvalidObject | InvalidLine


class WatchStream(Generic[T]):
    """One accepted watch."""

    def __init__(
        self,
        reply: Response,
        decoder: WireDecoder[T],
        longest_line: int,
        stats: Stats,
        where: str,
    ) -> None:
        self._reply = reply
        self._decoder = decoder
        self._longest_line = longest_line
        self._stats = stats
        self._where = where
        self._lines = LineDecoder(self._skipped, longest_line)
        self._warned = False

    async def read(self) -> Iterator[StreamItem[T]] | None:
        """Return what has arrived next, one item a line; None at the end of the stream.

        Raises RequestError where the connection fails, and from the iterator where the server
        sent an error.
        """
        chunk = await self._reply.read_chunk()
        return self._read(chunk) if chunk else None

    def _read(self, chunk: bytes) -> Iterator[StreamItem[T]]:
        for line in self._lines.feed(chunk):
            found = self._decoder.read_event(line)
            if isinstance(found, Status):
                self._stats.events["ERROR"] += 1
                reason = "expired" if found.expired else "error_event"
                raise RequestError(reason, f"the watch was ended by an error: {found}")
            if isinstance(found, InvalidLine):
                self._stats.invalid_lines += 1
                self._warn_once(f"the watch sent a line that is no event ({found.why}); left out")
            yield found

    def _skipped(self) -> None:
        self._stats.skipped_lines += 1
        self._warn_once(f"the watch sent a line of more than {self._longest_line} bytes; left out")

    def _warn_once(self, text: str) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("%s: %s", self._where, text)


class Watcher(Generic[T]):
    """Opens watches of one scope."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        get: Get,
        decoder: WireDecoder[T],
        *,
        watch_seconds: tuple[int, int],
        longest_line: int,
        stats: Stats,
        where: str,
    ) -> None:
        """``get`` sends a request to the scope, of which ``where`` is the name in a log."""
        self._get = get
        self._decoder = decoder
        self._watch_seconds = watch_seconds
        self._longest_line = longest_line
        self._stats = stats
        self._where = where

    @asynccontextmanager
    async def watch(self, resource_version: str) -> AsyncIterator[WatchStream[T]]:
        """Ask for all events after a version; raises RequestError where that is refused."""
        seconds = random.randint(*self._watch_seconds)  # noqa: S311 - jitter, no secret
        query = {
            "watch": "1",
            "resourceVersion": resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        async with self._get(query) as reply:
            self._stats.watches += 1
            yield WatchStream(reply, self._decoder, self._longest_line, self._stats, self._where)

"""List and watch: one scope's CrawlJobs, followed for as long as the exporter runs.

A list in pages gives the content and a version; a watch from that version gives every change
since. A watch ends all the time (by its own timeout, by an API server that restarts, by a proxy)
and is taken up where it stopped. Only when the server no longer has that version (410) is listed
anew, and compared with what is held, so that nothing is lost and nothing told twice. Whatever
goes wrong, the content last known stays.
Source: Kubernetes API concepts, "Efficient detection of changes"; the limits are client-go's.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote

from exporter.cluster.backoff import Backoff
from exporter.cluster.changes import Sink
from exporter.cluster.connection import Connection, Reply, RequestError
from exporter.cluster.content import Content, Key, is_newer, is_older, key_of
from exporter.cluster.lines import LONGEST_LINE, Lines
from exporter.cluster.pace import Pace
from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.cluster.wire import (
    Bookmark,
    Event,
    Garbage,
    Page,
    Status,
    Unusable,
    read_event,
    read_page,
)
from exporter.crawljob import CrawlJob, UnusableError

logger = logging.getLogger(__name__)

GROUP: Final = "btrix.cloud"
RESOURCE: Final = f"crawljobs.{GROUP}"
PAGE_SIZE: Final = 100
"""Objects. A page is parsed in one go, about 15 ms of the event loop's time."""
IDLE_LIMIT: Final = 90.0
"""Seconds without a byte. Bookmarks come about every 60."""
WATCH_SECONDS: Final = (240, 300)
"""How long to ask the server to keep a watch, so that many do not end at one moment."""
_HEALTHY_AFTER: Final = 10.0
"""Seconds. A watch that lasted this long was not refused, whatever ended it."""
_LIST_ANEW: Final = frozenset({"expired", "rewound"})
_AFTER_ACCEPTING: Final = frozenset(
    {"expired", "rewound", "ended", "error_event", "cut", "stalled"}
)
_EVERYDAY: Final = frozenset({"cut", "ended"})
"""What happens to any watch now and then; trouble only where it comes again."""


class Reflector:
    """Follows the CrawlJobs of one scope and tells a sink of every change; see ``run``."""

    def __init__(  # noqa: PLR0913 - each limit can be set by its name
        self,
        connection: Connection,
        scope: str,
        sink: Sink,
        *,
        selector: str = "",
        known: Iterable[CrawlJob] = (),
        resource_version: str = "",
        page_size: int = PAGE_SIZE,
        idle_limit: float = IDLE_LIMIT,
        watch_seconds: tuple[int, int] = WATCH_SECONDS,
        longest_line: int = LONGEST_LINE,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow the namespace ``scope``, or all where it is empty.

        With a ``resource_version`` the watch starts there, from the objects ``known`` then (the
        sink is not told of them), instead of listing. ``idle_limit`` is in seconds.
        """
        self.scope = scope
        self.stats = Stats()
        self.problems = Problems()
        self.synced = False
        """Whether the content has been complete once."""
        self.trouble: str | None = "not started yet"
        """Why there is no content yet, or what is wrong now; one line, None when all is well."""
        self._connection = connection
        self._sink = sink
        self._selection = {"labelSelector": selector} if selector else {}
        self._content = Content(scope, sink, self.problems, known)
        self._version = resource_version
        self._page_size = page_size
        self._idle_limit = idle_limit
        self._watch_seconds = watch_seconds
        self._longest_line = longest_line
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._must_list = not resource_version
        self._listed_in_vain = False
        """Whether the list that an expired version called for has not led to progress yet."""
        self._doubtful = False
        """Whether the last watch failed only after it was accepted; accepting proves nothing."""
        self._complained = False
        self._pace = Pace()
        self.stats.objects = len(self._content)
        namespace = f"namespaces/{quote(scope, safe='')}/" if scope else ""
        self._path = f"/apis/{GROUP}/v1/{namespace}crawljobs"
        self._where = f"namespace {scope}" if scope else "all namespaces"

    async def run(self) -> None:
        """List and watch until cancelled; no failure of the server's ends it."""
        self.trouble = "the first list is not complete yet"
        while True:
            try:
                if self._must_list:
                    await self._list()
                await self._watch()
            except RequestError as error:
                await self._recover(error)

    async def _recover(self, error: RequestError) -> None:
        """Count a failure, say what it means, and wait before the next try."""
        counts = self.stats.list_failures if self._must_list else self.stats.reconnects
        counts[error.reason] += 1
        out_of_the_blue = self._backoff.failures == 0
        delay = self._backoff.next(error.retry_after)
        if error.reason in _LIST_ANEW:
            self._must_list = True
            if not self._listed_in_vain:  # no failure yet: the server is there and answered
                self._listed_in_vain = True
                logger.info("%s: listing anew: %s", self._where, error)
                return
        self._doubtful = error.reason in _AFTER_ACCEPTING
        if error.reason not in _EVERYDAY or not out_of_the_blue:
            self._report(self._explain(error))
        await asyncio.sleep(delay)

    def _explain(self, error: RequestError) -> str:
        match error.reason:
            case "unauthorized":
                return f"{error}: the credentials are not accepted"
            case "forbidden":
                return f"{error}: RBAC must allow list and watch on {RESOURCE} in {self._where}"
            case "not_found":
                return f"{error}: is Browsertrix, with its CRD {RESOURCE}, installed there?"
            case _:
                return str(error)

    def _report(self, trouble: str | None) -> None:
        """Log a trouble once, however often it comes back, and its end."""
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble is None:
            logger.info("%s: watching, %d CrawlJobs", self._where, len(self._content))
        else:
            logger.warning("%s: %s; trying again", self._where, trouble)

    def _healthy(self) -> None:
        if self._doubtful or self._backoff.failures:
            self._backoff.reset()
            self._listed_in_vain = self._doubtful = False
            self._report(None)

    # -- list

    async def _list(self) -> None:
        query = {"limit": str(self._page_size)} | self._selection
        seen: set[Key] = set()
        version = ""
        rewound = False
        more = True
        fetching = asyncio.create_task(self._fetch(query))
        try:
            while more:
                page = await fetching
                if more := bool(page.metadata.more):  # the server works while we do
                    query["continue"] = page.metadata.more
                    fetching = asyncio.create_task(self._fetch(query))
                    await asyncio.sleep(0)
                if not version:  # all pages are of the first one's version
                    version = page.metadata.version
                    rewound = is_older(version, self._version)
                for item in page.items:
                    if isinstance(item, Unusable):
                        self._unusable(item)
                        seen.add((item.namespace, item.name))  # what was held of it stays
                    else:
                        seen.add(key_of(item))
                        self._content.see(item, rewound=rewound)
                    await self._pace.breathe()
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
        for key in self._content.missing(seen):
            self._content.vanished(key)
            await self._pace.breathe()
        self._version = version
        self._must_list = False
        self.stats.lists += 1
        self.stats.last_list = self._clock()
        self._complete()

    async def _fetch(self, query: Mapping[str, str]) -> Page:
        async with self._connection.get(self._path, dict(query), idle=self._idle_limit) as reply:
            body = await reply.read()
        try:
            return read_page(body)
        except UnusableError as error:
            raise RequestError("not_json", f"the list cannot be read: {error}") from error

    def _complete(self) -> None:
        self.synced = True
        self.stats.objects = len(self._content)
        self.stats.last_sync = self._clock()
        self._sink.synced(self.scope, self._version)

    # -- watch

    async def _watch(self) -> None:
        seconds = random.randint(*self._watch_seconds)  # noqa: S311 - jitter, no secret
        query = {
            "watch": "1",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        } | self._selection
        began_at, began = self._version, float("inf")
        try:
            async with self._connection.get(self._path, query, idle=self._idle_limit) as reply:
                began = time.monotonic()
                self.stats.watches += 1
                if not self.synced:
                    self._complete()
                if not self._doubtful:
                    self._report(None)
                await self._follow(reply)
        except RequestError as error:
            if error.reason == "cut" and time.monotonic() - began >= _HEALTHY_AFTER:
                self._healthy()
            raise
        if self._version == began_at and time.monotonic() - began < _HEALTHY_AFTER:
            raise RequestError("ended", "the API server ends each watch at once")
        self._healthy()
        self.stats.reconnects["ended"] += 1

    async def _follow(self, reply: Reply) -> None:
        """Take the stream's lines until it ends."""
        self._complained = False
        lines = Lines(self._skipped, self._longest_line)
        while piece := await reply.piece():
            for line in lines.feed(piece):
                self._take(line)
                await self._pace.breathe()

    def _take(self, line: bytes) -> None:
        match read_event(line):
            case Event() as event:
                self._event(event)
            case Bookmark(version):
                self._bookmark(version)
            case Unusable() as unusable:
                self._unusable(unusable)
            case Status() as status:
                self.stats.events["ERROR"] += 1
                reason = "expired" if status.expired else "error_event"
                raise RequestError(reason, f"the watch was ended by an error: {status}")
            case Garbage(why):
                self.stats.garbage_lines += 1
                self._complain(f"the watch sent a line that is no event ({why}); left out")

    def _event(self, event: Event) -> None:
        stats, job = self.stats, event.object
        stats.events[event.type] += 1
        stats.last_event = stats.last_sync = self._clock()
        take = self._content.see_deleted if event.type == "DELETED" else self._content.see
        if not take(job, self._version):
            stats.stale_events += 1
        stats.objects = len(self._content)
        self._reach(job.metadata.resource_version)

    def _bookmark(self, version: str) -> None:
        self.stats.events["BOOKMARK"] += 1
        if is_older(version, self._version):
            # After a restored backup a server may wait for our version to come, silently.
            raise RequestError("rewound", "the API server's versions have gone back")
        self.stats.last_sync = self._clock()
        self._healthy()
        self._reach(version)
        self._sink.reached(self.scope, self._version)

    def _unusable(self, item: Unusable) -> None:
        """Report it; what was held of it stays, unless it is deleted."""
        self.stats.unusable_objects += 1
        self.problems.unusable(item.namespace, item.why)
        if item.kind is not None:
            self.stats.events[item.kind] += 1
            self._reach(item.version)
        if item.kind == "DELETED":
            self._content.vanished((item.namespace, item.name))
            self.stats.objects = len(self._content)

    def _reach(self, version: str | None) -> None:
        if version and is_newer(version, self._version):
            self._version = version
            self._healthy()

    def _skipped(self) -> None:
        self.stats.skipped_lines += 1
        self._complain(f"the watch sent a line of more than {self._longest_line} bytes; left out")

    def _complain(self, text: str) -> None:
        """Log what is odd about a stream, once a stream."""
        if not self._complained:
            self._complained = True
            logger.warning("%s: %s", self._where, text)

"""List and watch: one scope's CrawlJobs, followed for as long as the exporter runs.

A list in pages gives the content and a version; a watch from that version gives every change
since. A watch ends all the time (by its own timeout, by an API server that restarts, by a proxy)
and is taken up where it stopped. Only when the server no longer has that version (410) is listed
anew, and compared with what is held, so that nothing is lost and nothing told twice. Whatever
goes wrong, the content last known stays. After a restart what happened meanwhile can be told
first (``replay``).
Source: Kubernetes API concepts, "Efficient detection of changes"; the limits are client-go's.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

from exporter.cluster.changes import ChangeHandler, ResumePoint
from exporter.cluster.client import ApiClient, RequestError, Response
from exporter.cluster.explain import explain
from exporter.cluster.lines import LONGEST_LINE, LineDecoder
from exporter.cluster.listing import pages
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.cluster.problems import Problems
from exporter.cluster.replay import Replay
from exporter.cluster.stats import Stats
from exporter.cluster.wire import (
    Bookmark,
    InvalidLine,
    InvalidObject,
    Status,
    WatchEvent,
    read_event,
)
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import GROUP, Key, key_of
from exporter.runtime.backoff import Backoff
from exporter.runtime.time_slice import TimeSlice
from exporter.settings.defaults import DEFAULT_IDLE_LIMIT

logger = logging.getLogger(__name__)

PAGE_SIZE: Final = 200
"""Objects. A page is parsed in one go, about 20 ms of the event loop's time."""
WATCH_SECONDS: Final = (240, 300)
"""How long to ask the server to keep a watch, so that many do not end at one moment."""
_HEALTHY_AFTER: Final = 10.0
"""Seconds. A watch that lasted this long was not refused, whatever ended it."""
_LIST_ANEW: Final = frozenset({"expired", "rewound"})
_AFTER_ACCEPTING: Final = frozenset(
    {"expired", "rewound", "ended", "error_event", "cut", "stalled"}
)
_EVERYDAY: Final = frozenset({"cut", "ended"})
"""What happens to any watch now and then; an error only where it comes again."""
_REPLAYING: Final = "what happened meanwhile is being replayed"


class Reflector:
    """Follows the CrawlJobs of one scope and tells a handler of every change; see ``run``."""

    def __init__(  # noqa: PLR0913 - each limit can be set by its name
        self,
        connection: ApiClient,
        scope: str,
        handler: ChangeHandler[CrawlJob],
        *,
        selector: str = "",
        resume: ResumePoint | None = None,
        page_size: int = PAGE_SIZE,
        idle_limit: float = DEFAULT_IDLE_LIMIT,
        watch_seconds: tuple[int, int] = WATCH_SECONDS,
        longest_line: int = LONGEST_LINE,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow the namespace ``scope``, or all where it is empty.

        With ``resume`` the handler is told what happened since, before it is ``synced``: see
        ``replay``. ``idle_limit`` is in seconds.
        """
        self.scope = scope
        self.stats = Stats()
        self.problems = Problems()
        self.synced = False
        """Whether the content has been complete once."""
        self.last_error: str | None = "not started yet"
        """Why there is no content yet, or what is wrong now; one line, None when all is well."""
        self._connection = connection
        self._handler = handler
        self._selection = {"labelSelector": selector} if selector else {}
        self._cache = ObjectCache(scope, handler, self.problems)
        self._version = ""
        self._resume = resume
        self._replay: Replay | None = None
        self._page_size = page_size
        self._idle_limit = idle_limit
        self._watch_seconds = watch_seconds
        self._longest_line = longest_line
        self._backoff = backoff or Backoff()
        self._clock = clock
        self._must_list = True
        self._relisted_once = False
        """Whether the list that an expired version called for has not led to progress yet."""
        self._failed_after_accept = False
        """Whether the last watch failed only after it was accepted; accepting proves nothing."""
        self._warned_once = False
        self._time_slice = TimeSlice()
        namespace = f"namespaces/{quote(scope, safe='')}/" if scope else ""
        self._path = f"/apis/{GROUP}/v1/{namespace}crawljobs"
        self._where = f"namespace {scope}" if scope else "all namespaces"

    @property
    def jobs(self) -> Collection[CrawlJob]:
        """The scope's CrawlJobs as last seen, a view; complete once it is ``synced``."""
        return self._cache.jobs

    async def run(self) -> None:
        """List and watch until cancelled; no failure of the server's ends it."""
        self.last_error = "the first list is not complete yet"
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
        if error.reason in _LIST_ANEW and self._replay is not None:
            logger.warning("%s: what happened meanwhile is not known: %s", self._where, error)
            self._version = self._replay.version
            await self._catch_up()
            return
        if error.reason in _LIST_ANEW:
            self._must_list = True
            if not self._relisted_once:  # no failure yet: the server is there and answered
                self._relisted_once = True
                logger.info("%s: listing anew: %s", self._where, error)
                return
        self._failed_after_accept = error.reason in _AFTER_ACCEPTING
        if error.reason not in _EVERYDAY or not out_of_the_blue:
            self._report(explain(error, self._where))
        if self._replay is not None and self._replay.deadline_passed(delay):
            await self._catch_up()
        await asyncio.sleep(delay)

    def _report(self, last_error: str | None) -> None:
        """Log an error once, however often it comes back, and its end."""
        if last_error == self.last_error:
            return
        self.last_error = last_error
        if last_error is None:
            logger.info("%s: watching, %d CrawlJobs", self._where, len(self._cache))
        else:
            logger.warning("%s: %s; trying again", self._where, last_error)

    def _healthy(self) -> None:
        if self._failed_after_accept or self._backoff.failures:
            self._backoff.reset()
            self._relisted_once = self._failed_after_accept = False
            self._well()

    def _well(self) -> None:
        """The watch is as it should be."""
        if self._replay is None:
            self._report(None)
        else:
            self.last_error = _REPLAYING

    # -- list

    async def _list(self) -> None:
        query = {"limit": str(self._page_size)} | self._selection
        seen: set[Key] = set()
        to_replay: list[CrawlJob] = []
        version = ""
        rewound = False
        async with aclosing(pages(self._connection, self._path, query, self._idle_limit)) as listed:
            async for page in listed:
                if not version:  # all pages are of the first one's version
                    version = page.metadata.version
                    rewound = is_older(version, self._version)
                for item in page.items:
                    if isinstance(item, InvalidObject):
                        self._unusable(item)
                        seen.add((item.namespace, item.name))  # what was held of it stays
                    else:
                        seen.add(key_of(item))
                        if self._resume is None:
                            self._cache.upsert(item, rewound=rewound)
                        else:
                            to_replay.append(item)
                    await self._time_slice.yield_if_due()
        for key in self._cache.keys_except(seen):
            self._cache.vanished(key)
            await self._time_slice.yield_if_due()
        self._version = version
        self._must_list = False
        self.stats.lists += 1
        self.stats.last_list = self._clock()
        if self._resume is None:
            self._complete()
        else:
            await self._begin_replay(self._resume, to_replay)

    async def _begin_replay(self, resume: ResumePoint, listed: list[CrawlJob]) -> None:
        self._resume = None
        self._replay = replay = Replay(resume, listed, self._version)
        self._version = replay.resource_version
        if self._version != resume.resource_version:
            logger.warning(
                "%s: what happened meanwhile is not known: the version watched last, %s, is not "
                "of this API server's past", self._where, resume.resource_version
            )  # fmt: skip
        await replay.begin(self._cache, self._time_slice)
        if replay.is_over(self._version):
            await self._catch_up()

    async def _catch_up(self) -> None:
        """End the replay, if there is one, and be synced."""
        if self._replay is not None:
            await self._replay.end(self._cache, self._time_slice)
            self._replay = None
            self._complete()
            if self.last_error == _REPLAYING:
                self._report(None)

    def _complete(self) -> None:
        self.synced = True
        self.stats.objects = len(self._cache)
        self.stats.last_sync = self._clock()
        self._handler.on_synced(self.scope, self._version)

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
            async with (
                asyncio.timeout_at(self._replay.deadline if self._replay else None) as deadline,
                self._connection.get(self._path, query, idle=self._idle_limit) as reply,
            ):
                began = time.monotonic()
                self.stats.watches += 1
                if not self._failed_after_accept:
                    self._well()
                await self._follow(reply, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            await self._catch_up()
            return
        except RequestError as error:
            if error.reason == "cut" and time.monotonic() - began >= _HEALTHY_AFTER:
                self._healthy()
            raise
        if self._version == began_at and time.monotonic() - began < _HEALTHY_AFTER:
            raise RequestError("ended", "the API server ends each watch at once")
        self._healthy()
        self.stats.reconnects["ended"] += 1

    async def _follow(self, reply: Response, deadline: asyncio.Timeout) -> None:
        """Take the stream's lines until it ends."""
        self._warned_once = False
        lines = LineDecoder(self._skipped, self._longest_line)
        while True:
            deadline.reschedule(self._replay.extend_deadline() if self._replay else None)
            piece = await reply.read_chunk()
            if not piece:
                return
            for line in lines.feed(piece):
                self._take(line)
                if self._replay is not None and self._replay.is_over(self._version):
                    await self._catch_up()
                await self._time_slice.yield_if_due()

    def _take(self, line: bytes) -> None:
        match read_event(line):
            case WatchEvent() as event:
                self._event(event)
            case Bookmark(version):
                self._bookmark(version)
            case InvalidObject() as unusable:
                self._unusable(unusable)
            case Status() as status:
                self.stats.events["ERROR"] += 1
                reason = "expired" if status.expired else "error_event"
                raise RequestError(reason, f"the watch was ended by an error: {status}")
            case InvalidLine(why):
                self.stats.invalid_lines += 1
                self._warn_once(f"the watch sent a line that is no event ({why}); left out")

    def _event(self, event: WatchEvent) -> None:
        stats, job = self.stats, event.object
        stats.events[event.type] += 1
        stats.last_event = stats.last_sync = self._clock()
        take = self._cache.delete if event.type == "DELETED" else self._cache.upsert
        if not take(job, self._version):
            stats.stale_events += 1
        elif self._replay is not None:
            self._replay.observe(job, deleted=event.type == "DELETED")
        stats.objects = len(self._cache)
        self._advance(job.metadata.resource_version)

    def _bookmark(self, version: str) -> None:
        self.stats.events["BOOKMARK"] += 1
        if is_older(version, self._version):
            # After a restored backup a server may wait for our version to come, silently.
            raise RequestError("rewound", "the API server's versions have gone back")
        self.stats.last_sync = self._clock()
        self._healthy()
        self._advance(version)
        if self._replay is None:
            self._handler.on_bookmark(self.scope, self._version)

    def _unusable(self, item: InvalidObject) -> None:
        """Report it; what was held of it stays, unless it is deleted."""
        self.stats.invalid_objects += 1
        self.problems.unusable(item.namespace, item.why)
        if item.kind is not None:
            self.stats.events[item.kind] += 1
            self._advance(item.version)
        if item.kind == "DELETED":
            self._cache.vanished((item.namespace, item.name))
            self.stats.objects = len(self._cache)

    def _advance(self, version: str | None) -> None:
        if version and is_newer(version, self._version):
            self._version = version
            self._healthy()

    def _skipped(self) -> None:
        self.stats.skipped_lines += 1
        self._warn_once(f"the watch sent a line of more than {self._longest_line} bytes; left out")

    def _warn_once(self, text: str) -> None:
        """Log what is odd about a stream, once a stream."""
        if not self._warned_once:
            self._warned_once = True
            logger.warning("%s: %s", self._where, text)

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

from exporter.cluster.backoff import Backoff
from exporter.cluster.changes import Resumption, Sink
from exporter.cluster.connection import Connection, Reply, RequestError
from exporter.cluster.content import Content, Key, is_newer, is_older, key_of
from exporter.cluster.lines import LONGEST_LINE, Lines
from exporter.cluster.listing import pages
from exporter.cluster.pace import Pace
from exporter.cluster.problems import Problems
from exporter.cluster.replay import Replay
from exporter.cluster.stats import Stats
from exporter.cluster.trouble import GROUP, explain
from exporter.cluster.wire import (
    Bookmark,
    Event,
    Garbage,
    Status,
    Unusable,
    read_event,
)
from exporter.crawljob import CrawlJob

logger = logging.getLogger(__name__)

PAGE_SIZE: Final = 200
"""Objects. A page is parsed in one go, about 20 ms of the event loop's time."""
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
_REPLAYING: Final = "what happened meanwhile is being replayed"


class Reflector:
    """Follows the CrawlJobs of one scope and tells a sink of every change; see ``run``."""

    def __init__(  # noqa: PLR0913 - each limit can be set by its name
        self,
        connection: Connection,
        scope: str,
        sink: Sink,
        *,
        selector: str = "",
        resume: Resumption | None = None,
        page_size: int = PAGE_SIZE,
        idle_limit: float = IDLE_LIMIT,
        watch_seconds: tuple[int, int] = WATCH_SECONDS,
        longest_line: int = LONGEST_LINE,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow the namespace ``scope``, or all where it is empty.

        With ``resume`` the sink is told what happened since, before it is ``synced``: see
        ``replay``. ``idle_limit`` is in seconds.
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
        self._content = Content(scope, sink, self.problems)
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
        self._listed_in_vain = False
        """Whether the list that an expired version called for has not led to progress yet."""
        self._doubtful = False
        """Whether the last watch failed only after it was accepted; accepting proves nothing."""
        self._complained = False
        self._pace = Pace()
        namespace = f"namespaces/{quote(scope, safe='')}/" if scope else ""
        self._path = f"/apis/{GROUP}/v1/{namespace}crawljobs"
        self._where = f"namespace {scope}" if scope else "all namespaces"

    @property
    def jobs(self) -> Collection[CrawlJob]:
        """The scope's CrawlJobs as last seen, a view; complete once it is ``synced``."""
        return self._content.jobs

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
        if error.reason in _LIST_ANEW and self._replay is not None:
            logger.warning("%s: what happened meanwhile is not known: %s", self._where, error)
            self._version = self._replay.version
            await self._catch_up()
            return
        if error.reason in _LIST_ANEW:
            self._must_list = True
            if not self._listed_in_vain:  # no failure yet: the server is there and answered
                self._listed_in_vain = True
                logger.info("%s: listing anew: %s", self._where, error)
                return
        self._doubtful = error.reason in _AFTER_ACCEPTING
        if error.reason not in _EVERYDAY or not out_of_the_blue:
            self._report(explain(error, self._where))
        if self._replay is not None and self._replay.has_waited(delay):
            await self._catch_up()
        await asyncio.sleep(delay)

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
            self._well()

    def _well(self) -> None:
        """The watch is as it should be."""
        if self._replay is None:
            self._report(None)
        else:
            self.trouble = _REPLAYING

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
                    if isinstance(item, Unusable):
                        self._unusable(item)
                        seen.add((item.namespace, item.name))  # what was held of it stays
                    else:
                        seen.add(key_of(item))
                        if self._resume is None:
                            self._content.see(item, rewound=rewound)
                        else:
                            to_replay.append(item)
                    await self._pace.breathe()
        for key in self._content.missing(seen):
            self._content.vanished(key)
            await self._pace.breathe()
        self._version = version
        self._must_list = False
        self.stats.lists += 1
        self.stats.last_list = self._clock()
        if self._resume is None:
            self._complete()
        else:
            await self._begin_replay(self._resume, to_replay)

    async def _begin_replay(self, resume: Resumption, listed: list[CrawlJob]) -> None:
        self._resume = None
        self._replay = replay = Replay(resume, listed, self._version)
        self._version = replay.position
        if self._version != resume.resource_version:
            logger.warning(
                "%s: what happened meanwhile is not known: the version watched last, %s, is not "
                "of this API server's past", self._where, resume.resource_version
            )  # fmt: skip
        await replay.begin(self._content, self._pace)
        if replay.is_over(self._version):
            await self._catch_up()

    async def _catch_up(self) -> None:
        """End the replay, if there is one, and be synced."""
        if self._replay is not None:
            await self._replay.end(self._content, self._pace)
            self._replay = None
            self._complete()
            if self.trouble == _REPLAYING:
                self._report(None)

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
            async with (
                asyncio.timeout_at(self._replay.until if self._replay else None) as patience,
                self._connection.get(self._path, query, idle=self._idle_limit) as reply,
            ):
                began = time.monotonic()
                self.stats.watches += 1
                if not self._doubtful:
                    self._well()
                await self._follow(reply, patience)
        except TimeoutError:
            if not patience.expired():
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

    async def _follow(self, reply: Reply, patience: asyncio.Timeout) -> None:
        """Take the stream's lines until it ends."""
        self._complained = False
        lines = Lines(self._skipped, self._longest_line)
        while True:
            patience.reschedule(self._replay.hears() if self._replay else None)
            piece = await reply.piece()
            if not piece:
                return
            for line in lines.feed(piece):
                self._take(line)
                if self._replay is not None and self._replay.is_over(self._version):
                    await self._catch_up()
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
        elif self._replay is not None:
            self._replay.told(job, gone=event.type == "DELETED")
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
        if self._replay is None:
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

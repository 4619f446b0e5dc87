"""List and watch: one resource in one scope, followed for as long as the exporter runs.

A list in pages gives the content and a version; a watch from that version gives every change
since. A watch ends all the time (by its own timeout, by an API server that restarts, by a proxy)
and is resumed where it stopped. Only when the server no longer has that version (410) is the scope
relisted, and compared with what is held, so that nothing is lost and no change emitted twice.
Whatever goes wrong, the content last known stays. After a restart what happened meanwhile can be
emitted first (``replay``).
Source: Kubernetes API concepts, "Efficient detection of changes"; the limits are client-go's.

One class, which hands each step to ``lister``, ``watcher``, ``health`` and ``replay``.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Final, Generic, TypeVar

from exporter.cluster.changes import ChangeHandler, PartHandler, ResumePoint
from exporter.cluster.client import ApiClient, RequestError, Response
from exporter.cluster.explain import explain
from exporter.cluster.health import EXPIRED, WatchHealth
from exporter.cluster.lines import LONGEST_LINE
from exporter.cluster.lister import PAGE_SIZE, Lister
from exporter.cluster.object_cache import ObjectCache, is_newer, is_older
from exporter.cluster.phase import Phase
from exporter.cluster.problems import Problems
from exporter.cluster.replay import LONGEST_DELAY, Replay
from exporter.cluster.stats import Stats
from exporter.cluster.watcher import WATCH_SECONDS, StreamItem, Watcher, WatchStream
from exporter.cluster.wire import Bookmark, InvalidObject, WatchEvent, WireDecoder
from exporter.resources.resource import Resource, ResourceObject
from exporter.resources.shard import EVERYTHING, Shard
from exporter.runtime.backoff import Backoff
from exporter.runtime.garbage_collection import uncollected
from exporter.runtime.time_slice import TimeSlice
from exporter.settings.defaults import DEFAULT_IDLE_LIMIT

logger = logging.getLogger(__name__)

_HEALTHY_AFTER: Final = 10.0
"""Seconds. A watch that lasted this long was not refused, whatever ended it."""
_SHORT: Final = 1.0
"""Seconds. A watch that ends sooner is followed by a pause, even if it brought something."""
_VOUCHED_FOR: Final = 180.0
"""Seconds without sync after which the content of a source that is not required is unknown: two
bookmarks and a reconnection."""
_SHARD_SELECTOR: Final = "shardSelector"
_REPLAYING: Final = "what happened meanwhile is being replayed"

T = TypeVar("T", bound=ResourceObject)


class Reflector(Generic[T]):
    """Follows the objects of one scope and emits every change to a handler; see ``run``."""

    def __init__(  # noqa: PLR0913 - each limit can be set by its name
        self,
        client: ApiClient,
        resource: Resource[T],
        scope: str,
        handler: ChangeHandler[T] | PartHandler[T],
        *,
        source: str = "",
        required: bool = True,
        may_be_absent: bool = False,
        selector: str = "",
        shard: Shard = EVERYTHING,
        resume: ResumePoint | None = None,
        page_size: int = PAGE_SIZE,
        idle_limit: float = DEFAULT_IDLE_LIMIT,
        watch_seconds: tuple[int, int] = WATCH_SECONDS,
        longest_line: int = LONGEST_LINE,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to follow the namespace ``scope``, or all where it is empty.

        ``source`` names it where several follow one scope; by default the resource does. Unless
        it is ``required``, what is not in sync for long is withdrawn from the handler; and where it
        ``may_be_absent``, a cluster without such objects is no failure. What is not of the
        ``shard`` is left out: by the API server where it can, else here. With ``resume`` the
        handler gets what happened since, before it is synced: see ``replay``.
        ``idle_limit`` is in seconds.
        """
        self.resource = resource
        self.source = source or resource.plural
        self.scope = scope
        self.phase = Phase.LISTING
        self.stats = Stats()
        self.problems = Problems(resource)
        self.last_error: str | None = "not started yet"
        """Why there is no content yet, or what is wrong now; one line, None when all is well."""
        self._handler = handler
        self._withdraw = None if required else getattr(handler, "on_unknown", None)
        self._withdrawn = False
        self._may_be_absent = may_be_absent
        self.absent = False
        """Whether the API server does not know such objects, and need not."""
        self._synced_at = float("-inf")
        """By a clock that nobody sets, when the content was last known to be current."""
        self._cache = ObjectCache(scope, handler, self.problems)
        self._health = WatchHealth(backoff or Backoff())
        self._version = ""
        self._watching_since = float("inf")
        """By a clock that nobody sets, when the last watch was accepted."""
        self._last_watch_lasted = False
        self._resume = resume
        self._replay: Replay[T] | None = None
        self._clock = clock
        self._time_slice = TimeSlice()
        self._where = f"namespace {scope}" if scope else "all namespaces"
        path = resource.path(scope)
        self._owns = partial(resource.is_in, shard)
        self._selection = {"labelSelector": selector} if selector else {}
        if resource.crawl_uid is None and not shard.is_everything:
            self._selection[_SHARD_SELECTOR] = shard.selector

        def get(query: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
            return client.get(path, {**query, **self._selection}, idle=idle_limit)

        decoder = WireDecoder(resource)
        self._lister = Lister(
            get,
            decoder,
            page_size=page_size,
            on_invalid=self._on_invalid,
            stats=self.stats,
            clock=clock,
            time_slice=self._time_slice,
            owns=self._owns,
        )
        self._watcher = Watcher(
            get,
            decoder,
            watch_seconds=watch_seconds,
            longest_line=longest_line,
            stats=self.stats,
            where=self._where,
        )

    @property
    def synced(self) -> bool:
        """Whether the content has been complete once."""
        return self.phase.synced

    @property
    def vouches(self) -> bool:
        """Whether the content counts: it was complete, and not out of sync for long since."""
        return self.synced and not self._withdrawn

    @property
    def objects(self) -> Collection[T]:
        """The scope's objects as last seen, a view; complete once it is ``synced``."""
        return self._cache.objects

    async def run(self) -> None:
        """List and watch until cancelled; no failure of the server's ends it.

        After a fault of ours it may be run again, and goes on with what it holds.
        """
        if not self.synced:
            self.last_error = "the first list is not complete yet"
        while True:
            try:
                if self.phase.needs_list:
                    await self._list()
                await self._watch()
            except RequestError as error:
                await self._recover(error)

    async def _recover(self, error: RequestError) -> None:
        """Count a failure, report what it means, and wait before the next try."""
        self._withdraw_if_outdated()
        listing = self.phase.needs_list
        (self.stats.list_failures if listing else self.stats.reconnects)[error.reason] += 1
        if error.reason in EXPIRED and self._replay is not None:
            logger.warning("%s: what happened meanwhile is not known: %s", self._where, error)
            self._version = self._replay.version
            await self._catch_up()
            return
        if "shard selector" in str(error) and self._selection.pop(_SHARD_SELECTOR, ""):
            logger.warning("%s: all shards are asked for: %s", self._where, error)
            return
        retry = self._health.failed(error, longest=None if self._replay is None else LONGEST_DELAY)
        if error.reason in EXPIRED and self.synced:
            self.phase = Phase.RELISTING
        if retry.delay is None:
            logger.info("%s: listing anew: %s", self._where, error)
            return
        self.absent = self._may_be_absent and error.reason == "not_found"
        if self.absent or retry.is_error:
            self._report(explain(error, self.resource, self._where))
        if self._replay is not None and self._replay.deadline_passed(retry.delay):
            await self._give_up_replay(f"it cannot be watched: {error}")
        await asyncio.sleep(retry.delay)

    def _note_in_sync(self) -> None:
        """The content is current; where it was withdrawn, it counts again."""
        self.stats.last_sync = self._clock()
        self._synced_at = time.monotonic()
        if self._withdrawn:
            self._withdrawn = False
            self._handler.on_synced(self.scope, self._version)

    @contextmanager
    def _withdrawing_meanwhile(self) -> Iterator[None]:
        """Withdraw when it is time, also within a list, which may go on for ten minutes."""
        left = self._synced_at + _VOUCHED_FOR - time.monotonic()
        timer = asyncio.get_running_loop().call_later(max(0.0, left), self._withdraw_if_outdated)
        try:
            yield
        finally:
            timer.cancel()

    def _withdraw_if_outdated(self) -> None:
        outdated = time.monotonic() - self._synced_at >= _VOUCHED_FOR
        if self._withdraw is not None and self.vouches and outdated:
            self._withdrawn = True
            self._withdraw(self.scope)

    def _report(self, last_error: str | None) -> None:
        """Log an error once, however often it comes back, and its end."""
        if last_error == self.last_error:
            return
        self.last_error = last_error
        if last_error is None:
            kind, count = self.resource.kind, len(self._cache)
            logger.info("%s: %s: watching, %d objects", self._where, kind, count)
        elif self.absent:
            logger.info("%s: there are no %ss here", self._where, self.resource.kind)
        else:
            logger.warning("%s: %s; trying again", self._where, last_error)

    def _report_well(self) -> None:
        if self._replay is None:
            self._report(None)
        else:
            self.last_error = _REPLAYING

    def _watched(self) -> float:
        """Seconds since the last watch was accepted; below zero where it was not."""
        return time.monotonic() - self._watching_since

    def _progress(self) -> None:
        if self._health.progress(lasted=self._watched() >= _HEALTHY_AFTER):
            self._report_well()

    # -- list

    async def _list(self) -> None:
        if self._resume is None:
            with self._withdrawing_meanwhile():
                self._version = await self._lister.into(self._cache, self._version)
            self._complete()
        else:
            self._version, listed = await self._lister.all()
            await self._begin_replay(self._resume, listed)

    async def _begin_replay(self, resume: ResumePoint, listed: list[T]) -> None:
        self._resume = None
        self._replay = replay = Replay(resume, listed, self._version)
        self.phase = Phase.REPLAYING
        self._version = replay.resource_version
        if self._version != resume.resource_version:
            logger.warning(
                "%s: what happened meanwhile is not known: the version watched last, %s, is not "
                "of this API server's past", self._where, resume.resource_version
            )  # fmt: skip
        await replay.begin(self._cache, self._time_slice)
        if replay.is_over(self._version):
            await self._catch_up()

    async def _give_up_replay(self, why: str) -> None:
        logger.warning("%s: part of what happened meanwhile may be missing: %s", self._where, why)
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
        self.phase = Phase.WATCHING
        self.stats.objects = len(self._cache)
        self._withdrawn = self.absent = False
        self._note_in_sync()
        self._note_last_write()
        self._handler.on_synced(self.scope, self._version)

    def _note_last_write(self) -> None:
        """What was written while nobody watched counts as well, as far as the objects say it."""
        written = filter(None, map(self.resource.written_at, self._cache.objects))
        latest = max(written, default=None)
        if latest is not None:
            self.stats.last_event = max(self.stats.last_event or 0.0, min(latest, self._clock()))

    # -- watch

    async def _watch(self) -> None:
        """Follow one watch to its end; raises RequestError where that is a failure."""
        began_at, self._watching_since = self._version, float("inf")
        try:
            async with (
                asyncio.timeout_at(self._replay.deadline if self._replay else None) as deadline,
                self._watcher.watch(self._version) as stream,
            ):
                self._watching_since = time.monotonic()
                if self._health.accepting_is_enough:
                    self._report_well()
                if self._replay is None and self._last_watch_lasted:
                    # Nothing before now is missing: the server knows the version, and would send
                    # what came after it. A load balancer may cut each watch before a bookmark.
                    self._note_in_sync()
                await self._follow(stream, deadline)
        except TimeoutError:
            if not deadline.expired():
                raise
            await self._give_up_replay("the API server sends nothing more")
            return
        except RequestError as error:
            self._last_watch_lasted = error.reason == "cut" and self._watched() >= _HEALTHY_AFTER
            if self._last_watch_lasted:
                self._progress()
            raise
        watched = self._watched()
        self._last_watch_lasted = watched >= _HEALTHY_AFTER
        if watched < (_HEALTHY_AFTER if self._version == began_at else _SHORT):
            raise RequestError("ended", "the API server ends each watch at once")
        self._progress()
        self.stats.reconnects["ended"] += 1

    async def _follow(self, stream: WatchStream[T], deadline: asyncio.Timeout) -> None:
        """Handle what the stream sends until it ends; ``deadline`` is the replay's."""
        while True:
            deadline.reschedule(self._replay.extend_deadline() if self._replay else None)
            items = await stream.read()
            if items is None:
                return
            with uncollected():
                for item in items:
                    self._handle(item)
                    if self._replay is not None and self._replay.is_over(self._version):
                        await self._catch_up()
                    await self._time_slice.yield_if_due()

    def _handle(self, item: StreamItem[T]) -> None:
        match item:
            case WatchEvent():
                self._on_event(item)
            case Bookmark(version):
                self._on_bookmark(version)
            case InvalidObject():
                self._on_invalid(item)

    def _on_event(self, event: WatchEvent[T]) -> None:
        stats, item = self.stats, event.object
        if not self._owns(item):  # it came all the same, where the API server does not shard
            stats.foreign_objects += 1
            self._note_in_sync()
            self._advance(item.metadata.resource_version)
            return
        stats.events[event.type] += 1
        stats.last_event = self._clock()
        self._note_in_sync()
        apply = self._cache.delete if event.type == "DELETED" else self._cache.upsert
        if not apply(item, self._version):
            stats.stale_events += 1
        elif self._replay is not None:
            self._replay.observe(item, deleted=event.type == "DELETED")
        stats.objects = len(self._cache)
        self._advance(item.metadata.resource_version)

    def _on_bookmark(self, version: str) -> None:
        self.stats.events["BOOKMARK"] += 1
        if is_older(version, self._version):
            # After a restored backup a server may wait for our version to come, silently.
            raise RequestError("rewound", "the API server's versions have gone back")
        self._note_in_sync()
        self._progress()
        self._advance(version)
        if self._replay is None:
            self._handler.on_bookmark(self.scope, self._version)

    def _on_invalid(self, item: InvalidObject) -> None:
        """Report it; what was held of it stays, unless it is deleted."""
        self.stats.invalid_objects += 1
        self.problems.report_invalid(item.namespace, item.why)
        if item.event_type is not None:
            self.stats.events[item.event_type] += 1
            self._advance(item.version)
        if item.event_type == "DELETED":
            self._cache.vanished((item.namespace, item.name))
            self.stats.objects = len(self._cache)

    def _advance(self, version: str | None) -> None:
        if version and is_newer(version, self._version):
            self._version = version
            self._progress()

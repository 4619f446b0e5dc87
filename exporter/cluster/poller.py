"""List again and again: one resource in one scope that cannot be watched.

``metrics.k8s.io`` keeps nothing and has no versions: a list says what was measured last, and that
is all there is. So what no list says anew is no longer known after three intervals, be it that
lists fail, that they leave an object out, or that its timestamp stands still. A list counts whole
or not at all. It comes in one body of any size, is read while it arrives, and never holds up the
event loop.
Whatever goes wrong, the next list is no sooner than an interval after this one.
Source: Kubernetes, "Resource metrics pipeline".
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final, Generic, TypeVar

from exporter.cluster.changes import PartHandler
from exporter.cluster.client import ApiClient, RequestError, Response
from exporter.cluster.explain import explain, explain_stale
from exporter.cluster.items import LONGEST_ITEM, ItemSplitter
from exporter.cluster.polled_objects import PolledObjects
from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.cluster.wire import InvalidObject, WireDecoder
from exporter.resources.decoding import InvalidObjectError
from exporter.resources.identity import Key, key_of
from exporter.resources.resource import Resource, ResourceObject
from exporter.runtime.backoff import Backoff
from exporter.runtime.garbage_collection import uncollected
from exporter.runtime.time_slice import TimeSlice
from exporter.settings.defaults import DEFAULT_IDLE_LIMIT

logger = logging.getLogger(__name__)

UNKNOWN_AFTER: Final = 3.0
"""Intervals without a good list, or with a timestamp that stands still."""
_LONGEST_LIST: Final = 1.9
"""Intervals that a list may take: with the one before it less than three, so that lists which are
slow and good withdraw nothing."""
_HAIR: Final = 0.05
"""Of an interval. Lists are never on the dot, and a fourth one would be another interval."""
_LONGEST_DELAY: Final = 4.0
"""Intervals between two lists that fail."""
_REMEMBERED: Final = 20.0
"""Intervals for which it is said that most figures were stale: where they are measured too seldom,
they are fresh now and then, and that is no end of it."""
_JITTER: Final = 1 / 3
"""Of an interval, added to the one after the first list: so exporters that started together do not
go on together."""
_WINDOW: Final = 32 * 1024
"""Bytes that are read in one go: fifty objects, or a millisecond."""

T = TypeVar("T", bound=ResourceObject)


class Poller(Generic[T]):
    """Lists the objects of one scope and emits every change to a handler; see ``run``."""

    def __init__(  # noqa: PLR0913 - each limit can be set by its name
        self,
        client: ApiClient,
        resource: Resource[T],
        scope: str,
        handler: PartHandler[T],
        *,
        interval: float,
        source: str = "",
        selector: str = "",
        idle_limit: float = DEFAULT_IDLE_LIMIT,
        keeps: Callable[[T], bool] = lambda _: True,
        longest_item: int = LONGEST_ITEM,
        backoff: Backoff | None = None,
        rng: Callable[[float, float], float] = random.uniform,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare to list the namespace ``scope``, or all where it is empty.

        ``source`` names it where several poll one scope; by default the resource does.
        What it does not ``keep`` is as if not listed; that may be another answer with each list.
        ``interval`` and ``idle_limit`` are in seconds. An interval shorter than the one at which
        the other side measures is of no use, and one of less than a third makes all stale.
        """
        self.resource = resource
        self.source = source or resource.plural
        self.scope = scope
        self.stats = Stats()
        self.problems = Problems(resource)
        self.last_error: str | None = "not started yet"
        """Why there is no content yet, or what is wrong now; one line, None when all is well."""
        self._handler = handler
        self._keeps = keeps
        self._interval = interval
        self._backoff = backoff or Backoff(interval, _LONGEST_DELAY * interval)
        self._rng = rng
        self._clock = clock
        self._longest_item = longest_item
        self._objects = PolledObjects(
            resource,
            scope,
            handler,
            self.problems,
            stale_after=(UNKNOWN_AFTER - _HAIR) * interval,
        )
        self._synced = False
        self._up = False
        self._withdrawal: asyncio.TimerHandle | None = None
        self._stale_at = float("-inf")
        """By a clock that nobody sets, when most of what was listed was stale."""
        self._decoder = WireDecoder(resource)
        self._time_slice = TimeSlice()
        self._where = f"namespace {scope}" if scope else "all namespaces"
        path = resource.path(scope)
        selection = {"labelSelector": selector} if selector else {}

        def get(query: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
            return client.get(path, {**query, **selection}, idle=idle_limit)

        self._get = get

    @property
    def synced(self) -> bool:
        """Whether the content is complete and known: after a list, until it is withdrawn."""
        return self._synced

    @property
    def vouches(self) -> bool:
        """Whether the content counts."""
        return self._synced

    @property
    def absent(self) -> bool:
        """False: where nobody measures, something is missing."""
        return False

    @property
    def up(self) -> bool:
        """Whether the last list succeeded."""
        return self._up

    @property
    def objects(self) -> Collection[T]:
        """The scope's objects as measured within three intervals; a view."""
        return self._objects.objects

    async def run(self) -> None:
        """List every interval until cancelled; no failure of the server's ends it.

        After a fault of ours it may be run again, and goes on with what it holds.
        """
        try:
            if not self.synced:
                self.last_error = "the first list is not complete yet"
                delay = await self._poll()
                await asyncio.sleep(delay + self._rng(0.0, _JITTER * self._interval))
            while True:
                delay = await self._poll()
                await asyncio.sleep(delay)
        except asyncio.CancelledError:
            if self._withdrawal is not None:
                self._withdrawal.cancel()
            raise

    async def _poll(self) -> float:
        """List once; returns how many seconds to wait for the next."""
        began = time.monotonic()
        try:
            listed = await self._list()
        except RequestError as error:
            self._up = False
            self.stats.list_failures[error.reason] += 1
            self._report(explain(error, self.resource, self._where))
            return max(self._interval, self._backoff.next(error.retry_after))
        self._vouch()
        await self._apply(listed, began)
        self._backoff.reset()
        self._up = self._synced = True
        if self._objects.mostly_stale:
            self._stale_at = began
        is_stale = began - self._stale_at < _REMEMBERED * self._interval
        self._report(explain_stale(self.resource, self.source) if is_stale else None)
        self._handler.on_synced(self.scope, "")
        took = time.monotonic() - began
        return self._interval - took if took < self._interval else self._interval

    def _report(self, last_error: str | None) -> None:
        """Log an error once, however often it comes back, and its end."""
        if last_error == self.last_error:
            return
        self.last_error = last_error
        kind = self.resource.kind
        if last_error is None:
            logger.info("%s: %s: listed, %d objects", self._where, kind, len(self._objects))
        else:
            logger.warning("%s: %s: %s; trying again", self._where, kind, last_error)

    # -- what is vouched for

    def _vouch(self) -> None:
        """A list is good: what it says is known for the next three intervals."""
        if self._withdrawal is not None:
            self._withdrawal.cancel()
        loop = asyncio.get_running_loop()
        self._withdrawal = loop.call_later(UNKNOWN_AFTER * self._interval, self._withdraw)

    def _withdraw(self) -> None:
        """No list was good since: nothing is known any more. The next good one is compared."""
        self._withdrawal = None
        self._synced = False
        self._handler.on_unknown(self.scope)

    async def _apply(self, listed: list[T], now: float) -> None:
        """Hand on what the list has brought, and what has not been listed for long."""
        changed = False
        seen = set[Key]()
        for item in listed:
            key = key_of(item)
            seen.add(key)
            changed |= self._objects.upsert(key, item, now)
            await self._time_slice.yield_if_due()
        for key in self._objects.keys_except(seen):
            changed |= self._objects.missing(key, now)
            await self._time_slice.yield_if_due()
        stats = self.stats
        stats.objects = len(self._objects)
        stats.lists += 1
        stats.last_list = stats.last_sync = self._clock()
        if changed:
            stats.last_event = stats.last_list

    # -- list

    async def _list(self) -> list[T]:
        """Return what a complete list shows, as far as it can be read."""
        longest = _LONGEST_LIST * self._interval
        try:
            async with asyncio.timeout(longest), self._get({}) as reply:
                return await self._read(reply)
        except TimeoutError:
            raise RequestError("stalled", f"the list took more than {longest:g} s") from None
        except InvalidObjectError as error:
            raise RequestError("not_json", f"the list cannot be read: {error}") from error

    async def _read(self, reply: Response) -> list[T]:
        found: list[T] = []
        splitter = ItemSplitter(self._on_too_long, self._longest_item)
        async with aclosing(reply.pieces()) as pieces:
            async for piece in pieces:
                for begin in range(0, len(piece), _WINDOW):
                    with uncollected():
                        for text in splitter.feed(piece[begin : begin + _WINDOW]):
                            self._read_item(text, found)
                    await self._time_slice.yield_if_due()
        self._decoder.read_page(splitter.envelope)  # which says whether it was a list at all
        return found

    def _read_item(self, text: bytes, found: list[T]) -> None:
        for item in self._decoder.read_item(text):
            if isinstance(item, InvalidObject):
                self._on_invalid(item.namespace, item.why)
            elif self._keeps(item):
                found.append(item)

    def _on_too_long(self) -> None:
        self._on_invalid("", f"it is longer than {self._longest_item} bytes")

    def _on_invalid(self, namespace: str, why: str) -> None:
        """Report it; it is as if not listed."""
        self.stats.invalid_objects += 1
        self.problems.report_invalid(namespace or self.scope, why)

"""Lists one scope completely, in pages: the first page's version holds for all of them.

Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final, Generic, TypeVar

from exporter.cluster.client import Get, RequestError
from exporter.cluster.object_cache import ObjectCache, is_older
from exporter.cluster.stats import Stats
from exporter.cluster.wire import InvalidObject, Page, WireDecoder
from exporter.resources.decoding import InvalidObjectError
from exporter.resources.identity import Key, key_of
from exporter.resources.resource import ResourceObject
from exporter.runtime.garbage_collection import uncollected
from exporter.runtime.time_slice import TimeSlice

PAGE_SIZE: Final = 200
"""Objects. A page is parsed in one go, about 20 ms of the event loop's time."""

MOST_PAGES: Final = 10_000
"""Of one list; a server that goes on is one that never ends."""
LONGEST_LIST: Final = 600.0
"""Seconds. An API server forgets the version of a list after five minutes."""

T = TypeVar("T", bound=ResourceObject)


class Lister(Generic[T]):
    """Lists with ``into`` or ``all``; raises RequestError, and what was handled so far stays."""

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        get: Get,
        decoder: WireDecoder[T],
        *,
        page_size: int,
        on_invalid: Callable[[InvalidObject], None],
        stats: Stats,
        clock: Callable[[], float],
        time_slice: TimeSlice,
        owns: Callable[[T], bool],
    ) -> None:
        """``get`` sends a request to the scope; what it does not ``own`` is as if not listed."""
        self._get = get
        self._decoder = decoder
        self._page_size = page_size
        self._on_invalid = on_invalid
        self._stats = stats
        self._clock = clock
        self._time_slice = time_slice
        self._owns = owns

    async def into(self, cache: ObjectCache[T], reached: str) -> str:
        """Make the cache what the list shows; returns the list's version.

        What the cache held and the list does not show has vanished; until the list is complete it
        stays. ``reached`` is the version known so far: a list that is older is true all the same.
        """

        def upsert(item: T, version: str) -> None:
            cache.upsert(item, rewound=is_older(version, reached))

        version, listed = await self._list(upsert)
        for key in cache.keys_except(listed):
            cache.vanished(key)
            await self._time_slice.yield_if_due()
        self._count()
        return version

    async def all(self) -> tuple[str, list[T]]:
        """Return the list's version and its objects."""
        found: list[T] = []
        version, _ = await self._list(lambda item, _: found.append(item))
        self._count()
        return version, found

    def _count(self) -> None:
        self._stats.lists += 1
        self._stats.last_list = self._clock()

    async def _list(self, handle: Callable[[T, str], None]) -> tuple[str, set[Key]]:
        """Hand over each object with the list's version; returns that, and all that is there.

        An object that cannot be read is there all the same, so what is known of it can stay.
        """
        try:
            async with asyncio.timeout(LONGEST_LIST):
                with uncollected():
                    return await self._list_pages(handle)
        except TimeoutError:
            raise RequestError("stalled", f"the list took more than {LONGEST_LIST:g} s") from None

    async def _list_pages(self, handle: Callable[[T, str], None]) -> tuple[str, set[Key]]:
        version = ""
        listed = set[Key]()
        async with aclosing(self._pages()) as pages:
            async for page in pages:
                version = version or page.metadata.version
                self._stats.pages += 1
                for item in page.items:
                    if isinstance(item, InvalidObject):
                        self._on_invalid(item)
                        listed.add((item.namespace, item.name))
                    elif self._owns(item):
                        listed.add(key_of(item))
                        handle(item, version)
                    else:
                        self._stats.foreign_objects += 1
                    await self._time_slice.yield_if_due()
        return version, listed

    async def _pages(self) -> AsyncGenerator[Page[T]]:
        """Ask for one page after the other; close it.

        The next page is on its way while one is handled: the server works while we do.
        """
        query = {"limit": str(self._page_size)}
        fetching = asyncio.create_task(self._page(query))
        token = ""
        try:
            for _ in range(MOST_PAGES):
                page = await fetching
                if not page.metadata.more:
                    yield page
                    return
                if page.metadata.more == token:
                    raise RequestError("not_json", "the list names the same next page twice")
                token = page.metadata.more
                following = {**query, "continue": token}
                fetching = asyncio.create_task(self._page(following))
                await asyncio.sleep(0)  # so that it is sent first
                yield page
            raise RequestError("too_large", f"the list has more than {MOST_PAGES} pages")
        finally:
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)

    async def _page(self, query: Mapping[str, str]) -> Page[T]:
        async with self._get(query) as reply:
            try:
                body = await reply.read()
            except RequestError as error:
                if error.reason == "too_large":
                    self._page_size = max(1, self._page_size // 4)  # of the next try
                raise
        try:
            return self._decoder.read_page(body)
        except InvalidObjectError as error:
            raise RequestError("not_json", f"the list cannot be read: {error}") from error

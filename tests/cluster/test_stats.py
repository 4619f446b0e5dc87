"""What is counted of a scope, and when it was in sync, event by event."""

import asyncio

from support.scripted_api import (
    FOR_EVER,
    SILENT,
    bookmark,
    event,
    following,
    listing,
    page,
    watching,
)
from support.virtual_time import in_virtual_time


@in_virtual_time
async def test_each_event_is_counted_once_and_moves_what_it_says() -> None:
    parts = (
        *(1.0, event("b", 11, "ADDED")),
        *(1.0, event("b", 12), event("a", 10)),
        *(1.0, bookmark(12)),
        *(1.0, event("a", 13, "DELETED"), bookmark(14), bookmark(14)),
        FOR_EVER,
    )
    async with following(watching(parts)) as reflector:
        seen = []
        for _second in range(5):
            await asyncio.sleep(0.5)
            stats = reflector.stats
            seen.append((stats.objects, stats.last_event, stats.last_sync, stats.stale_events))
            await asyncio.sleep(0.5)
        assert [(objects, sync, stale) for objects, _, sync, stale in seen] == [
            (1, 0, 0),
            (2, 1, 0),
            (2, 2, 1),
            (2, 3, 1),
            (1, 4, 1),
        ]
        assert [last_event for _, last_event, _, _ in seen][1:] == [1, 2, 2, 4]
        assert stats.events == {"ADDED": 1, "MODIFIED": 2, "DELETED": 1, "BOOKMARK": 3, "ERROR": 0}
        assert (stats.lists, stats.watches) == (1, 1)
        assert sum(stats.reconnects.values()) == sum(stats.list_failures.values()) == 0


@in_virtual_time
async def test_a_watch_that_ends_is_counted_once() -> None:
    async with following(watching((20.0,), (20.0,), SILENT)) as reflector:
        await asyncio.sleep(50)
        assert reflector.stats.watches == 3
        assert reflector.stats.reconnects["ended"] == 2
        assert sum(reflector.stats.reconnects.values()) == 2


@in_virtual_time
async def test_a_list_is_counted_when_it_is_complete_with_all_its_pages() -> None:
    api = listing((2.0, page("a", more="token")), (3.0, page("b")), (page("a"),))
    async with following(api) as reflector:
        await asyncio.sleep(4.9)
        assert (reflector.stats.lists, reflector.stats.last_list) == (0, None)
        assert not reflector.synced
        await asyncio.sleep(0.2)
        assert (reflector.stats.lists, reflector.stats.last_list) == (1, 5)
        assert reflector.stats.objects == 2

"""Sources that are not required wait for those that are, as long as these get on."""

import asyncio

from exporter.runtime import head_start
from exporter.runtime.head_start import HEAD_START
from support.virtual_time import in_virtual_time, now


@in_virtual_time
async def test_a_list_of_many_minutes_is_waited_for_as_long_as_pages_come() -> None:
    pages = 0

    async def listing() -> None:
        nonlocal pages
        for _ in range(60):
            await asyncio.sleep(HEAD_START - 1)
            pages += 1

    listed = asyncio.create_task(listing())
    await head_start.wait_for(listed.done, lambda: pages)

    assert 540 <= now() < 541


@in_virtual_time
async def test_one_that_brings_nothing_is_waited_for_ten_seconds() -> None:
    await head_start.wait_for(lambda: False, lambda: 0)

    assert HEAD_START <= now() < HEAD_START + 0.1


@in_virtual_time
async def test_one_that_stalls_is_waited_for_ten_seconds_from_there_on() -> None:
    await head_start.wait_for(lambda: False, lambda: int(min(now(), 30)))

    assert 30 + HEAD_START <= now() < 30 + HEAD_START + 0.2


@in_virtual_time
async def test_one_that_is_ready_is_not_waited_for() -> None:
    await head_start.wait_for(lambda: True, lambda: 0)

    assert now() == 0

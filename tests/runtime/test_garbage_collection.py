"""Nothing is collected while the first lists are handled; from then on what is young is."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from exporter.runtime import garbage_collection
from exporter.runtime.garbage_collection import collect_periodically


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(garbage_collection, "_LOOK_EVERY", 0.001)
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


async def until_enabled() -> None:
    async with asyncio.timeout(10):
        while not gc.isenabled():
            await asyncio.sleep(0.001)


async def test_nothing_is_collected_before_the_start_is_over() -> None:
    started = asyncio.Event()
    looks = 0

    def look() -> bool:
        nonlocal looks
        looks += 1
        return started.is_set()

    task = asyncio.create_task(collect_periodically(look))
    while looks < 3:
        await asyncio.sleep(0)
    assert not gc.isenabled()
    started.set()
    await until_enabled()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold()[0] == 5_000
    task.cancel()


async def test_a_start_that_does_not_end_keeps_nothing_from_being_collected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(garbage_collection, "_LONGEST_START", 0.005)
    task = asyncio.create_task(collect_periodically(lambda: False))
    await asyncio.sleep(0)
    assert not gc.isenabled()
    await until_enabled()
    task.cancel()

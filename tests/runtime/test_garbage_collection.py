"""What stays is looked at once an hour, what forms cycles is freed soon."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from exporter.runtime.garbage_collection import (
    collect_periodically,
    keep_collections_short,
    uncollected,
)
from support.virtual_time import in_virtual_time


@pytest.fixture(autouse=True)
def own_settings() -> Iterator[None]:
    thresholds = gc.get_threshold()
    keep_collections_short()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


class Knot:
    """Refers to itself: freed by a collection alone."""

    def __init__(self) -> None:
        self.itself = self


def tied() -> "weakref.ref[Knot]":
    return weakref.ref(Knot())


def test_what_is_made_within_is_not_looked_at_afterwards() -> None:
    with uncollected():
        assert not gc.isenabled()
        kept = [[number] for number in range(20_000)]
    assert gc.isenabled()
    assert not any(one is kept for one in gc.get_objects())
    assert gc.get_count()[0] < 1_000


def test_garbage_from_before_is_freed() -> None:
    garbage = tied()
    with uncollected():
        assert garbage() is None


def test_collections_go_on_after_a_failure() -> None:
    with pytest.raises(LookupError), uncollected():
        raise LookupError
    assert gc.isenabled()
    garbage = tied()
    kept = [[number] for number in range(20_000)]
    assert garbage() is None
    del kept


@in_virtual_time
async def test_garbage_that_was_kept_is_freed_by_the_hourly_collection() -> None:
    with uncollected():
        garbage = tied()
    gc.collect()
    assert garbage() is not None
    task = asyncio.create_task(collect_periodically())
    await asyncio.sleep(3599.9)
    assert garbage() is not None
    await asyncio.sleep(0.2)
    assert garbage() is None
    with uncollected():
        later = tied()
    await asyncio.sleep(3600)
    assert later() is None
    task.cancel()

"""What an API server may send without end costs a bounded time, and others their turn."""

import asyncio
from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any

import pytest

from exporter.cluster.client import RequestError
from exporter.runtime.backoff import Backoff
from support.change_recorder import Recorder
from support.scripted_api import (
    FOR_EVER,
    SILENT,
    Answer,
    Part,
    ScriptedApi,
    answers,
    event,
    following,
    listing,
    page,
    watching,
)
from support.virtual_time import VirtualTimeLoop, in_virtual_time

# -- a list that never ends


def endless(*parts: Part) -> Iterator[Answer]:
    for number in count():
        yield (*parts, page(version=10, more=f"token {number}"))


@in_virtual_time
async def test_a_list_has_ten_thousand_pages_at_most() -> None:
    api = ScriptedApi(endless(), answers(SILENT))
    async with following(api, backoff=Backoff(first=1000.0, most=1000.0)) as reflector:
        await asyncio.sleep(1)
        assert reflector.stats.list_failures["too_large"] == 1
        assert reflector.last_error is not None
        assert "the list has more than 10000 pages" in reflector.last_error
        assert not reflector.synced
    assert len(api.asked) == 10_000 + 1, "the page after the last was on its way"


@in_virtual_time
async def test_a_list_has_ten_minutes_at_most() -> None:
    api = ScriptedApi(endless(7.0), answers(SILENT))
    async with following(api, backoff=Backoff(first=1000.0, most=1000.0)) as reflector:
        await asyncio.sleep(599.9)
        assert reflector.stats.list_failures["stalled"] == 0
        await asyncio.sleep(0.2)
        assert reflector.stats.list_failures["stalled"] == 1
        assert reflector.last_error is not None
        assert "the list took more than 600 s" in reflector.last_error


@in_virtual_time
async def test_a_list_that_names_one_next_page_twice_has_failed() -> None:
    api = listing((page("a", more="same"),))
    async with following(api, backoff=Backoff(first=1000.0, most=1000.0)) as reflector:
        await asyncio.sleep(1)
        assert reflector.stats.list_failures["not_json"] == 1
    assert len(api.asked) == 2


@in_virtual_time
async def test_after_a_page_that_is_too_large_the_next_try_asks_for_a_quarter() -> None:
    api = listing((RequestError("too_large", "a page of the list exceeds so many bytes"),))
    async with following(api):
        await asyncio.sleep(120)
    assert [one.query["limit"] for one in api.asked][:7] == ["200", "50", "12", "3", "1", "1", "1"]


# -- what is nested without end


DEEP = b"[" * 100_000 + b"]" * 100_000
"""A list in a list in a list, a hundred thousand times."""


def nested(objects: bytes) -> bytes:
    """The same with that in the first one's spec."""
    before, spec, after = objects.partition(b'"spec": {')
    assert spec
    return before + spec + b'"extra": ' + DEEP + b", " + after


@in_virtual_time
async def test_an_object_of_a_list_nested_too_deep_is_read_as_far_as_anybody_looks() -> None:
    api = listing((nested(page("a", "b")),))
    recorder = Recorder()
    async with following(api, recorder) as reflector:
        await asyncio.sleep(1)
        assert reflector.synced
        assert reflector.stats.invalid_objects == 0
    assert recorder.names == ["a", "b"]


@pytest.mark.parametrize("body", [DEEP, DEEP[:100_000]], ids=["closed", "cut off"])
@in_virtual_time
async def test_a_list_that_is_nothing_but_nested_is_a_clear_error(body: bytes) -> None:
    api = listing((body,))
    async with following(api) as reflector:
        await asyncio.sleep(1)
        assert reflector.stats.list_failures["not_json"] >= 1
        assert reflector.last_error is not None
        assert "the list cannot be read: " in reflector.last_error
        assert len(reflector.last_error) < 300


@in_virtual_time
async def test_a_line_nested_too_deep_costs_itself_alone() -> None:
    api = watching(
        (
            1.0,
            nested(event("deep", 11)),
            DEEP + b"\n",
            DEEP[:100_000] + b"\n",
            event("b", 12),
            FOR_EVER,
        )
    )
    recorder = Recorder()
    async with following(api, recorder) as reflector:
        await asyncio.sleep(2)
        assert reflector.stats.invalid_lines == 2
        assert reflector.stats.watches == 1
    assert recorder.names == ["a", "b", "deep"]


# -- lines without end


@pytest.mark.parametrize("line", [b"{}\n", b'""\n', b"x\n"])
@in_virtual_time
async def test_tiny_lines_give_way_to_others_every_ten_milliseconds(
    monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    api = watching((1.0, line * 1000, FOR_EVER))
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    turns: list[int] = []

    async with following(api) as reflector:
        read = reflector._watcher._decoder.read_event

        def read_event(line: bytes) -> Any:
            loop.work_for(2**-10)  # a millisecond, of which sums are exact
            return read(line)

        monkeypatch.setattr(reflector._watcher._decoder, "read_event", read_event)
        await asyncio.sleep(1.0)
        while reflector.stats.invalid_lines < 1000:
            turns.append(reflector.stats.invalid_lines)
            await asyncio.sleep(0)
    assert max(after - before for before, after in pairwise(turns)) == 11

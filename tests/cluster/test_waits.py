"""How long a reflector waits, and for what: to the tenth of a second, in virtual time."""

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest

from exporter.cluster.changes import ResumePoint
from exporter.cluster.client import RequestError
from exporter.runtime.backoff import Backoff
from support.change_recorder import Recorder
from support.scripted_api import (
    FOR_EVER,
    SILENT,
    Answer,
    Part,
    event,
    following,
    listing,
    watching,
)
from support.virtual_time import in_virtual_time, now

ENDS = RequestError("unreachable", "nobody there")
CUT = RequestError("cut", "the connection was cut")


class TimedRecorder(Recorder):
    """Remembers when a scope was synced."""

    def __init__(self) -> None:
        super().__init__()
        self.synced_at: list[float] = []

    def on_synced(self, scope: str, resource_version: str) -> None:
        super().on_synced(scope, resource_version)
        self.synced_at.append(round(now(), 3))


def longest(_: float, most: float) -> float:
    return most


@in_virtual_time
async def test_a_list_that_fails_is_asked_for_again_after_waits_that_grow_to_half_a_minute() -> (
    None
):
    api = listing(ENDS)
    async with following(api):
        await asyncio.sleep(300)
    waits = [after - before for before, after in pairwise(api.times("list"))]
    most = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6]
    for wait, whole in zip(waits, most + [30.0] * len(waits), strict=False):
        assert whole / 2 <= wait <= whole
    assert len(waits) > len(most)


@in_virtual_time
async def test_every_request_may_be_silent_for_ninety_seconds() -> None:
    api = watching((20.0,))
    async with following(api):
        await asyncio.sleep(61)
    assert {one.idle for one in api.asked} == {90.0}
    assert len(api.times("watch")) == 4


@pytest.mark.parametrize(("draw", "seconds"), [(min, "240"), (max, "300")])
@in_virtual_time
async def test_a_watch_is_asked_for_four_to_five_minutes(
    monkeypatch: pytest.MonkeyPatch, draw: Any, seconds: str
) -> None:
    monkeypatch.setattr(random, "randint", draw)
    api = watching(SILENT)
    async with following(api):
        await asyncio.sleep(1)
    assert api.asked[-1].query["timeoutSeconds"] == seconds
    assert api.asked[0].query["limit"] == "200"


@pytest.mark.parametrize(
    ("parts", "ends_at", "at_once"),
    [
        pytest.param((9.9,), 9.9, False, id="nothing came for less than ten seconds"),
        pytest.param((10.0,), 10.0, True, id="nothing came for ten seconds"),
        pytest.param((event("a", 11), 0.9), 0.9, False, id="less than a second with an event"),
        pytest.param((event("a", 11), 1.0), 1.0, True, id="a second with an event"),
        pytest.param((event("a", 10), 1.0), 1.0, False, id="an old event is none"),
        pytest.param((9.9, CUT), 9.9, False, id="cut"),
    ],
)
@in_virtual_time
async def test_only_a_watch_that_lasted_is_followed_by_the_next_at_once(
    parts: tuple[Part, ...], ends_at: float, *, at_once: bool
) -> None:
    api = watching(parts, SILENT)
    async with following(api, backoff=Backoff(rng=longest)) as reflector:
        await asyncio.sleep(60)
        assert sum(reflector.stats.reconnects.values()) == 1
    assert api.times("watch") == pytest.approx([0.0, ends_at + (0.0 if at_once else 0.8)])


@pytest.mark.parametrize(("lasted", "in_sync_at"), [(9.9, 0.0), (10.0, 10.8)])
@in_virtual_time
async def test_a_watch_accepted_after_one_that_lasted_ten_seconds_is_in_sync(
    lasted: float, in_sync_at: float
) -> None:
    api = watching((lasted, CUT), SILENT)
    async with following(api, backoff=Backoff(rng=longest)) as reflector:
        await asyncio.sleep(60)
        assert reflector.stats.last_sync == pytest.approx(in_sync_at)


@pytest.mark.parametrize(("lasted", "next_at"), [(9.9, 0.8), (10.0, 0.0)])
@in_virtual_time
async def test_versions_forgotten_again_are_listed_at_once_only_after_ten_seconds_of_a_watch(
    lasted: float, next_at: float
) -> None:
    expired = RequestError("expired", "too old")
    api = watching((expired,), (lasted, event("a", 11), expired), SILENT)
    async with following(api, backoff=Backoff(rng=longest)):
        await asyncio.sleep(60)
    assert api.times("list") == pytest.approx([0.0, 0.0, lasted + next_at])


# -- a replay


@pytest.mark.parametrize(
    ("script", "synced_at"),
    [
        pytest.param([SILENT], 10.0, id="nothing comes for ten seconds"),
        pytest.param(
            [(9.9, event("b", 6), 9.9, event("b", 7), FOR_EVER)], 29.8, id="from the last event"
        ),
        pytest.param([None], 30.0, id="it is not accepted for half a minute"),
        pytest.param(
            [(4.9, event("b", 6), 1.0, CUT), None], 35.9 - 1.0, id="from the last event on"
        ),
        # Tried at 0, 0.8, 2.4 and then every three seconds; the next try would be at 32.4 s.
        pytest.param([ENDS], 29.4, id="it is refused, and the next try would be too late"),
    ],
)
@in_virtual_time
async def test_a_replay_of_which_something_is_missing_is_given_up(
    script: list[Answer], synced_at: float
) -> None:
    recorder = TimedRecorder()
    resume = ResumePoint("5", frozenset({"of another cluster"}))
    api = watching(*script)
    async with following(api, recorder, resume=resume, backoff=Backoff(rng=longest)):
        await asyncio.sleep(100)
    assert recorder.synced_at == [synced_at]

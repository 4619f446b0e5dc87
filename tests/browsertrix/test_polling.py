"""When something is asked, and for how long what it said counts; in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.browsertrix.http import NotFoundError
from exporter.browsertrix.polling import PolledSource, WholeSource
from exporter.browsertrix.rounds import RoundSource
from exporter.browsertrix.session import LoginRefusedError
from exporter.runtime.http_errors import RequestError
from exporter.runtime.tasks import cancel_and_wait
from support.virtual_time import in_virtual_time, now

DOWN = RequestError("unreachable", "nobody there")


class Handler:
    """Remembers what it was told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, Mapping[str, Any] | None]] = []

    def on_polled(self, items: Mapping[str, Any], at: float, /) -> None:  # noqa: ARG002
        self.told.append((now(), items))

    def on_unknown(self) -> None:
        self.told.append((now(), None))

    @property
    def last(self) -> Mapping[str, Any] | None:
        return self.told[-1][1]

    def times(self) -> list[float]:
        return [at for at, items in self.told if items is not None]


class Whole(WholeSource[int]):
    """Answers by a script; its last answer again and again."""

    def __init__(self, handler: Handler, answers: Iterator[Any], interval: float = 60.0) -> None:
        super().__init__("orgs", interval, [handler], rng=lambda _, most: most)
        self.answers = answers
        self.asked: list[float] = []

    async def ask(self) -> Mapping[str, int]:
        self.asked.append(now())
        answer = next(self.answers)
        if isinstance(answer, RequestError):
            raise answer
        return {"a": answer}


class Rounds(RoundSource[int]):
    """Answers with when it was asked; what is in ``fails`` raises."""

    def __init__(
        self, handler: Handler, oids: list[str] | None, interval: float, took: float = 0.0
    ) -> None:
        super().__init__(
            "org_counts", interval, [handler], lambda: self.oids, rng=lambda _, most: most
        )
        self.oids = oids
        self.fails: dict[str, RequestError] = {}
        self.asked: list[tuple[float, str]] = []
        self.took = took

    async def ask(self, oid: str) -> Mapping[str, int]:
        self.asked.append((now(), oid))
        await asyncio.sleep(self.took)
        if error := self.fails.get(oid) or self.fails.get("*"):
            raise error
        return {oid: round(now())}

    def times(self, oid: str) -> list[float]:
        return [at for at, asked in self.asked if asked == oid]


@asynccontextmanager
async def running(source: PolledSource[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(source.run())
    try:
        yield
    finally:
        await cancel_and_wait(task)


def forever(*answers: Any) -> Iterator[Any]:
    yield from answers
    while True:
        yield answers[-1]


@in_virtual_time
async def test_it_is_asked_every_interval_from_a_jittered_start_on() -> None:
    handler = Handler()
    source = Whole(handler, forever(1, 2, 3))
    async with running(source):
        await asyncio.sleep(200)

    assert source.asked == [6.0, 66.0, 126.0, 186.0]
    assert [items for _, items in handler.told] == [{"a": 1}, {"a": 2}, {"a": 3}, {"a": 3}]
    assert (source.known, source.up, source.last_error) == (True, True, None)


@in_virtual_time
async def test_what_was_known_counts_for_three_intervals_and_then_is_unknown_once() -> None:
    handler = Handler()
    source = Whole(handler, forever(1, DOWN))
    async with running(source):
        await asyncio.sleep(185)
        assert (handler.last, source.known, source.up) == ({"a": 1}, True, False)
        await asyncio.sleep(10_000)

    assert handler.told == [(6.0, {"a": 1}), (186.0, None)]
    assert (source.known, source.items) == (False, None)
    assert source.last_error == "nobody there"


@in_virtual_time
async def test_it_is_asked_less_and_less_while_it_fails_and_as_before_afterwards() -> None:
    handler = Handler()
    source = Whole(handler, forever(1, DOWN, DOWN, DOWN, DOWN, DOWN, 2))
    async with running(source):
        await asyncio.sleep(1200)

    waits = [b - a for a, b in zip(source.asked, source.asked[1:], strict=False)]
    assert waits[:8] == [60, 60, 120, 240, 240, 240, 60, 60]
    assert [items for _, items in handler.told[:3]] == [{"a": 1}, None, {"a": 2}]


@in_virtual_time
async def test_a_server_that_asks_to_wait_is_given_the_time() -> None:
    slow = RequestError("too_many_requests", "slow down", 100.0)
    source = Whole(Handler(), forever(slow, 1))
    async with running(source):
        await asyncio.sleep(150)

    assert source.asked == [6.0, 106.0]


@in_virtual_time
async def test_gone_for_an_hour_and_back() -> None:
    handler = Handler()
    source = Whole(handler, forever(1))
    async with running(source):
        await asyncio.sleep(10)
        source.answers = forever(DOWN)
        await asyncio.sleep(3600)
        assert handler.last is None
        source.answers = forever(2)
        await asyncio.sleep(240)
        assert handler.last == {"a": 2}


@in_virtual_time
async def test_after_a_refused_login_only_the_file_is_looked_at() -> None:
    source = Whole(Handler(), forever(LoginRefusedError("wrong"), LoginRefusedError("wrong"), 1))
    async with running(source):
        await asyncio.sleep(40)

    assert source.asked == [6.0, 21.0, 36.0]
    assert source.known


@in_virtual_time
async def test_a_failure_is_logged_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    source = Whole(Handler(), forever(1, DOWN, DOWN, DOWN, 2))
    async with running(source):
        await asyncio.sleep(1200)

    assert source.last_error is None
    assert [m for m in caplog.messages if "Browsertrix" in m] == [
        "Browsertrix answers",
        "Browsertrix cannot be asked, trying again",
        "Browsertrix answers",
    ]


# -- round by round


@in_virtual_time
async def test_a_thousand_organisations_are_spread_over_the_interval() -> None:
    handler = Handler()
    oids = [f"o{number}" for number in range(1000)]
    source = Rounds(handler, oids, 3600.0)
    async with running(source):
        await asyncio.sleep(12_000)

    first, second, third = source.times("o7")[:3]
    assert 3500 < second - first < 3700
    assert 3500 < third - second < 3700
    gaps = [b - a for (a, _), (b, _) in zip(source.asked, source.asked[1:], strict=False)]
    assert min(gaps[:999]) == 1.0, "sooner while nothing is known"
    assert min(gaps[1000:]) > 3.5
    assert len(handler.told) < 12_000 / 60 + 3, "handed on once a minute at most"


@in_virtual_time
async def test_nothing_is_handed_on_before_all_were_asked_and_then_never_less() -> None:
    handler = Handler()
    source = Rounds(handler, [f"o{number}" for number in range(1000)], 3600.0)
    async with running(source):
        await asyncio.sleep(1000)
        assert 950 < len(source.asked) < 1000
        assert (handler.told, source.known) == ([], False)
        await asyncio.sleep(9000)

    assert [len(items or ()) for _, items in handler.told] == [1000] * len(handler.told)
    inside_a_round = [items for at, items in handler.told if items and 4000 < at < 7000]
    assert len(inside_a_round) > 40, "from then on what is new is not kept back"


@in_virtual_time
async def test_an_outage_in_the_first_round_leaves_no_organisation_out() -> None:
    handler = Handler()
    source = Rounds(handler, [f"o{number}" for number in range(100)], 600.0)
    async with running(source):
        await asyncio.sleep(60)
        source.fails["*"] = DOWN
        await asyncio.sleep(900)
        assert (handler.told, source.known) == ([], False)
        source.fails.clear()
        await asyncio.sleep(400)

    assert [len(items or ()) for _, items in handler.told] == [100] * len(handler.told)
    assert source.known


@in_virtual_time
async def test_one_that_always_fails_does_not_keep_back_the_others() -> None:
    handler = Handler()
    source = Rounds(handler, ["a", "b", "c"], 600.0)
    source.fails["b"] = RequestError("server_error", "500")
    async with running(source):
        await asyncio.sleep(300)
        assert handler.last is not None
        assert handler.last.keys() == {"a", "c"}
        assert len(source.times("b")) == 2, "and is asked again once, lest it was an outage"


@in_virtual_time
async def test_a_few_are_asked_within_seconds_and_then_not_for_an_hour() -> None:
    handler = Handler()
    source = Rounds(handler, ["a", "b", "c"], 3600.0)
    async with running(source):
        await asyncio.sleep(4000)

    assert source.asked[:4] == [(15.0, "a"), (16.0, "b"), (17.0, "c"), (3615.0, "a")]
    assert handler.times()[:1] == [17.0]


@in_virtual_time
async def test_one_that_fails_keeps_what_it_said_for_three_intervals() -> None:
    handler = Handler()
    source = Rounds(handler, ["a", "b"], 600.0)
    async with running(source):
        await asyncio.sleep(100)
        source.fails["a"] = RequestError("server_error", "500")
        await asyncio.sleep(1650)
        assert handler.last is not None
        assert handler.last.keys() == {"a", "b"}
        await asyncio.sleep(200)
        assert handler.last.keys() == {"b"}
        source.fails.clear()
        await asyncio.sleep(1300)
        assert handler.last.keys() == {"a", "b"}


@in_virtual_time
async def test_where_all_fail_all_is_unknown_after_three_intervals() -> None:
    handler = Handler()
    source = Rounds(handler, ["a", "b"], 600.0)
    async with running(source):
        await asyncio.sleep(100)
        source.fails["*"] = DOWN
        await asyncio.sleep(1600)
        assert source.known
        await asyncio.sleep(1000)
        assert (handler.last, source.known) == (None, False)
        unknown = [at for at, items in handler.told if items is None]
        assert len(unknown) == 1
        source.fails.clear()
        await asyncio.sleep(1000)
        assert source.known


@in_virtual_time
async def test_an_organisation_that_is_deleted_takes_its_own_along() -> None:
    handler = Handler()
    source = Rounds(handler, ["a", "b"], 600.0)
    async with running(source):
        await asyncio.sleep(100)
        assert source.oids
        source.oids.remove("a")
        await asyncio.sleep(70)
        assert handler.last is not None
        assert handler.last.keys() == {"b"}
        source.fails["b"] = NotFoundError()
        await asyncio.sleep(700)
        assert handler.last == {}
        assert source.last_error is None


@in_virtual_time
async def test_a_round_longer_than_the_interval_withdraws_nothing() -> None:
    handler = Handler()
    source = Rounds(handler, [f"o{number}" for number in range(100)], 60.0, took=5.0)
    async with running(source):
        await asyncio.sleep(3000)

    assert all(items is not None for _, items in handler.told)
    assert handler.last is not None
    assert len(handler.last) == 100


@in_virtual_time
async def test_it_waits_until_the_organisations_are_known() -> None:
    handler = Handler()
    source = Rounds(handler, None, 600.0)
    async with running(source):
        await asyncio.sleep(100)
        assert (source.asked, handler.told) == ([], [])
        assert source.last_error == "the organisations are not known"
        source.oids = ["a"]
        await asyncio.sleep(20)
        assert source.known


@in_virtual_time
async def test_no_organisations_are_nothing_and_not_unknown() -> None:
    handler = Handler()
    source = Rounds(handler, ["a"], 600.0)
    async with running(source):
        await asyncio.sleep(30)
        source.oids = []
        await asyncio.sleep(100)
    assert handler.last == {}

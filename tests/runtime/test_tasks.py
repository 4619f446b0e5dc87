"""Supervised tasks: a fault in one leaves the others running, and it is run again."""

import asyncio

import pytest

from exporter.runtime.backoff import Backoff
from exporter.runtime.tasks import SupervisedTasks
from support.waiting import until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Faulty:
    """Fails whenever it is asked to; it counts its runs, and remembers over them."""

    def __init__(self) -> None:
        self.runs = 0
        self.fault = asyncio.Event()

    async def run(self) -> None:
        self.runs += 1
        await self.fault.wait()
        self.fault.clear()
        raise RuntimeError("a fault of ours")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tasks(clock: Clock) -> SupervisedTasks:
    return SupervisedTasks(clock=clock, backoff=lambda: Backoff(first=0.0))


async def fail(faulty: Faulty) -> None:
    runs = faulty.runs
    faulty.fault.set()
    await until(lambda: faulty.runs > runs)


async def test_after_a_fault_it_is_run_again_and_the_others_run_on(
    tasks: SupervisedTasks, caplog: pytest.LogCaptureFixture
) -> None:
    faulty, other = Faulty(), Faulty()
    tasks.start("history", faulty.run)
    tasks.start("the watch", other.run)
    await until(lambda: faulty.runs == other.runs == 1)
    assert tasks.restarts == {"history": 0, "the watch": 0}

    await fail(faulty)

    assert tasks.restarts == {"history": 1, "the watch": 0}
    assert (faulty.runs, other.runs) == (2, 1)
    assert tasks.failing == []
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["history ended by a fault", "history is run again"]
    assert caplog.records[0].exc_info
    await tasks.cancel()


async def test_the_pause_before_a_run_grows_and_is_short_again_once_one_lasted(
    clock: Clock,
) -> None:
    pauses: list[float] = []

    def longest(_: float, most: float) -> float:
        pauses.append(most)
        return 0.0

    tasks = SupervisedTasks(clock=clock, backoff=lambda: Backoff(1.0, 30.0, longest))
    faulty = Faulty()
    tasks.start("history", faulty.run)
    await until(lambda: faulty.runs == 1)
    for _ in range(3):
        await fail(faulty)
    clock.now += 59.9
    await fail(faulty)
    clock.now += 60.0
    await fail(faulty)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 1.0]
    await tasks.cancel()


async def test_it_is_lost_when_running_it_again_has_not_helped_for_ten_minutes(
    tasks: SupervisedTasks, clock: Clock
) -> None:
    faulty = Faulty()
    tasks.start("history", faulty.run)
    await until(lambda: faulty.runs == 1)
    await fail(faulty)
    for _ in range(19):
        clock.now += 30
        await fail(faulty)
    clock.now += 29.5
    assert tasks.failing == []
    clock.now += 0.5
    assert tasks.failing == ["history"]
    clock.now += 29.5
    assert tasks.failing == ["history"], "it has run for less than a minute"
    clock.now += 0.5
    assert tasks.failing == [], "it has run for a minute: it works"
    await fail(faulty)
    assert tasks.failing == [], "a new fault, after it has worked"
    await tasks.cancel()


async def test_one_that_returns_is_run_again(
    tasks: SupervisedTasks, caplog: pytest.LogCaptureFixture
) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs > 1:
            await asyncio.Event().wait()

    tasks.start("history", work)
    await until(lambda: runs == 2)
    assert "history ended, which it never should" in caplog.messages
    await tasks.cancel()


async def test_cancel_waits_until_all_have_ended(tasks: SupervisedTasks) -> None:
    ended: list[str] = []

    async def forever(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    tasks.start("a", lambda: forever("a"))
    tasks.start("b", lambda: forever("b"))
    await asyncio.sleep(0)

    await tasks.cancel()

    assert sorted(ended) == ["a", "b"]


async def test_one_that_drops_its_cancellation_is_cancelled_again(
    tasks: SupervisedTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.runtime.tasks.CANCEL_AGAIN", 0.01)
    dropped = 0

    async def work() -> None:
        nonlocal dropped
        while dropped < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # as wait_for of Python 3.11 may
                dropped += 1
        await asyncio.Event().wait()

    tasks.start("stubborn", work)
    await asyncio.sleep(0)

    await tasks.cancel()

    assert dropped == 3


async def test_a_cancellation_that_a_library_lets_through_is_a_fault_like_another(
    tasks: SupervisedTasks, caplog: pytest.LogCaptureFixture
) -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        inner = asyncio.ensure_future(asyncio.Event().wait())
        if runs == 1:
            inner.cancel()
        await inner

    tasks.start("history", work)
    await until(lambda: runs == 2)

    assert tasks.restarts == {"history": 1}
    assert caplog.messages == [
        "history ended by a cancellation that is not ours",
        "history is run again",
    ]
    await tasks.cancel()


async def test_one_that_is_ended_is_forgotten_and_the_others_run_on(tasks: SupervisedTasks) -> None:
    ended, other = Faulty(), Faulty()
    tasks.start("ended", ended.run)
    tasks.start("other", other.run)
    await fail(ended)

    await tasks.end("ended")
    ended.fault.set()
    await fail(other)

    assert ended.runs == 2
    assert tasks.restarts == {"other": 1}
    await tasks.cancel()

"""Supervised tasks: a fault in one leaves the others running."""

import asyncio

import pytest

from exporter.runtime.tasks import SupervisedTasks


async def forever(ended: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(name)


async def test_a_fault_is_logged_and_named_and_the_others_run_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def faulty() -> None:
        raise RuntimeError("a fault of ours")

    tasks, ended = SupervisedTasks(), list[str]()
    tasks.start("the watch", forever(ended, "the watch"))
    tasks.start("history", faulty())
    assert tasks.ended == []
    while not tasks.ended:
        await asyncio.sleep(0)

    assert tasks.ended == ["history"]
    assert ended == []
    (record,) = caplog.records
    assert record.getMessage() == "history ended by a fault"
    assert record.exc_info
    await tasks.cancel()


async def test_cancel_waits_until_all_have_ended() -> None:
    tasks, ended = SupervisedTasks(), list[str]()
    for name in ("a", "b"):
        tasks.start(name, forever(ended, name))
    await asyncio.sleep(0)

    await tasks.cancel()

    assert sorted(ended) == ["a", "b"]

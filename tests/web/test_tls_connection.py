"""Handshakes that come at once do not hold the loop together."""

import asyncio

from exporter.web.tls_connection import Turns
from support.waiting import until


async def test_each_turn_of_the_loop_has_one_piece_of_work() -> None:
    turns, done, between = Turns(), list[int](), list[int]()
    for number in range(5):
        turns.take(lambda number=number: done.append(number))  # type: ignore[misc]
    while len(done) < 5:
        between.append(len(done))
        await asyncio.sleep(0)
    assert done == [0, 1, 2, 3, 4]
    assert between == [0, 1, 2, 3, 4]


async def test_a_fault_in_one_does_not_stop_the_others() -> None:
    faults: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    turns, done = Turns(), list[str]()

    def fault() -> None:
        raise ValueError

    turns.take(fault)
    turns.take(lambda: done.append("next"))
    await until(lambda: done or None)
    turns.take(lambda: done.append("later"))
    await until(lambda: len(done) == 2 or None)
    assert [type(one) for one in faults] == [ValueError]

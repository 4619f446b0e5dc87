"""Long work gives way to others when its time slice is used up, and not before."""

import asyncio

from exporter.runtime.time_slice import TimeSlice
from support.virtual_time import VirtualTimeLoop, in_virtual_time


@in_virtual_time
async def test_others_run_after_ten_milliseconds_of_work() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    turns: list[str] = []
    time_slice = TimeSlice()
    for milliseconds in (9, 2, 9, 2):
        loop.work_for(milliseconds / 1000)
        loop.call_soon(turns.append, "other")
        before = len(turns)
        await time_slice.yield_if_due()
        turns.append(f"worked {milliseconds}, {'others ran' if len(turns) > before else 'alone'}")
    assert [turn for turn in turns if turn != "other"] == [
        "worked 9, alone",
        "worked 2, others ran",
        "worked 9, alone",
        "worked 2, others ran",
    ]

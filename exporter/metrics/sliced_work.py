"""Work that nobody waits for, a few milliseconds at a time between other work of the event loop."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Final

Schedule = Callable[[Callable[[], None]], object]

_SLICE: Final = 0.003
"""Seconds. With the rest of a turn it stays below what a probe or a watch would notice."""


def next_turn(callback: Callable[[], None]) -> object:
    """Have it called soon by the event loop that runs."""
    return asyncio.get_running_loop().call_soon(callback)


class SlicedWork:
    """One work at a time; the first slice of it is done at once, so what is small is done then."""

    def __init__(self, schedule: Schedule = next_turn) -> None:
        """``schedule`` has a callback called once, soon, on the event loop."""
        self._schedule = schedule
        self._steps: Iterator[None] | None = None

    def start(self, steps: Iterator[None]) -> None:
        """Do these steps instead of what is under way, which is given up."""
        self._steps = steps
        self._run(steps)

    def cancel(self) -> None:
        """Give up what is under way."""
        self._steps = None

    def _run(self, steps: Iterator[None]) -> None:
        if steps is not self._steps:
            return
        until = perf_counter() + _SLICE
        for _ in steps:
            if perf_counter() > until:
                self._schedule(partial(self._run, steps))
                return
        self._steps = None

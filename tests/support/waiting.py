"""One way to wait for what a socket, a process or another task brings about."""

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, overload

from exporter.cluster.replay import CONNECT_TIMEOUT, IDLE_TIMEOUT

T = TypeVar("T")

WAIT_TIMEOUT: Final = 20.0
"""Seconds until a test gives up; nothing that works takes nearly as long.

It is none of the product's limits; where one of those has to pass first, a test gives more.
"""
PROCESS_TIMEOUT: Final = 4 * (CONNECT_TIMEOUT + IDLE_TIMEOUT)
"""Seconds a process may take to start, to get ready, to show something or to end.

An exporter gets ready after a replay, which it gives up itself after a quarter of that.
"""


@overload
async def until(
    condition: Callable[[], Awaitable[T | None]],
    *,
    within: float = ...,
    every: float = ...,
    otherwise: Callable[[], str] = ...,
) -> T: ...
@overload
async def until(
    condition: Callable[[], T | None],
    *,
    within: float = ...,
    every: float = ...,
    otherwise: Callable[[], str] = ...,
) -> T: ...
async def until(
    condition: Callable[[], T | Awaitable[T | None] | None],
    *,
    within: float = WAIT_TIMEOUT,
    every: float = 0.005,
    otherwise: Callable[[], str] = str,
) -> T:
    """Ask for the condition until it is true, ``every`` so many seconds; returns what it gave.

    It may be asynchronous. After ``within`` seconds the test fails, with what ``otherwise`` gives.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(every)
    raise AssertionError(f"not within {within:g} s: {otherwise()}")

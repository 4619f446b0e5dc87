"""A rate limited queue of keys, as client-go's ``workqueue`` is.

A key is in it once, however often it is added, and no two workers have the same one: added while
it is being worked on, it comes again when that is done.
"""

import asyncio
from collections import deque
from typing import Final

from exporter.simulator.apiserver.storage import Key

_FIRST_BACKOFF: Final = 0.005
"""Seconds until an object that failed is tried again; doubled by each failure that follows."""


class WorkQueue:
    """Keys in the order in which they are due."""

    def __init__(self, longest_backoff: float) -> None:
        """``longest_backoff`` in seconds."""
        self._longest_backoff = longest_backoff
        self._ready: deque[Key] = deque()
        self._dirty: set[Key] = set()
        self._in_work: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._added = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is worked on or ready to be; what waits for its time aside."""
        return not self._in_work and not self._dirty

    def add(self, key: Key) -> None:
        """Have it worked on, as soon as a worker is free."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._in_work:
            self._append(key)

    def add_after(self, key: Key, delay: float) -> None:
        """Add it ``delay`` seconds from now."""

        def add() -> None:
            self._timers.discard(timer)
            self.add(key)

        timer = asyncio.get_running_loop().call_later(delay, add)
        self._timers.add(timer)

    def add_rate_limited(self, key: Key) -> None:
        """Add it after a wait that grows with the failures since it was last forgotten."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(_FIRST_BACKOFF * 2.0 ** min(failures, 60), self._longest_backoff))

    def forget(self, key: Key) -> None:
        """It was worked on with success: its next failure is the first one."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Take the next key; ``done`` has to follow."""
        while not self._ready:
            self._added.clear()
            await self._added.wait()
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._in_work.add(key)
        return key

    def done(self, key: Key) -> None:
        """Give back a key that ``get`` gave."""
        self._in_work.discard(key)
        if key in self._dirty:
            self._append(key)

    def close(self) -> None:
        """Forget what was to be added later."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _append(self, key: Key) -> None:
        self._ready.append(key)
        self._added.set()

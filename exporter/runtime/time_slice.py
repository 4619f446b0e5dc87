"""Long work in time slices, so that a scrape never waits for a list of ten thousand."""

import asyncio
import time
from typing import Final

TIME_SLICE: Final = 0.010
"""Seconds of work before others get to run."""


class TimeSlice:
    """Call ``yield_if_due`` between pieces of work; others run once the slice is used up."""

    def __init__(self, seconds: float = TIME_SLICE) -> None:
        self._seconds = seconds
        self._since = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time for others to run."""
        return time.monotonic() - self._since >= self._seconds

    async def yield_if_due(self) -> None:
        """Give way to the event loop's other users if it is time."""
        if self.is_due():
            await asyncio.sleep(0)
            self._since = time.monotonic()

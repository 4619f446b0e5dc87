"""Long work in small portions, so that a scrape never waits for a list of ten thousand."""

import asyncio
import time
from typing import Final

PORTION: Final = 0.010
"""Seconds of work between two breaths."""


class Pace:
    """Call ``breathe`` between pieces of work; others get their turn once a portion is used up."""

    def __init__(self, portion: float = PORTION) -> None:
        self._portion = portion
        self._since = time.monotonic()

    async def breathe(self) -> None:
        """Give way to the event loop's other users if it is time."""
        if time.monotonic() - self._since >= self._portion:
            await asyncio.sleep(0)
            self._since = time.monotonic()

"""Garbage collection that does not hold up a scrape, whatever the number of crawls.

CrawlJobs and their series form no cycles and are freed when they are replaced; yet each full
collection would look at all of them: 140 ms for ten thousand, every few thousand changes.
"""

import asyncio
import gc
from typing import Final

_FULL_COLLECTION_EVERY: Final = 3600.0
_NEVER: Final = 1_000_000
_YOUNG: Final = 5_000
"""Allocations: about a hundred changes."""


def keep_collections_short() -> None:
    """Let automatic collections look only at what is young. Call it once all is imported."""
    gc.freeze()  # what was imported stays; no collection need look at it
    gc.set_threshold(_YOUNG, 10, _NEVER)
    gc.enable()


async def collect_periodically() -> None:
    """Free the cycles that got old, those of connections that have ended, once an hour."""
    while True:
        await asyncio.sleep(_FULL_COLLECTION_EVERY)
        gc.collect()

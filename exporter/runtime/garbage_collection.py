"""Garbage collection that does not hold up a scrape, whatever the number of crawls.

CrawlJobs and their series form no cycles and are freed when they are replaced; yet each full
collection would look at all of them: 140 ms for ten thousand, every few thousand changes. And the
young ones, while ten thousand are listed, at each of them twice: an eighth of the start.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

_FULL_COLLECTION_EVERY: Final = 3600.0
_NEVER: Final = 1_000_000
_YOUNG: Final = 5_000
"""Allocations: about a hundred changes."""
_LONGEST_START: Final = 60.0
"""Seconds. A cluster that cannot be listed must not keep garbage from being collected."""
_LOOK_EVERY: Final = 0.2


def keep_collections_short() -> None:
    """Let automatic collections look only at what is young. Call it once all is imported."""
    gc.freeze()  # what is there now stays; no collection need look at it
    gc.set_threshold(_YOUNG, _NEVER, _NEVER)
    gc.enable()


async def collect_periodically(started: Callable[[], bool]) -> None:
    """Begin to collect once ``started``; once an hour free the cycles that got old.

    Those are what is left of connections that have ended.
    """
    gc.disable()
    for _ in range(int(_LONGEST_START / _LOOK_EVERY)):
        if started():
            break
        await asyncio.sleep(_LOOK_EVERY)
    keep_collections_short()
    while True:
        await asyncio.sleep(_FULL_COLLECTION_EVERY)
        gc.collect()

"""Garbage collection that does not hold up a scrape, whatever the number of crawls.

CrawlJobs and their series form no cycles and are freed when they are replaced; yet each full
collection would look at all of them: 140 ms for ten thousand, every few thousand changes. And a
young one at those that came since the last: a twelfth of what a change costs, an eighth of the
start. So they are kept from both. What is left of HTTP connections and of pages does form cycles,
which young collections free.
"""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FULL_COLLECTION_EVERY: Final = 3600.0
_NEVER: Final = 1_000_000
_YOUNG: Final = 5_000
"""Allocations beyond those freed since."""


def keep_collections_short() -> None:
    """Let automatic collections look only at what is young. Call it once all is imported."""
    gc.freeze()  # what was imported stays; no collection need look at it
    gc.set_threshold(_YOUNG, _NEVER, _NEVER)
    gc.enable()


@contextmanager
def uncollected() -> Iterator[None]:
    """For work whose result stays and forms no cycles: no collection but the hourly looks at it.

    Nor at anything else that is there at its end: a connection then open leaves a kilobyte that
    the hourly one frees.
    """
    gc.collect(0)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def collect_periodically() -> None:
    """Free the cycles that got old, those of connections that have ended, once an hour."""
    while True:
        await asyncio.sleep(_FULL_COLLECTION_EVERY)
        gc.unfreeze()
        gc.collect()
        gc.freeze()

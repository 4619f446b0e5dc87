"""One page out of many thousand items, in small steps: sorted runs, merged as far as needed.

Nothing is kept between requests: no index costs anything when a crawl changes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any, Final, Generic, TypeVar

from exporter.runtime.time_slice import TimeSlice
from exporter.web.status.query import Query

Item = TypeVar("Item")

TIME_SLICE: Final = 0.002
"""Seconds of the event loop at a time."""
_RUN: Final = 250
"""Items between two looks at the clock: they take well below a millisecond."""


@dataclass(frozen=True, slots=True)
class ResultPage(Generic[Item]):
    """The items of one page, in order."""

    items: list[Item]
    total: int
    """How many match."""
    page: int


async def paginate(
    items: Sequence[Item],
    rank: Callable[[Item], Any],
    query: Query,
    time_slice: TimeSlice,
    *,
    clamp: bool = False,
) -> ResultPage[Item]:
    """The page that ``query`` asks for, lowest rank first; ``rank`` gives None for no match.

    A page beyond the last one is empty, or with ``clamp`` the last one.
    """
    runs: list[list[tuple[Any, int]]] = []
    total = 0
    for begin in range(0, len(items), _RUN):
        run = [
            (place, number)
            for number, item in enumerate(items[begin : begin + _RUN], begin)
            if (place := rank(item)) is not None
        ]
        if run:
            run.sort()
            runs.append(run)
            total += len(run)
        await time_slice.yield_if_due()
    page = min(query.page, max(1, -(-total // query.per_page))) if clamp else query.page
    first = (page - 1) * query.per_page
    found: list[Item] = []
    if first < total:
        for place, (_, number) in enumerate(merge(*runs)):
            if place >= first:
                found.append(items[number])
            if place + 1 >= first + query.per_page:
                break
            if place % _RUN == 0:
                await time_slice.yield_if_due()
    return ResultPage(found, total, page)

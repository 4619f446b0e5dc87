"""The fragments of many crawls, family by family, as a scrape wants them.

A crawl is rendered as a row, and all of a family's fragments stand together in the exposition.
Turning rows into columns at each scrape would take a sixth of its time; putting each fragment into
its column when it changes takes three microseconds of the change.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol, TypeVar

from exporter.metrics.renderer import Rendered

_T = TypeVar("_T")


class Row(Protocol):
    """Who has a row: knows what is in it, and where it is."""

    rendered: Rendered
    row: int | None
    """None while it has none."""


class Table:
    """Columns of equal length; the order of rows means nothing, and a removal changes it."""

    def __init__(self, families: int, clocks: int) -> None:
        self.columns: list[list[bytes]] = [[] for _ in range(families)]
        """Lines, for each family."""
        self.since: list[list[float | None]] = [[] for _ in range(clocks)]
        """From when the values count, for each family that depends on the clock."""
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """Append it; from now on it knows its place."""
        row.row = len(self._rows)
        self._rows.append(row)
        for column, fragment in zip(self.columns, row.rendered.fragments, strict=True):
            column.append(fragment)
        for times, since in zip(self.since, row.rendered.since, strict=True):
            times.append(since)

    def replace(self, before: Row, after: Row) -> None:
        """Put ``after`` in the place of ``before``. Raises ValueError where that has none."""
        place = _place(before)
        before.row, after.row = None, place
        self._rows[place] = after
        past = zip(self.columns, before.rendered.fragments, after.rendered.fragments, strict=True)
        for column, old, new in past:
            if old is not new:
                column[place] = new
        for times, since in zip(self.since, after.rendered.since, strict=True):
            times[place] = since

    def remove(self, row: Row) -> None:
        """Take it out; the last one takes its place. Raises ValueError where it has none."""
        place = _place(row)
        last = self._rows.pop()
        row.row = None
        if last is not row:
            last.row = place
            self._rows[place] = last
        for column in self.columns:
            _take_out(column, place)
        for times in self.since:
            _take_out(times, place)


def _take_out(column: list[_T], place: int) -> None:
    end = column.pop()
    if place < len(column):
        column[place] = end


def _place(row: Row) -> int:
    if row.row is None:
        raise ValueError("it has no row here")
    return row.row


def concatenated(tables: Iterable[Sequence[Sequence[_T]]], count: int) -> list[tuple[_T, ...]]:
    """Copy the ``count`` columns of several tables as those of one."""
    several = list(tables)
    if not several:
        return [()] * count
    if len(several) == 1:
        return [tuple(column) for column in several[0]]
    return [tuple(chain(*columns)) for columns in zip(*several, strict=True)]

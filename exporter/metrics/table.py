"""The fragments of many CrawlJobs, family by family, as a scrape wants them.

A CrawlJob is rendered as a row, and all of a family's fragments stand together in the exposition.
Turning rows into columns at each scrape would take a sixth of its time; putting each fragment into
its column when it changes takes three microseconds of the change.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Protocol, TypeVar

from exporter.metrics.rendering import Rendered

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
        """Give it a row."""
        row.row = len(self._rows)
        self._rows.append(row)
        for column, fragment in zip(self.columns, row.rendered.fragments, strict=True):
            column.append(fragment)
        for moments, moment in zip(self.since, row.rendered.since, strict=True):
            moments.append(moment)

    def replace(self, before: Row, after: Row) -> None:
        """Let ``after`` have the row of ``before``."""
        number = _number(before)
        before.row, after.row = None, number
        self._rows[number] = after
        past = zip(self.columns, before.rendered.fragments, after.rendered.fragments, strict=True)
        for column, old, new in past:
            if old is not new:
                column[number] = new
        for moments, moment in zip(self.since, after.rendered.since, strict=True):
            moments[number] = moment

    def remove(self, row: Row) -> None:
        """Take its row out; the last one takes its place."""
        number = _number(row)
        last = self._rows.pop()
        row.row = None
        if last is not row:
            last.row = number
            self._rows[number] = last
        for column in self.columns:
            _take_out(column, number)
        for moments in self.since:
            _take_out(moments, number)


def _take_out(column: list[_T], number: int) -> None:
    end = column.pop()
    if number < len(column):
        column[number] = end


def together(columns: Iterable[Sequence[Sequence[_T]]], count: int) -> list[tuple[_T, ...]]:
    """The ``count`` columns of several tables as one table's, copied."""
    tables = list(columns)
    if not tables:
        return [()] * count
    if len(tables) == 1:
        return [tuple(column) for column in tables[0]]
    return [tuple(chain(*parts)) for parts in zip(*tables, strict=True)]


def _number(row: Row) -> int:
    if row.row is None:
        raise ValueError("it has no row here")
    return row.row

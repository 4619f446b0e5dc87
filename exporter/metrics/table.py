"""What is served of many crawls, or of many pods: a row for each, a column for each family.

A change only puts down what is new; the next scrape writes the values that are not what the last
one wrote. So a crawl that changes every ten seconds is written once a scrape and not six times, and
many are written one after the other, while all that takes is in the processor's caches. Where
labels of the family's own stand amid those of the identity, whole lines are kept: these change
rarely.

Rows are held in blocks. A scrape takes the blocks as they are, and whoever changes one of them
meanwhile changes a copy. To copy all at the beginning of each scrape would take a tenth of its
time: a pointer that is copied is followed to its value, which counts its references.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import ne
from typing import Any, Final, Generic, TypeVar

from exporter.metrics.catalog.family import CrawlFamily, Field, PodFamily
from exporter.metrics.labels import Endings, LineWriter, has_whole_lines, own_labels
from exporter.metrics.lines import changed_number, number

_F = TypeVar("_F", CrawlFamily, PodFamily)
_Samples = tuple[Any, ...]

Cell = bytes | float | None
"""The end of a line after the identity's labels, or a whole line (``has_whole_lines``); where the
value depends on the clock, the timestamp from which its seconds are counted; None for no sample."""

_ROWS: Final = 1536
"""Of a block: a scrape joins one family's samples of it at a time, about 300 KB."""


_GROWTH: Final = 64
"""Rows that are added at a time, free at first; blocks are full after so many times."""
_MOST_UNWRITTEN: Final = 512
"""Rows of a block: five milliseconds' work."""


@dataclass(slots=True)
class Block:
    """Some rows."""

    label_sets: list[bytes]
    columns: list[list[Cell]]
    """For each family."""
    samples: list[_Samples]
    """Of each row, what its cells say."""
    unwritten: dict[int, Any] = field(default_factory=dict)
    """Of each row that has changed since it was written, what its cells are to say."""
    shared: bool = False
    """Whether a scrape was given the block: it may not be changed before that is over."""


class _Lease:
    """Held by all that a scrape was given, as long as it lasts."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class Column:
    """One family's cells as they were when a scrape began."""

    place: int
    blocks: Sequence[Block]
    write: Callable[[Block], None]
    """Bring the cells of a block up to its samples."""
    lease: _Lease

    def __iter__(self) -> Iterator[tuple[list[bytes], list[Cell]]]:
        """Each block's label sets, and beside them the cells."""
        for block in self.blocks:
            self.write(block)
            yield block.label_sets, block.columns[self.place]


class Table(Generic[_F]):
    """Rows in no particular order: one that was removed is taken by the next that is added."""

    def __init__(self, families: Iterable[_F]) -> None:
        """The families read the same kind of item, and have the labels of the same identity."""
        fields: list[_F] = []
        others: list[_F] = []
        lines: list[_F] = []
        for family in families:
            is_field = isinstance(family.value, Field)
            whole = has_whole_lines(family)
            (lines if whole else fields if is_field else others).append(family)
        self._families = (*fields, *others, *lines)
        self._read_fields = Field.reader([f.value for f in fields if isinstance(f.value, Field)])
        self._readers = [_reader(family) for family in (*others, *lines)]
        self._writers = [_writer(family, number) for family in (*fields, *others)]
        self._writers_of_changes = [
            _writer(family, changed_number) for family in (*fields, *others)
        ]
        self._line_writers = [LineWriter(family) for family in lines]
        self._places = range(len(self._families))
        self._rows = 0
        self._blocks: list[Block] = []
        self._free: list[int] = []
        self._lease: Callable[[], _Lease | None] = lambda: None

    def add(self, item: Any, labels: bytes) -> int:
        """Give an item a row, and return which: it is named when the item changes.

        ``labels`` are those of the identity (``label_set``): tables share them.
        """
        if not self._free:
            self._grow()
        row = self._free.pop()
        block, at = self._writable(row)
        block.label_sets[at] = labels
        block.samples[at] = samples = self._read(item)
        for column, write, sample in zip(block.columns, self._writers, samples, strict=False):
            column[at] = None if sample is None else write(sample)
        self._write_lines(block, at, samples, self._places[len(self._writers) :])
        return row

    def update(self, row: int, item: Any) -> None:
        """Take over what the item in this row says now; it must have the identity it had."""
        block, at = self._writable(row)
        block.unwritten[at] = self._taken(item)
        if len(block.unwritten) > _MOST_UNWRITTEN:
            self._write(block)

    def remove(self, row: int) -> None:
        """Free the row: it has no samples any more."""
        block, at = self._writable(row)
        block.label_sets[at] = b""
        block.samples[at] = ()
        block.unwritten.pop(at, None)
        for column in block.columns:
            column[at] = None
        self._free.append(row)

    def labels(self, row: int) -> bytes:
        """The label set of the item in this row."""
        number_of_block, at = divmod(row, _ROWS)
        return self._blocks[number_of_block].label_sets[at]

    def columns(self, wanted: Callable[[_F], bool]) -> Iterator[tuple[str, Column]]:
        """Return the columns of the families wanted, as they are now, by the family's name."""
        places = [place for place, family in enumerate(self._families) if wanted(family)]
        if not places:
            return
        lease = self._lease()
        if lease is None:
            lease = _Lease()
            self._lease = weakref.ref(lease)
        for block in self._blocks:
            block.shared = True
        blocks = tuple(self._blocks)
        for place in places:
            yield self._families[place].name, Column(place, blocks, self._write, lease)

    def _read(self, item: Any) -> _Samples:
        return (*self._read_fields(item), *[read(item) for read in self._readers])

    def _taken(self, item: Any) -> Any:
        """What is put down of a change: here what is said, for that may depend on the ledger."""
        return self._read(item)

    def _said(self, taken: Any) -> _Samples:
        """What was said by what was put down."""
        samples: _Samples = taken
        return samples

    def _write(self, block: Block) -> None:
        columns, writers, lines_from = block.columns, self._writers_of_changes, len(self._writers)
        for at, taken in block.unwritten.items():
            before, samples = block.samples[at], self._said(taken)
            block.samples[at] = samples  # in any case: it shares its texts with the item
            for place in compress(self._places, map(ne, samples, before)):
                if place >= lines_from:
                    self._write_lines(block, at, samples, (place,))
                    continue
                sample = samples[place]
                columns[place][at] = None if sample is None else writers[place](sample)
        block.unwritten.clear()

    def _write_lines(self, block: Block, at: int, samples: _Samples, places: Iterable[int]) -> None:
        labels, first = block.label_sets[at], len(self._writers)
        for place in places:
            sample, writer = samples[place], self._line_writers[place - first]
            block.columns[place][at] = None if sample is None else writer.line(labels, sample)

    def _grow(self) -> None:
        first = self._rows
        self._rows += _GROWTH
        if first % _ROWS == 0:
            self._blocks.append(Block([], [[] for _ in self._families], []))
        block, _ = self._writable(first)
        block.label_sets += [b""] * _GROWTH
        block.samples += [()] * _GROWTH
        for column in block.columns:
            column.extend([None] * _GROWTH)
        self._free.extend(reversed(range(first, self._rows)))

    def _writable(self, row: int) -> tuple[Block, int]:
        """The block of this row, which no scrape has, and the row's place in it."""
        number_of_block, at = divmod(row, _ROWS)
        block = self._blocks[number_of_block]
        if block.shared:
            if self._lease() is None:
                block.shared = False
            else:
                self._write(block)  # which the scrape would do anyway
                block = self._blocks[number_of_block] = Block(
                    block.label_sets.copy(),
                    [column.copy() for column in block.columns],
                    block.samples.copy(),
                )
        return block, at


class PodTable(Table[PodFamily]):
    """Of pods: one that was deleted has only what is served of deleted pods.

    What a pod says follows from it and what was seen of it before, so it is not read before it is
    written.
    """

    def __init__(self, families: Iterable[PodFamily]) -> None:
        super().__init__(families)
        self._of_deleted = [family.of_deleted_pods for family in self._families]

    def _read(self, item: Any) -> _Samples:
        samples = super()._read(item)
        if item.exists:
            return samples
        left = zip(samples, self._of_deleted, strict=True)
        return tuple([sample if is_left else None for sample, is_left in left])

    def _taken(self, item: Any) -> Any:
        return item

    def _said(self, taken: Any) -> _Samples:
        return self._read(taken)


def _reader(family: CrawlFamily | PodFamily) -> Callable[[Any], Any]:
    """Make what reads a sample; where it depends on the clock, since when it does, in a tuple."""
    value: Callable[[Any], Any] = family.value
    since = family.since if isinstance(family, CrawlFamily) else None
    if since is None:
        return value

    def read(item: Any) -> Any:
        start = since(item)
        return value(item) if start is None else (start,)

    return read


def _writer(
    family: CrawlFamily | PodFamily, write: Callable[[float], bytes]
) -> Callable[[Any], Cell]:
    """Make what writes the cell of a sample that is there; ``write`` writes numbers."""
    if own_labels(family):
        return Endings(family).__getitem__
    if isinstance(family.value, Field) and family.value.zero_is_unknown:
        return lambda sample: write(sample) if sample else None
    if isinstance(family, CrawlFamily) and family.since is not None:
        return lambda sample: float(*sample) if isinstance(sample, tuple) else write(sample)
    return write

"""One family's samples as a scrape gets them: name, label set and value, joined a chunk at a time.

No line is kept. To join each of three parts takes half as long again as joining ready lines would
(a fifth of a scrape), and the lines would be two thirds of all memory.
"""

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any, Final

from exporter.metrics.catalog.family import CrawlFamily, PodFamily
from exporter.metrics.labels import own_labels
from exporter.metrics.lines import number
from exporter.metrics.table import Column

_CHUNK: Final = 256 * 1024
"""Bytes, about. Small enough for the processor's cache, large enough to make calls rare."""


def chunks(family: CrawlFamily | PodFamily, column: Column, now: float) -> Iterator[bytes]:
    """Join the family's samples into chunks of moderate size, none of them empty."""
    name = family.name.encode()
    lines = bool(own_labels(family))
    timed = isinstance(family, CrawlFamily) and family.since is not None
    for label_sets, cells in column:
        if lines:
            yield from joined_lines(cells)
        elif chunk := _joined(name, label_sets, _at(now, cells) if timed else cells):
            yield chunk


def joined_lines(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Join ready lines into chunks of about the size wanted, judged by a first few."""
    first = lines[:64]
    average = sum(map(len, first)) / (len(first) or 1)
    rows = max(64, int(_CHUNK / (average or 1)))
    for start in range(0, len(lines), rows):
        if chunk := b"".join(lines[start : start + rows]):
            yield chunk


def _at(now: float, cells: Sequence[Any]) -> list[bytes]:
    """Write the values that depend on the clock: the seconds since, but never less than 0."""
    return [cell if isinstance(cell, bytes) else number(max(0.0, now - cell)) for cell in cells]


def _joined(name: bytes, label_sets: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    if not all(values):
        label_sets = list(compress(label_sets, values))
        values = list(filter(None, values))
    parts = [name] * (3 * len(values))
    parts[1::3] = label_sets
    parts[2::3] = values
    return b"".join(parts)

"""What one scrape is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.metrics.catalog import Fleet
from exporter.metrics.table import Column


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series as they were when a scrape began; changes that come later do not touch it."""

    columns: Mapping[str, Sequence[Column]]
    """By family's name: a column for each scope."""
    fleet: Fleet

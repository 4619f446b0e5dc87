"""What a benchmark says in the end: each claim, its target, and whether that is met."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One claim."""

    name: str
    target: str
    measured: str
    met: bool


def report(figures: Sequence[Figure]) -> int:
    """Print the table; returns the exit status, which is 1 if a target is missed."""
    rows = [("figure", "target", "measured", "")]
    rows += [(f.name, f.target, f.measured, "met" if f.met else "MISSED") for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print(
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0 if all(figure.met for figure in figures) else 1

"""The lines of objects that are polled: rendered when an object is another, joined when scraped."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from exporter.metrics.catalog.family import Family, Sample
from exporter.metrics.catalog.polled import PolledFamily
from exporter.metrics.lines import line, number

T = TypeVar("T")


class Rows(Generic[T]):
    """A column for each family, with the lines of each object in it."""

    def __init__(
        self, families: Iterable[PolledFamily], identity: Callable[[T], tuple[str, ...]]
    ) -> None:
        """``identity`` returns the values of the labels that all families have first."""
        self._families = tuple(families)
        self._identity = identity
        self.columns: dict[str, dict[str, bytes]] = {family.name: {} for family in self._families}
        """By family's name and object's id; several lines of an object are one text."""

    def put(self, key: str, item: T, only: Callable[[PolledFamily], bool] | None = None) -> None:
        """Render an object, or ``only`` some families of it."""
        identity = self._identity(item)
        for family in self._families:
            if only is None or only(family):
                column = self.columns[family.name]
                lines = b"".join(_lines(family, identity, family.samples(item)))
                if lines:
                    column[key] = lines
                else:
                    column.pop(key, None)

    def keep(self, keys: Iterable[str]) -> None:
        """Drop the lines of all other objects."""
        kept = set(keys)
        for column in self.columns.values():
            for key in [key for key in column if key not in kept]:
                del column[key]

    def lines(self) -> dict[str, Sequence[bytes]]:
        """Return the lines as they are now, by family's name."""
        return {name: tuple(column.values()) for name, column in self.columns.items()}


def _lines(family: Family, identity: tuple[str, ...], samples: Iterable[Sample]) -> Iterable[bytes]:
    for sample in samples:
        if isinstance(sample, tuple):
            value, *own = sample
            texts = ["" if one is None else str(one) for one in own]
            yield line(family, (*identity, *texts), value)
        elif sample is not None:
            yield line(family, identity, sample)


def counted(family: Family, samples: Iterable[tuple[tuple[str, ...], float]]) -> tuple[bytes, ...]:
    """Render samples that are no one object's: the labels' values, and a value."""
    return tuple(
        line(family, labels, value)
        if labels
        else family.name.encode() + number(value).removeprefix(b"}")  # as without any brace
        for labels, value in samples
    )

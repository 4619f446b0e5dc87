"""The lines of objects that are polled: rendered when an object is another, joined when scraped."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from exporter.metrics.catalog.family import Family, Sample
from exporter.metrics.catalog.polled import PolledFamily
from exporter.metrics.lines import changed_number, label, line, number

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

    def emptied(self) -> "Rows[T]":
        """Return others of the same families, without any object."""
        return Rows(self._families, self._identity)

    def take(self, key: str, other: "Rows[T]") -> None:
        """Take an object's lines as ``other`` has them."""
        for name, column in other.columns.items():
            lines = column.get(key)
            if lines is not None:
                self.columns[name][key] = lines

    def put(self, key: str, item: T, only: Callable[[PolledFamily], bool] | None = None) -> None:
        """Render an object, or ``only`` some families of it."""
        identity = self._identity(item)
        labels = b""
        for family in self._families:
            if only is None or only(family):
                labels = labels or _label_set(family, identity)
                lines = _lines(family, identity, labels, family.samples(item))
                if lines:
                    self.columns[family.name][key] = lines
                else:
                    self.columns[family.name].pop(key, None)

    def lines(self) -> dict[str, Sequence[bytes]]:
        """Return the lines as they are now, by family's name."""
        return {name: tuple(column.values()) for name, column in self.columns.items()}


def label_set(names: Sequence[str], values: Sequence[str]) -> bytes:
    """Write labels and the brace before them: what stands between a name and a value."""
    pairs = sorted(zip(names, values, strict=True))
    return f"{{{','.join(label(*pair) for pair in pairs)}".encode()


def _label_set(family: Family, identity: tuple[str, ...]) -> bytes:
    names, values = (*zip(*family.fixed, strict=True),) or ((), ())
    return label_set((*family.labels[: len(identity)], *names), (*identity, *values))


def _lines(
    family: Family, identity: tuple[str, ...], labels: bytes, samples: Iterable[Sample]
) -> bytes:
    parts = []
    for sample in samples:
        if isinstance(sample, tuple):
            value, *own = sample
            texts = ["" if one is None else str(one) for one in own]
            parts.append(line(family, (*identity, *texts), value))
        elif sample is not None:
            parts.append(b"%b%b%b" % (family.name.encode(), labels, changed_number(sample)))
    return b"".join(parts)


def counted(family: Family, samples: Iterable[tuple[tuple[str, ...], float]]) -> tuple[bytes, ...]:
    """Render samples that are no one object's: the labels' values, and a value."""
    return tuple(
        line(family, labels, value)
        if labels
        else family.name.encode() + number(value).removeprefix(b"}")  # as without any brace
        for labels, value in samples
    )

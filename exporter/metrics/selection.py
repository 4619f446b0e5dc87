"""Which families are served: by shell patterns once at the start, by name for one scrape."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from exporter.metrics.catalog import Family


def selected(
    families: Iterable[Family], include: Sequence[str], exclude: Sequence[str]
) -> tuple[Family, ...]:
    """Return the families whose name matches a pattern of ``include`` and none of ``exclude``.

    Without any ``include`` all are included. What is left out costs nothing, not even memory.
    """

    def matches(family: Family, patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(family.name, pattern) for pattern in patterns)

    return tuple(
        family
        for family in families
        if (not include or matches(family, include)) and not matches(family, exclude)
    )


def is_named(family: Family, names: frozenset[str] | None) -> bool:
    """Whether a scrape that asks for ``names`` gets the family: by its own name or a sample's."""
    return names is None or family.name in names or not names.isdisjoint(family.sample_names)

"""The families of dedupe indexes; absent where Browsertrix has none, or is too old for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exporter.metrics.catalog.family import Family, Group, Sample, labelled
from exporter.resources.collindex import CollIndex

INDEX_LABELS: Final = ("namespace", "oid", "collection")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFamily(Family):
    """A family with at most one sample for each dedupe index."""

    value: Callable[[CollIndex], Sample]
    group: Group = Group.INDEX
    labels: tuple[str, ...] = INDEX_LABELS


def _index(
    name: str, text: str, source: str, value: Callable[[CollIndex], Sample], **more: Any
) -> IndexFamily:
    return IndexFamily(
        name=f"browsertrix_index_{name}",
        help=text,
        source=f"index: {source}",
        value=value,
        **more,
    )


INDEX_FAMILIES: Final = (
    _index(
        "state",
        "1 for the state the dedupe index of the collection is in.",
        "status.state",
        lambda index: labelled(index.status.state),
        labels=(*INDEX_LABELS, "state"),
    ),
    _index(
        "state_since_timestamp_seconds",
        "Since when the dedupe index is in its state, in seconds since 1970.",
        "status.lastStateChangeAt",
        lambda index: index.status.state_changed_at,
        unit="seconds",
    ),
    _index(
        "storage_used_bytes",
        "Bytes that the dedupe index takes of its volume.",
        "status.storageUsed",
        lambda index: index.status.storage_used,
        unit="bytes",
    ),
    _index(
        "storage_capacity_bytes",
        "Bytes of the dedupe index's volume.",
        "status.storageCapacity",
        lambda index: index.status.storage_capacity,
        unit="bytes",
    ),
)

"""What every source says of its objects, and who handles it.

One vocabulary for all sources, so that what becomes of a change never depends on where it came
from. Calls arrive in order, on the event loop, and return quickly: parsing, rendering and counting
one change costs a fraction of a millisecond, and the source yields to the loop between changes.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Change(NamedTuple, Generic[T_co]):
    """One object became known, changed, or was deleted."""

    scope: str
    """The namespace that is watched; empty when all are."""
    before: T_co | None
    """As last seen; None when seen for the first time."""
    after: T_co | None
    """As seen now; of a deleted object its last state, or None when that was not seen: it
    vanished (client-go calls it ``DeletedFinalStateUnknown``)."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a scope's watch stopped before a restart, and what was alive then."""

    resource_version: str
    uids: frozenset[str]
    """Of objects known alive; where an object has no uid, ``namespace/name``."""


class ChangeHandler(Protocol[T_contra]):
    """Handles the changes of one source."""

    def on_change(self, change: Change[T_contra], /) -> None:
        """Handle one change; they come in order."""

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope's content is complete: after each list, its changes, and what is replayed.

        Everything up to ``resource_version`` was handed over; what is later is still to come.
        """

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """The watch has come this far; nothing before it can arrive any more."""


class PartHandler(ChangeHandler[T_contra], Protocol[T_contra]):
    """Handles the changes of a source that may fail for ever."""

    def on_unknown(self, scope: str, /) -> None:
        """The source no longer vouches for the scope's content, until ``on_synced`` comes again.

        What changes meanwhile is handed on all the same.
        """

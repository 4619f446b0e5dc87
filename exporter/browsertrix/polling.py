"""What is polled, and what takes it: the contract between the client and whoever serves it."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

T_contra = TypeVar("T_contra", contravariant=True)


class PolledHandler(Protocol[T_contra]):
    """Takes all that one source says; called on the event loop, so it has milliseconds."""

    def on_polled(self, items: Mapping[str, T_contra], at: float, /) -> None:
        """All there are now, by id; ``at`` is when they were asked for, in seconds since 1970.

        Nobody changes the mapping afterwards.
        """

    def on_unknown(self) -> None:
        """Not asked with success for three intervals: nothing is known any more."""


Handlers = Mapping[str, "tuple[PolledHandler[Any], ...]"]
"""By the source's name (``SOURCE_NAMES``): all that take what it says, in this order."""

SOURCE_NAMES = ("orgs", "org_counts", "workflows", "jobs", "settings")
"""Label values of ``source``, as those of ``exporter.sources``."""

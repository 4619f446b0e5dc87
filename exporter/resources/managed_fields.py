"""``metadata.managedFields``: who owns which fields of an object, and when each last wrote them.

It is half of an object's bytes, and all that is kept of it is one timestamp. (Cutting it out of the
bytes before they are parsed saves nothing: to find safely what to cut takes 8 µs of Python, and the
compiled parser needs no more for it.)
"""

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.dataclasses import dataclass

from exporter.resources.fields import read_timestamp

_ShortText = Annotated[str, StringConstraints(max_length=64)]
_MOST_WRITERS: Final = 100
"""Entries. The API server keeps ten, and one for each that applies."""


@dataclass(slots=True)
class _Entry:
    """When one writer last changed the fields it owns; which those are is not read."""

    subresource: _ShortText = ""
    """``status`` where the status was written; empty for all the rest of the object."""
    time: _ShortText = ""


def _spec_changed_at(entries: list[_Entry]) -> float | None:
    times = (read_timestamp(entry.time) for entry in entries if not entry.subresource)
    return max((time for time in times if time is not None), default=None)


if TYPE_CHECKING:  # what reading makes of it
    SpecChangedAt = float | None
else:
    SpecChangedAt = (
        Annotated[list[_Entry], Field(max_length=_MOST_WRITERS), AfterValidator(_spec_changed_at)]
        | None
    )
    """When somebody last wrote anything but the status, in seconds since 1970; None where
    ``managedFields`` does not say.

    The API server notes the time, in whole seconds, of each writer's last change (Kubernetes:
    "Server-Side Apply", ``managedFields``), so all who see this version know the same time.
    """

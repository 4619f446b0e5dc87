"""What a reflector has done so far, as plain numbers to be read at any time."""

from dataclasses import dataclass, field
from typing import Final

from exporter.cluster.client import REASONS as REQUEST_REASONS

EVENT_TYPES: Final = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR")
LIST_FAILURES: Final = REQUEST_REASONS
"""Why a list failed: every key of ``Stats.list_failures``."""
RECONNECTS: Final = (*REQUEST_REASONS, "ended", "error_event", "rewound")
"""Why a watch was left: every key of ``Stats.reconnects``. ``ended``, by the server, is normal."""


def _zeros(reasons: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(reasons, 0)


@dataclass(slots=True)
class Stats:
    """Counts since the start; timestamps in seconds since 1970, None before the first."""

    pages: int = 0
    """Pages of lists that came; a short list has one."""
    lists: int = 0
    """Lists that were completed."""
    list_failures: dict[str, int] = field(default_factory=lambda: _zeros(LIST_FAILURES))
    watches: int = 0
    """Watches that the server accepted."""
    reconnects: dict[str, int] = field(default_factory=lambda: _zeros(RECONNECTS))
    events: dict[str, int] = field(default_factory=lambda: _zeros(EVENT_TYPES))
    stale_events: int = 0
    """Events no newer than what was known already; ignored."""
    invalid_objects: int = 0
    invalid_lines: int = 0
    """Lines of a watch that were no event."""
    skipped_lines: int = 0
    """Lines of a watch that were too long to be read."""
    foreign_objects: int = 0
    """Objects and events that came though they are another shard's; left out."""
    objects: int = 0
    """Objects held now."""
    last_list: float | None = None
    last_event: float | None = None
    """When the last ADDED, MODIFIED or DELETED came; after a list, when its objects were written
    last, where they say it."""
    last_sync: float | None = None
    """When the content was last known to be current: by a list, an event or a bookmark."""

"""Values of the counters' labels: which are known, and what becomes of those that are not.

A series of a counter lasts for ever, so a label takes what Browsertrix writes, also what a newer
release of it writes, but no free text.
"""

import re
from collections.abc import Iterator
from typing import Final

from exporter.resources.crawljob.states import (
    KNOWN_STATES,
    KNOWN_STOP_REASONS,
    PAUSED,
    UNKNOWN_STOP_REASON,
)

OUTCOMES: Final = ("complete", "stopped", "failed", "canceled", "skipped", "other")
ROLES: Final = ("crawler", "redis")
OTHER: Final = "other"
"""In place of free text, which could be anything."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def label_value(text: str) -> str:
    """The text if it could be a name of Browsertrix (at most 64 characters), else ``other``."""
    return text if _NAME.fullmatch(text) else OTHER


def outcome(state: str) -> str:
    """The kind of end, coarser than the state: a histogram for each would be mostly empty."""
    kind = state.partition("_")[0]
    return kind if kind in OUTCOMES else OTHER


def known_endings() -> Iterator[tuple[str, str]]:
    """State and stop reason as they can come together (crawljob.md, the table of stop reasons)."""
    for state in KNOWN_STATES:
        kind = outcome(state)
        if kind == "complete":
            limits = "size-limit", "time-limit", UNKNOWN_STOP_REASON
            for reason in ("", *limits, *sorted(PAUSED)):
                yield state, reason
        elif kind == "stopped":
            yield state, state if state in KNOWN_STOP_REASONS else ""
        elif kind in ("failed", "canceled"):
            for reason in ("", *KNOWN_STOP_REASONS):
                yield state, reason
        elif kind == "skipped":
            yield state, ""

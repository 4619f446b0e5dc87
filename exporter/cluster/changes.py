"""What every source of CrawlJobs says, and to whom.

One vocabulary for all sources, so that what happens to a change never depends on where it came
from. Calls arrive in order, on the event loop, and return quickly: parsing, rendering and counting
one change costs a fraction of a millisecond, and the source yields to the loop between changes.
"""

from dataclasses import dataclass
from typing import Protocol

from exporter.crawljob import CrawlJob


@dataclass(frozen=True, slots=True)
class Change:
    """One object became known, changed, or is gone."""

    scope: str
    """The namespace that is watched; empty when all are."""
    before: CrawlJob | None
    """As last seen; None when seen for the first time."""
    after: CrawlJob | None
    """As seen now; of a deleted object its last words; None when it vanished unseen."""
    gone: bool = False


class Sink(Protocol):
    """Who is told."""

    def change(self, change: Change) -> None:
        """One change, in order."""

    def synced(self, scope: str, resource_version: str) -> None:
        """The scope's content is complete, at this version: after each list and its changes."""

    def reached(self, scope: str, resource_version: str) -> None:
        """The watch has come this far (a bookmark); nothing before it can arrive any more."""

"""What every source of CrawlJobs says, and to whom.

One vocabulary for all sources, so that what happens to a change never depends on where it came
from. Calls arrive in order, on the event loop, and return quickly: parsing, rendering and counting
one change costs a fraction of a millisecond, and the source yields to the loop between changes.
"""

from dataclasses import dataclass
from typing import Protocol

from exporter.resources.crawljob import CrawlJob


@dataclass(frozen=True, slots=True)
class Change:
    """One object became known, changed, or is gone."""

    scope: str
    """The namespace that is watched; empty when all are."""
    before: CrawlJob | None
    """As last seen; None when seen for the first time."""
    after: CrawlJob | None
    """As seen now; of a deleted object its last words; None when it vanished unseen."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a scope's watch stopped in an earlier life, and what was alive then."""

    resource_version: str
    uids: frozenset[str]
    """Of CrawlJobs known alive; where an object has no uid, ``namespace/name``."""


class ChangeHandler(Protocol):
    """Who is told."""

    def on_change(self, change: Change) -> None:
        """One change, in order."""

    def on_synced(self, scope: str, resource_version: str) -> None:
        """The scope's content is complete: after each list, its changes, and what is replayed.

        ``resource_version`` is how far the scope was told: what came later is still to come.
        """

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """The watch has come this far (a bookmark); nothing before it can arrive any more."""

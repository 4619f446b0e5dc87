"""What one change added to what was known of its crawl: from the comparison to the ledger."""

from dataclasses import dataclass, field

from exporter.history.baseline import Baseline
from exporter.history.events import CrawlEvent, Finished, PauseExpired


@dataclass(frozen=True, slots=True)
class Unseen:
    """An end that nobody saw. Timestamps in seconds since 1970."""

    found: float
    """When the object was found deleted."""
    known_until: float
    """When it was last known to exist."""


@dataclass(frozen=True, slots=True)
class HeldEnd:
    """An unseen end that is neither counted nor served, while Browsertrix is asked for it."""

    baseline: Baseline
    unseen: Unseen


@dataclass(slots=True)
class Difference:
    """What one change added to what was known of its crawl."""

    events: list[CrawlEvent] = field(default_factory=list)
    exec_seconds: float = 0.0
    pages: int = 0
    size: int = 0
    """Bytes."""
    ending_changed: bool = False
    """The crawl ended, or more became known of its end."""
    beyond_figures: bool = False
    """More of the baseline may have changed than its ``FIGURES``."""
    unseen: Unseen | None = None
    """The object is deleted and no status had stated an end: to be concluded or asked for."""

    def keep_only_ends(self, *, known: bool) -> None:
        """Leave out what somebody else has counted; the crawl's end, too, where that is ``known``.

        How it ends is not left out: whether anybody else saw that cannot be known.
        """
        self.exec_seconds, self.pages, self.size = 0.0, 0, 0
        ends = () if known else (Finished, PauseExpired)
        self.events = [event for event in self.events if isinstance(event, ends)]

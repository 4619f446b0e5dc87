"""Who listens to the ledger implements this, each method as far as it cares."""

from collections.abc import Sequence

from exporter.history.baseline import Baseline
from exporter.history.events import CrawlEvent
from exporter.history.records import FinishedCrawl


class LedgerListener:
    """Called on the event loop, in order, once the ledger has taken something in.

    It may not be on disk yet; lost from there, it is found anew, with the same timestamps.
    """

    def on_finished(self, record: FinishedCrawl) -> None:
        """A crawl is over or its end is better known: in place of an earlier record of its uid."""

    def on_forgotten(self, record: FinishedCrawl) -> None:
        """The record, the last of its uid, is dropped: for its age, or because it was no end."""

    def on_events(self, baseline: Baseline, events: Sequence[CrawlEvent]) -> None:
        """What one change showed of a crawl; the baseline includes it."""

"""What one scrape is made of."""

from dataclasses import dataclass

from exporter.metrics.catalog import CrawlFamily, Fleet, PodFamily


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series as they were when a scrape began; changes that come later do not touch it."""

    families: tuple[CrawlFamily | PodFamily, ...]
    columns: list[tuple[bytes, ...]]
    """For each of ``families``, the lines of all crawls."""
    since: list[tuple[float | None, ...]]
    """For each family that depends on the clock, from when each crawl's value counts."""
    fleet: Fleet

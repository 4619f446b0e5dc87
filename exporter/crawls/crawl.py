"""One crawl as all sources together know it.

What stands right of this package (history, alerting, metrics, web) reads crawls, never the objects
of a single source, so that a new source is a new field here and no change there.
"""

from dataclasses import dataclass

from exporter.resources.crawljob import CrawlJob


@dataclass(frozen=True, slots=True)
class Crawl:
    """One crawl; for now its CrawlJob alone."""

    job: CrawlJob

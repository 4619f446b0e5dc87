"""CrawlJobs: what Browsertrix wants of a crawl, and what its operator says of it."""

from typing import Final

from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.sources.source import Source

CRAWLJOBS: Final = Source[CrawlJob](
    name="crawljobs",
    help="Which crawls there are, their specification and status.",
    resource=CRAWLJOB_RESOURCE,
    required=True,
    takes_selector=True,
)

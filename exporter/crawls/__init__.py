"""All that is known of a crawl: joins what the sources say, and emits changes of the whole."""

from exporter.crawls.crawl import Crawl
from exporter.crawls.join import CrawlJoin

__all__ = ["Crawl", "CrawlJoin"]

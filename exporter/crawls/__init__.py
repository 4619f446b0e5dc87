"""All that is known of a crawl: joins what the sources say, and emits changes of the whole."""

from exporter.crawls.crawl import Crawl
from exporter.crawls.join import CrawlJoin
from exporter.crawls.pause_limit import PauseLimit
from exporter.crawls.pods import (
    CrawlPod,
    PodPast,
    is_same_object,
    is_unchanged,
    pod_names,
    pods_of,
)

__all__ = [
    "Crawl",
    "CrawlJoin",
    "CrawlPod",
    "PauseLimit",
    "PodPast",
    "is_same_object",
    "is_unchanged",
    "pod_names",
    "pods_of",
]

"""What a CrawlJob is. Pure: no I/O, no clock of its own, no Prometheus."""

from exporter.crawljob.model import CrawlJob, PodInfo, PodResources, Problem
from exporter.crawljob.parsing import UnusableError, decode, parse_json, parse_value

__all__ = [
    "CrawlJob",
    "PodInfo",
    "PodResources",
    "Problem",
    "UnusableError",
    "decode",
    "parse_json",
    "parse_value",
]

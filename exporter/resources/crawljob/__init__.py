"""What a CrawlJob is. Pure: no I/O, no clock of its own, no Prometheus."""

from exporter.resources.crawljob.model import CrawlJob, PodInfo, PodResources, Problem
from exporter.resources.crawljob.parsing import InvalidObjectError, decode, parse_json, parse_value

__all__ = [
    "CrawlJob",
    "InvalidObjectError",
    "PodInfo",
    "PodResources",
    "Problem",
    "decode",
    "parse_json",
    "parse_value",
]

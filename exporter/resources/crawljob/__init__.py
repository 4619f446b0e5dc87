"""What a CrawlJob is. Pure: no I/O, no clock of its own, no Prometheus."""

from exporter.resources.crawljob.model import CrawlJob, PodInfo, PodResources
from exporter.resources.crawljob.parsing import parse_json, parse_value
from exporter.resources.decoding import InvalidObjectError
from exporter.resources.parsing import Problem

__all__ = [
    "CrawlJob",
    "InvalidObjectError",
    "PodInfo",
    "PodResources",
    "Problem",
    "parse_json",
    "parse_value",
]

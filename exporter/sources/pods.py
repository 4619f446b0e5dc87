"""Pods: what Kubernetes sees of a crawl, which its CrawlJob says late or never."""

from typing import Final

from exporter.resources.pod import Pod
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.sources.source import Source

OF_CRAWLS: Final = "crawl,role in (crawler,redis)"
"""Selects what Browsertrix makes for a crawl, and not for profiles or dedupe indexes."""

PODS: Final = Source[Pod](
    name="pods",
    help="The pods of crawls: phase, scheduling, restarts, exits, requests and limits.",
    resource=POD_RESOURCE,
    required=False,
    selector=OF_CRAWLS,
)

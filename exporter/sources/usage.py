"""Usage: what pods really use, which Browsertrix measures only where it resizes them itself."""

from typing import Final

from exporter.resources.podmetrics import PodMetrics
from exporter.resources.podmetrics.resource import PODMETRICS_RESOURCE
from exporter.sources.pods import OF_CRAWLS
from exporter.sources.source import Source

USAGE: Final = Source[PodMetrics](
    name="usage",
    help="The memory and CPU that the pods of crawls use, as metrics-server measures them.",
    resource=PODMETRICS_RESOURCE,
    required=False,
    polled=True,
    selector=OF_CRAWLS,
)

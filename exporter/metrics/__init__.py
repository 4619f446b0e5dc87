"""How CrawlJobs are said to Prometheus: the catalog, the series, the exposition."""

from exporter.metrics.catalog import CATALOG, catalog
from exporter.metrics.exposition import Exposition, Format
from exporter.metrics.own import OwnMetrics
from exporter.metrics.past import Past
from exporter.metrics.selection import selected
from exporter.metrics.series import SeriesStore

__all__ = [
    "CATALOG",
    "Exposition",
    "Format",
    "OwnMetrics",
    "Past",
    "SeriesStore",
    "catalog",
    "selected",
]

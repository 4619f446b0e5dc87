"""How crawls are exposed to Prometheus: the catalog, the series store, the exposition."""

from exporter.metrics.browsertrix_tables import BrowsertrixTables
from exporter.metrics.catalog import CATALOG, catalog
from exporter.metrics.catalog.web_config import Reloads
from exporter.metrics.counts import Pulse
from exporter.metrics.exposition import Exposition, Format
from exporter.metrics.history_collector import HistoryCollector
from exporter.metrics.index_table import IndexTable
from exporter.metrics.selection import selected
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.sharding import families_of
from exporter.metrics.store import SeriesStore

__all__ = [
    "CATALOG",
    "BrowsertrixTables",
    "Exposition",
    "Format",
    "HistoryCollector",
    "IndexTable",
    "Pulse",
    "Reloads",
    "SelfMetrics",
    "SeriesStore",
    "catalog",
    "families_of",
    "selected",
]

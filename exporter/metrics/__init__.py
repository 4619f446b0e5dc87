"""How crawls are exposed to Prometheus: the catalog, the series store, the exposition."""

from exporter.metrics.catalog import CATALOG, catalog
from exporter.metrics.exposition import Exposition, Format
from exporter.metrics.history_collector import HistoryCollector
from exporter.metrics.index_table import IndexTable
from exporter.metrics.installation_tables import BackgroundJobTable, ServerSettingsTable
from exporter.metrics.organisation_crawls import OrganisationSums
from exporter.metrics.organisation_table import OrganisationCountsTable, OrganisationTable
from exporter.metrics.selection import selected
from exporter.metrics.self_metrics import SelfMetrics
from exporter.metrics.store import SeriesStore
from exporter.metrics.workflow_table import WorkflowTable

__all__ = [
    "CATALOG",
    "BackgroundJobTable",
    "Exposition",
    "Format",
    "HistoryCollector",
    "IndexTable",
    "OrganisationCountsTable",
    "OrganisationSums",
    "OrganisationTable",
    "SelfMetrics",
    "SeriesStore",
    "ServerSettingsTable",
    "WorkflowTable",
    "catalog",
    "selected",
]

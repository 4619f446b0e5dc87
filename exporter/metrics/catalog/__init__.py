"""Every metric family, declared once. A metric that is not in the catalog cannot be served."""

from typing import Final

from exporter.crawls import PauseLimit
from exporter.metrics.catalog.background_job import BACKGROUND_JOB_FAMILIES
from exporter.metrics.catalog.crawl import crawl_families
from exporter.metrics.catalog.crawl_times import Past
from exporter.metrics.catalog.family import (
    CrawlFamily,
    Family,
    Fleet,
    FleetFamily,
    Group,
    Kind,
    PodFamily,
)
from exporter.metrics.catalog.fleet import FLEET_FAMILIES
from exporter.metrics.catalog.history import (
    END_LEARNED_TIMESTAMP,
    FINISHED_TIMESTAMP,
    HISTORY_FAMILIES,
)
from exporter.metrics.catalog.index import INDEX_FAMILIES, IndexFamily
from exporter.metrics.catalog.live_pod import LIVE_POD_FAMILIES
from exporter.metrics.catalog.organisation import ORGANISATION_FAMILIES
from exporter.metrics.catalog.pod import POD_FAMILIES
from exporter.metrics.catalog.self_metrics import SELF_FAMILIES
from exporter.metrics.catalog.server_settings import PAUSE_LIMIT
from exporter.metrics.catalog.volume import VOLUME_FAMILIES
from exporter.metrics.catalog.workflow import WORKFLOW_COUNTS, WORKFLOW_FAMILIES
from exporter.resources.crawljob import CrawlJob
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS

__all__ = [
    "CATALOG",
    "CRAWL_LABELS",
    "END_LEARNED_TIMESTAMP",
    "FINISHED_TIMESTAMP",
    "POD_LABELS",
    "CrawlFamily",
    "Family",
    "Fleet",
    "FleetFamily",
    "Group",
    "IndexFamily",
    "Kind",
    "PodFamily",
    "catalog",
]


def _no_past(_: CrawlJob) -> None:
    return None


def catalog(pause_limit: PauseLimit | None = None, past: Past = _no_past) -> tuple[Family, ...]:
    """Return all families, in the order they are served.

    ``pause_limit`` is Browsertrix's, by default its default; ``past`` returns what history knows of
    a crawl.
    """
    return (
        *FLEET_FAMILIES,
        *crawl_families(pause_limit or PauseLimit(), past),
        *POD_FAMILIES,
        *LIVE_POD_FAMILIES,
        *VOLUME_FAMILIES,
        *INDEX_FAMILIES,
        *ORGANISATION_FAMILIES,
        *WORKFLOW_FAMILIES,
        *WORKFLOW_COUNTS,
        *BACKGROUND_JOB_FAMILIES,
        PAUSE_LIMIT,
        *HISTORY_FAMILIES,
        *SELF_FAMILIES,
    )


CATALOG: Final = catalog()
"""What can be served at all, for whoever only asks for names."""

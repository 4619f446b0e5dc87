"""Every metric family, declared once. A metric that is not in the catalog cannot be served."""

from typing import Final

from exporter.crawljob.derived import DEFAULT_PAUSE_LIMIT
from exporter.metrics.catalog.crawl import crawl_families
from exporter.metrics.catalog.family import (
    CRAWL_LABELS,
    POD_LABELS,
    CrawlFamily,
    Family,
    Fleet,
    FleetFamily,
    Group,
    Kind,
    PodFamily,
)
from exporter.metrics.catalog.fleet import FLEET_FAMILIES
from exporter.metrics.catalog.own import OWN_FAMILIES
from exporter.metrics.catalog.pod import POD_FAMILIES

__all__ = [
    "CATALOG",
    "CRAWL_LABELS",
    "POD_LABELS",
    "CrawlFamily",
    "Family",
    "Fleet",
    "FleetFamily",
    "Group",
    "Kind",
    "PodFamily",
    "catalog",
]


def catalog(pause_limit: float = DEFAULT_PAUSE_LIMIT) -> tuple[Family, ...]:
    """Return all families, in the order they are served; ``pause_limit`` in seconds."""
    return (*FLEET_FAMILIES, *crawl_families(pause_limit), *POD_FAMILIES, *OWN_FAMILIES)


CATALOG: Final = catalog()
"""What can be served at all, for whoever only asks for names."""

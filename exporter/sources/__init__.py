"""Where everything known of crawls comes from: one declaration a source, and all of them.

Reflectors, readiness, the label ``source``, the ledger's resume points and the permissions follow
from ``SOURCES``; which object belongs to which crawl is decided to the right of here (``crawls``).
"""

from typing import Any, Final

from exporter.sources.crawljobs import CRAWLJOBS
from exporter.sources.indexes import INDEXES
from exporter.sources.pods import PODS
from exporter.sources.source import Source, rbac_rules
from exporter.sources.usage import USAGE
from exporter.sources.volumes import VOLUMES

__all__ = ["CRAWLJOBS", "INDEXES", "PODS", "SOURCES", "USAGE", "VOLUMES", "Source", "rbac_rules"]

SOURCES: Final[tuple[Source[Any], ...]] = (CRAWLJOBS, PODS, USAGE, VOLUMES, INDEXES)

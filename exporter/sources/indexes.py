"""Dedupe indexes: what crawls that leave out what a collection has wait for."""

from typing import Final

from exporter.resources.collindex import CollIndex
from exporter.resources.collindex.resource import COLLINDEX_RESOURCE
from exporter.sources.source import Source

INDEXES: Final = Source[CollIndex](
    name="indexes",
    help="The dedupe indexes of collections: their state and storage.",
    resource=COLLINDEX_RESOURCE,
    required=False,
    may_be_absent=True,
)

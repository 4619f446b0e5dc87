"""Volumes: what the pods of a crawl write to, by the claims they have."""

from typing import Final

from exporter.resources.claim import Claim
from exporter.resources.claim.resource import CLAIM_RESOURCE
from exporter.sources.pods import OF_CRAWLS
from exporter.sources.source import Source

VOLUMES: Final = Source[Claim](
    name="volumes",
    help="The volumes of crawls: how large they are, and whether they are there.",
    resource=CLAIM_RESOURCE,
    required=False,
    selector=OF_CRAWLS,
)

"""Where claims are found in the Kubernetes API."""

from typing import Final

from exporter.resources.claim.model import Claim
from exporter.resources.claim.parsing import READER
from exporter.resources.resource import Resource

CLAIM_RESOURCE: Final = Resource[Claim](
    group="",
    version="v1",
    plural="persistentvolumeclaims",
    kind="PersistentVolumeClaim",
    reader=READER,
    crawl_uid=lambda claim: claim.metadata.crawl_uid,
)

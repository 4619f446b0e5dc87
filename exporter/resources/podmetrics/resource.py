"""Where PodMetrics are found in the Kubernetes API."""

from typing import Final

from exporter.resources.parsing import LenientReader
from exporter.resources.podmetrics.model import PodMetrics
from exporter.resources.resource import Resource

PODMETRICS_RESOURCE: Final = Resource[PodMetrics](
    group="metrics.k8s.io",
    version="v1beta1",
    plural="pods",
    kind="PodMetrics",
    reader=LenientReader(PodMetrics),
    installed_by="metrics-server",
    versioned=False,
    written_at=lambda metrics: metrics.timestamp,
)

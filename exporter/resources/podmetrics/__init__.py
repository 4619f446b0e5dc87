"""What a pod uses, as ``metrics.k8s.io`` says it. Pure: no I/O, no clock, no Prometheus."""

from exporter.resources.podmetrics.model import PodMetrics
from exporter.resources.podmetrics.resource import PODMETRICS_RESOURCE

__all__ = ["PODMETRICS_RESOURCE", "PodMetrics"]

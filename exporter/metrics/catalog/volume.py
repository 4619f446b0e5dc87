"""The families of what a crawl's pods write to: the claims that have the pods' names.

They outlast the pods: a paused crawl keeps its volumes. How full a volume is only the kubelet
knows; recording rules join what it serves.
"""

from collections.abc import Callable
from typing import Any, Final

from exporter.crawls import CrawlPod
from exporter.metrics.catalog.family import Field, Group, Kind, PodFamily, Reads, Sample, labelled
from exporter.resources.identity import POD_LABELS


def _volume(
    name: str, text: str, source: str, value: Callable[[CrawlPod], Sample], **more: Any
) -> PodFamily:
    return PodFamily(
        name=f"browsertrix_volume_{name}",
        help=text,
        source=f"claim: {source}",
        value=value,
        group=Group.VOLUME,
        of_deleted_pods=True,
        reads=Reads.OBJECTS,
        **more,
    )


VOLUME_FAMILIES: Final = (
    _volume(
        "info",
        "The storage class of the volume.",
        "spec.storageClassName",
        lambda pod: (1.0, pod.volume.spec.storage_class_name) if pod.volume.status.phase else None,
        kind=Kind.INFO,
        labels=(*POD_LABELS, "storage_class"),
    ),
    _volume(
        "phase",
        "1 for the phase of the volume's claim: Pending, Bound or Lost.",
        "status.phase",
        lambda pod: labelled(pod.volume.status.phase),
        labels=(*POD_LABELS, "phase"),
    ),
    _volume(
        "requested_bytes",
        "Bytes of storage that were asked for.",
        "spec.resources.requests.storage",
        Field("volume.spec.resources.requests.storage"),
        unit="bytes",
    ),
    _volume(
        "capacity_bytes",
        "Bytes of storage that the volume has.",
        "status.capacity.storage",
        Field("volume.status.capacity.storage"),
        unit="bytes",
    ),
    _volume(
        "resize_pending",
        "1 while the volume is to become larger, 0 otherwise.",
        "spec.resources.requests.storage over status.capacity.storage, status.conditions",
        Field("volume.resize_pending"),
    ),
)

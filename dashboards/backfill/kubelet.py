"""What the kubelets say of volumes in use: only they know how full one is."""

from collections.abc import Iterable
from typing import Final

from exporter.crawls import Crawl, pods_of

_FILE_SYSTEM: Final = 0.02
"""The share of a volume that its file system and the crawler's own files take."""
_UPLOADED_AT: Final = 0.9
"""The share at which a crawler uploads what it has, and empties its volume."""


def volume_stats(crawls: Iterable[Crawl], now: float) -> bytes:
    """Used and total bytes of the volumes of pods that exist, as Prometheus stores them."""
    lines = []
    for crawl in crawls:
        status = crawl.job.status
        written = (status.size or 0.0) / max(status.scale or 1, 1)
        for pod in pods_of(crawl):
            capacity = pod.volume.status.capacity.storage
            if capacity is None or pod.status.phase != "Running":
                continue
            used = _FILE_SYSTEM * capacity
            if pod.role == "crawler":
                used += written % ((_UPLOADED_AT - _FILE_SYSTEM) * capacity)
            labels = (
                f'job="kubelet",instance="{pod.spec.node_name}:10250",'
                f'namespace="{crawl.job.metadata.namespace}",persistentvolumeclaim="{pod.name}"'
            )
            for name, value in (("capacity", capacity), ("used", used)):
                lines.append(
                    f"kubelet_volume_stats_{name}_bytes{{{labels}}} {value:.0f} {now:.3f}\n"
                )
    return "".join(lines).encode()

"""What the kubelets say of volumes in use: only they know how full one is."""

from collections.abc import Iterable
from typing import Final

from exporter.crawls import Crawl, pods_of

_FILE_SYSTEM: Final = 0.02
"""The share of a volume that its file system and the crawler's own files take."""


def volume_stats(crawls: Iterable[Crawl], now: float) -> bytes:
    """Used and total bytes of the volumes of pods that exist, as Prometheus stores them."""
    lines = []
    for crawl in crawls:
        for pod in pods_of(crawl):
            capacity = pod.volume.status.capacity.storage
            if capacity is None or pod.status.phase != "Running":
                continue
            used = _FILE_SYSTEM * capacity + (pod.used_storage or 0.0)
            labels = (
                f'job="kubelet",instance="{pod.spec.node_name}:10250",'
                f'namespace="{crawl.job.metadata.namespace}",persistentvolumeclaim="{pod.name}"'
            )
            for name, value in (("capacity", capacity), ("used", min(used, capacity))):
                lines.append(
                    f"kubelet_volume_stats_{name}_bytes{{{labels}}} {value:.0f} {now:.3f}\n"
                )
    return "".join(lines).encode()

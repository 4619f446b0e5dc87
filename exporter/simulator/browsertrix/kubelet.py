"""What the kubelets say of the volumes in use: how full one is nobody else knows.

Prometheus may read a kubelet's metrics through the API server, where it cannot reach the nodes:
``/api/v1/nodes/NODE/proxy/metrics``. They follow from CrawlJobs and claims when they are asked for.
Source of names: Kubernetes, kubelet ``volume_stats`` collector.
"""

from collections.abc import Iterator
from typing import Any, Final

from kubernetes.utils import parse_quantity

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.served_resource import CLAIMS, CRAWLJOBS, PODS

_FILE_SYSTEM: Final = 0.02
"""The share of a volume that its file system and the crawler's own files take."""
_BYTES_OF_INODE: Final = 16_384
_BYTES_OF_FILE: Final = 200_000
_HELP: Final = {
    "capacity_bytes": "Capacity in bytes of the volume",
    "used_bytes": "Number of used bytes in the volume",
    "available_bytes": "Number of available bytes in the volume",
    "inodes": "Maximum number of inodes in the volume",
    "inodes_used": "Number of used inodes in the volume",
    "inodes_free": "Number of free inodes in the volume",
}


def metrics(cluster: Cluster, node: str) -> str:
    """The volumes of the pods that run on the node, in Prometheus's text format."""
    volumes = list(_volumes(cluster, node))
    lines = []
    for name, text in _HELP.items():
        family = f"kubelet_volume_stats_{name}"
        lines += [f"# HELP {family} [ALPHA] {text}", f"# TYPE {family} gauge"]
        lines += [f"{family}{{{labels}}} {stats[name]}" for labels, stats in volumes]
    return "\n".join(lines) + "\n"


def _volumes(cluster: Cluster, node: str) -> Iterator[tuple[str, dict[str, int]]]:
    if not {CLAIMS, PODS} <= set(cluster.resources):
        return
    claims = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one
        for one in cluster.objects(CLAIMS)
    }
    written = {
        (job["metadata"]["namespace"], pod): info["used"]["storage"]
        for job in cluster.objects(CRAWLJOBS)
        for pod, info in job.get("status", {}).get("podStatus", {}).items()
    }
    for pod in cluster.objects(PODS):
        if pod["spec"].get("nodeName") != node or pod["status"].get("phase") != "Running":
            continue
        namespace = pod["metadata"]["namespace"]
        claim = claims.get((namespace, _claim_of(pod)))
        if claim is None or "capacity" not in claim["status"]:
            continue
        capacity = int(parse_quantity(claim["status"]["capacity"]["storage"]))
        name = claim["metadata"]["name"]
        used = int(written.get((namespace, pod["metadata"]["name"]), 0))
        labels = f'namespace="{namespace}",persistentvolumeclaim="{name}"'
        yield labels, _stats(capacity, used)


def _stats(capacity: int, written: int) -> dict[str, int]:
    used = min(capacity, int(_FILE_SYSTEM * capacity) + written)
    inodes, inodes_used = capacity // _BYTES_OF_INODE, 11 + written // _BYTES_OF_FILE
    return {
        "capacity_bytes": capacity,
        "used_bytes": used,
        "available_bytes": capacity - used,
        "inodes": inodes,
        "inodes_used": inodes_used,
        "inodes_free": inodes - inodes_used,
    }


def _claim_of(pod: dict[str, Any]) -> str:
    for volume in pod["spec"].get("volumes", ()):
        if claim := volume.get("persistentVolumeClaim"):
            return str(claim["claimName"])
    return ""

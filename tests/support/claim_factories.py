"""Claims as the API server sends them, as small as a full one can be."""

from typing import Any

from exporter.resources.claim import Claim, parse_value
from support.factories import CRAWL_ID, NAMESPACE
from support.pod_factories import POD_NAME


def claim_wire(name: str = POD_NAME, *, crawl: str = CRAWL_ID, **parts: Any) -> dict[str, Any]:
    """A bound claim; ``metadata``, ``spec`` and ``status`` replace or add keys of theirs."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "uid": f"uid-of-the-claim-{name}",
            "resourceVersion": "1500",
            "labels": {"crawl": crawl, "role": "crawler"},
            **parts.get("metadata", {}),
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "25Gi"}},
            "storageClassName": "standard",
            "volumeName": "pvc-1",
            **parts.get("spec", {}),
        },
        "status": {
            "phase": "Bound",
            "capacity": {"storage": "26Gi"},
            **parts.get("status", {}),
        },
    }


def claim(name: str = POD_NAME, **parts: Any) -> Claim:
    """One as it is read."""
    return parse_value(claim_wire(name, **parts))

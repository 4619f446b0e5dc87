"""Dedupe indexes as the API server sends them."""

from typing import Any, Final

from exporter.resources.collindex import CollIndex, parse_value
from support.factories import NAMESPACE, UPDATED

COLLECTION: Final = "22222222-3333-4444-8555-666666666666"


def index_wire(collection: str = COLLECTION, **parts: Any) -> dict[str, Any]:
    """One that imports; ``spec`` and ``status`` replace or add keys of theirs."""
    return {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CollIndex",
        "metadata": {
            "name": f"collindex-{collection}",
            "namespace": NAMESPACE,
            "uid": f"uid-of-{collection}",
            "resourceVersion": "700",
            "labels": {"role": "collindex", "oid": "org-1", "coll": collection},
        },
        "spec": {"id": collection, "oid": "org-1", **parts.get("spec", {})},
        "status": {
            "state": "importing",
            "lastStateChangeAt": UPDATED,
            "storageUsed": "1Gi",
            "storageCapacity": "3Gi",
            **parts.get("status", {}),
        },
    }


def index(collection: str = COLLECTION, **parts: Any) -> CollIndex:
    """One as it is read."""
    return parse_value(index_wire(collection, **parts))

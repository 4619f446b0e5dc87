"""The least definition of CrawlJobs that behaves as Browsertrix's own."""

from typing import Any, Final

CRAWLJOB_CRD: Final[dict[str, Any]] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "crawljobs.btrix.cloud"},
    "spec": {
        "group": "btrix.cloud",
        "scope": "Namespaced",
        "names": {
            "kind": "CrawlJob",
            "plural": "crawljobs",
            "singular": "crawlob",  # as Browsertrix writes it
            "shortNames": ["cjs"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.scale",
                        "statusReplicasPath": ".status.scale",
                    },
                },
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                        "properties": {
                            part: {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                            for part in ("spec", "status")
                        },
                    }
                },
            }
        ],
    },
}
"""An open schema, and the subresources status and scale."""

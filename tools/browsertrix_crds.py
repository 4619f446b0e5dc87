"""The least definitions of Browsertrix' resources that behave as its own."""

from typing import Any, Final

_OPEN: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _definition(
    kind: str, plural: str, short_name: str, **subresources: dict[str, str]
) -> dict[str, Any]:
    """With an open schema, and status as a subresource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.btrix.cloud"},
        "spec": {
            "group": "btrix.cloud",
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": "crawlob"
                if kind == "CrawlJob"
                else kind.lower(),  # as Browsertrix writes it
                "shortNames": [short_name],
            },
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}, **subresources},
                    "schema": {
                        "openAPIV3Schema": {
                            **_OPEN,
                            "properties": {"spec": _OPEN, "status": _OPEN},
                        }
                    },
                }
            ],
        },
    }


CRDS: Final = {
    "crawljobs": _definition(
        "CrawlJob",
        "crawljobs",
        "cjs",
        scale={"specReplicasPath": ".spec.scale", "statusReplicasPath": ".status.scale"},
    ),
    "collindexes": _definition("CollIndex", "collindexes", "cixs"),
}
"""By plural."""

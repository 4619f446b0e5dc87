"""metacontroller's definition of a DecoratorController, as far as manifests of this repository go.

Written from its CustomResourceDefinition (v1alpha1): the same names, types and required fields.
Fields that it has and that are not here are refused, so that a test cannot pass by them.
"""

from typing import Any, Final

API_VERSION: Final = "metacontroller.k8s.io/v1alpha1"
_TEXT: Final = {"type": "string"}
_OPEN: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_WEBHOOK: Final = {
    "type": "object",
    "properties": {
        "url": _TEXT,
        "timeout": {"type": "string", "format": "duration"},
        "caBundle": _OPEN,
        "clientTLS": _OPEN,
        "authorization": _OPEN,
        "basicAuth": _OPEN,
    },
}
_RULES: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["apiVersion", "resource"],
        "properties": {"apiVersion": _TEXT, "resource": _TEXT, "labelSelector": _OPEN},
    },
}
_HOOK: Final = {"type": "object", "properties": {"webhook": _WEBHOOK}}
_SPEC: Final = {
    "type": "object",
    "required": ["resources"],
    "properties": {
        "resources": _RULES,
        "attachments": _RULES,
        "hooks": {
            "type": "object",
            "properties": {"sync": _HOOK, "customize": _HOOK, "finalize": _HOOK},
        },
        "resyncPeriodSeconds": {"type": "integer", "format": "int32"},
    },
}
DEFINITION: Final[dict[str, Any]] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "decoratorcontrollers.metacontroller.k8s.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, request not yet submitted"},
    },
    "spec": {
        "group": "metacontroller.k8s.io",
        "scope": "Cluster",
        "names": {
            "kind": "DecoratorController",
            "listKind": "DecoratorControllerList",
            "plural": "decoratorcontrollers",
            "singular": "decoratorcontroller",
            "shortNames": ["dec", "decorators"],
        },
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["metadata", "spec"],
                        "properties": {"metadata": {"type": "object"}, "spec": _SPEC},
                    }
                },
                "subresources": {"status": {}},
            }
        ],
    },
}

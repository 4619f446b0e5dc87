"""Why a scope cannot be followed, in one line that says what to do."""

from typing import Any

from exporter.cluster.client import RequestError
from exporter.resources.resource import Resource


def explain(error: RequestError, resource: Resource[Any], where: str) -> str:
    """Say what the failure means for a scope, of which ``where`` is the name in a sentence."""
    match error.reason:
        case "unauthorized":
            return f"{error}: the credentials are not accepted"
        case "forbidden":
            return f"{error}: RBAC must allow list and watch on {resource.name} in {where}"
        case "not_found" if resource.installed_by:
            product = resource.installed_by
            return f"{error}: is {product}, with its CRD {resource.name}, installed there?"
        case _:
            return str(error)

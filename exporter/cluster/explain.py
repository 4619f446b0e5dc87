"""Why a scope cannot be followed or polled as it should, in one line that says what to do."""

from typing import Any, Final

from exporter.cluster.client import RequestError
from exporter.resources.resource import Resource

_NOT_SERVED: Final = (404, 503)
"""What is answered for an API that another server should serve (Kubernetes: "API Aggregation"): 404
where that is not registered, 503 where it does not answer."""


def explain(error: RequestError, resource: Resource[Any], where: str) -> str:
    """Say what the failure means for a scope, of which ``where`` is the name in a sentence."""
    product = resource.installed_by
    match error.reason:
        case "unauthorized":
            return f"{error}: the credentials are not accepted"
        case "forbidden":
            verbs = "list and watch" if resource.versioned else "list"
            return f"{error}: RBAC must allow {verbs} on {resource.name} in {where}"
        case _ if error.status in _NOT_SERVED and not resource.versioned:
            api = f"{resource.group}/{resource.version}"
            return f"{error}: {product} is not installed, or not running: nothing serves {api}"
        case "not_found" if product:
            return f"{error}: is {product}, with its CRD {resource.name}, installed there?"
        case _:
            return str(error)


def explain_stale(resource: Resource[Any], source: str) -> str:
    """Say what it means that most of what a source lists has stood still for too long."""
    return (
        f"{resource.installed_by} has measured hardly any pod within three intervals: it is stuck, "
        f"or --source.{source}.interval is less than its --metric-resolution"
    )

"""Why a scope cannot be followed, in one line that says what to do."""

from typing import Final

from exporter.cluster.client import RequestError
from exporter.resources.identity import GROUP

RESOURCE: Final = f"crawljobs.{GROUP}"


def explain(error: RequestError, where: str) -> str:
    """Say what the failure means for a scope, of which ``where`` is the name in a sentence."""
    match error.reason:
        case "unauthorized":
            return f"{error}: the credentials are not accepted"
        case "forbidden":
            return f"{error}: RBAC must allow list and watch on {RESOURCE} in {where}"
        case "not_found":
            return f"{error}: is Browsertrix, with its CRD {RESOURCE}, installed there?"
        case _:
            return str(error)

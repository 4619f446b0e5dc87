"""What an API server answers when it refuses: a ``Status`` with code, reason and message.

Messages and reasons are those of the Kubernetes API conventions ("Response Status Kind") and of
apimachinery's ``errors`` package, because clients distinguish failures by them.
"""

import json
from typing import Any, Final

from exporter.simulator.apiserver.served_resource import ServedResource

_REASONS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A request that is refused."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: dict[str, Any] | None = None,
        resume: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = _REASONS.get(code, "") if reason is None else reason
        self.details = details
        self.resume = resume
        """A continue token with which an expired list may go on, inconsistently."""

    def status(self) -> dict[str, Any]:
        """The ``Status`` object of the response."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.resume} if self.resume else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        return {**status, "code": self.code}

    def body(self) -> bytes:
        """The ``Status`` as JSON."""
        return json.dumps(self.status(), separators=(",", ":")).encode()


def bad_request(message: str) -> ApiError:
    """The request is malformed."""
    return ApiError(400, message)


def unauthorized() -> ApiError:
    """No token, or one that is not accepted."""
    return ApiError(401, "Unauthorized")


def forbidden(resource: ServedResource, verb: str, namespace: str) -> ApiError:
    """RBAC grants too little; an empty namespace stands for the cluster scope."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    return ApiError(
        403,
        f'{resource.qualified(resource.plural)} is forbidden: User "simulated" cannot {verb} '
        f'resource "{resource.plural}" in API group "{resource.group}" {where}',
        details=resource.details,
    )


def not_found(resource: ServedResource, name: str) -> ApiError:
    """There is no such object."""
    message = f'{resource.qualified(resource.plural)} "{name}" not found'
    return ApiError(404, message, details=_details(resource, name))


def already_exists(resource: ServedResource, name: str) -> ApiError:
    """The name is taken."""
    message = f'{resource.qualified(resource.plural)} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_details(resource, name))


def conflict(resource: ServedResource, name: str, message: str = "") -> ApiError:
    """The object has another version, or uid, than the request expects."""
    why = message or (
        "the object has been modified; please apply your changes to the latest version and try"
        " again"
    )
    return ApiError(
        409,
        f'Operation cannot be fulfilled on {resource.qualified(resource.plural)} "{name}": {why}',
        details=_details(resource, name),
    )


def invalid(resource: ServedResource, name: str, message: str) -> ApiError:
    """The object fails validation."""
    return ApiError(
        422,
        f'{resource.qualified(resource.kind)} "{name}" is invalid: {message}',
        details=_details(resource, name),
    )


def too_old(version: int, oldest: int) -> ApiError:
    """A watch from a version that was compacted."""
    return ApiError(410, f"too old resource version: {version} ({oldest})")


def continue_expired(resume: str) -> ApiError:
    """A list whose snapshot was compacted between two of its pages."""
    return ApiError(
        410,
        "The provided continue parameter is too old to display a consistent list result. You can"
        " start a new list without the continue parameter, or use the continue token in this"
        " response to retrieve the remainder of the results. Continuing with the provided token"
        " results in an inconsistent list - objects that were created, modified, or deleted"
        " between the time the first chunk was returned and now may show up in the list.",
        resume=resume,
    )


def too_new(version: int, current: int) -> ApiError:
    """A list at a version that does not exist yet."""
    return ApiError(
        504,
        f"Too large resource version: {version}, current: {current}",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def _details(resource: ServedResource, name: str) -> dict[str, Any]:
    return {"name": name, **resource.details}

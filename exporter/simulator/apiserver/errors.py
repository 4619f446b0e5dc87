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
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_MEDIA_TYPES: Final = "application/json, application/yaml, application/vnd.kubernetes.protobuf"


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
        if self.details is not None:
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


def forbidden(  # noqa: PLR0913 - what the Status says
    user: str,
    verb: str,
    resource: ServedResource,
    namespace: str,
    *,
    name: str = "",
    sub: str = "",
) -> ApiError:
    """RBAC grants too little; an empty namespace stands for the cluster scope."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    what = resource.qualified(resource.plural) + (f' "{name}"' if name else "")
    plural = f"{resource.plural}/{sub}" if sub else resource.plural
    return ApiError(
        403,
        f'{what} is forbidden: User "{user}" cannot {verb} '
        f'resource "{plural}" in API group "{resource.group}" {where}',
        details=_details(resource, name) if name else resource.details,
    )


def forbidden_path(user: str, path: str) -> ApiError:
    """The same for what is no resource."""
    return ApiError(403, f'forbidden: User "{user}" cannot get path "{path}"', details={})


def not_acceptable() -> ApiError:
    """No content type that is accepted is known."""
    return ApiError(406, f"only the following media types are accepted: {_MEDIA_TYPES}")


def unknown_format(accepted: str = "") -> ApiError:
    """The body has a content type that is not known."""
    return ApiError(
        415,
        "the body of the request was in an unknown format - accepted media types include: "
        f"{accepted or _MEDIA_TYPES}",
    )


def not_allowed(resource: ServedResource | None = None, verb: str = "") -> ApiError:
    """A method that there is not for a path; of a custom resource it says which."""
    if resource is None:
        text = "the server does not allow this method on the requested resource"
        return ApiError(405, text, details={})
    kind = resource.qualified(resource.plural)
    return ApiError(
        405, f'{verb} is not supported on resources of kind "{kind}"', details=resource.details
    )


def not_found(resource: ServedResource, name: str) -> ApiError:
    """There is no such object."""
    message = f'{resource.qualified(resource.plural)} "{name}" not found'
    return ApiError(404, message, details=_details(resource, name))


def already_exists(resource: ServedResource, name: str) -> ApiError:
    """The name is taken."""
    message = f'{resource.qualified(resource.plural)} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_details(resource, name))


def conflict(resource: ServedResource, name: str) -> ApiError:
    """The object has another version than the update was made for."""
    return _conflict(
        resource.plural,
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version and try"
        " again",
    )


def precondition_failed(resource: ServedResource, name: str, why: str) -> ApiError:
    """The object has another version, or uid, than its deletion is bound to."""
    return _conflict(resource.kind, resource, name, why)


def _conflict(kind: str, resource: ServedResource, name: str, why: str) -> ApiError:
    return ApiError(
        409,
        f'Operation cannot be fulfilled on {resource.qualified(kind)} "{name}": {why}',
        details={**_details(resource, name), "kind": kind},
    )


def invalid(  # noqa: PLR0913 - what the Status says
    field: str, reason: str, why: str, *, group: str, kind: str, name: str = ""
) -> ApiError:
    """A field of an object, or of a request's options, fails validation.

    ``reason`` is one of apimachinery's, such as ``FieldValueRequired``.
    """
    of = f"{kind}.{group}" if group else kind
    details = {"name": name, "group": group, "kind": kind}
    return ApiError(
        422,
        f'{of} "{name}" is invalid: {field}: {why}',
        details={
            **{key: item for key, item in details.items() if item},
            "causes": [{"reason": reason, "message": why, "field": field}],
        },
    )


def too_old(version: int, oldest: int) -> ApiError:
    """A watch from a version that was compacted."""
    return ApiError(410, f"too old resource version: {version} ({oldest})")


def list_too_old() -> ApiError:
    """A list at a version that was compacted."""
    return ApiError(410, "The resourceVersion for the provided list is too old.")


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
        f"Timeout: Too large resource version: {version}, current: {current}",
        details={
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def _details(resource: ServedResource, name: str) -> dict[str, Any]:
    return {"name": name, **resource.details}

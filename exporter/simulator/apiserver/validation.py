"""What an API server refuses before it does anything: options, bodies and updates that are wrong.

The texts are those of a real one, of which ``tests/simulator/test_like_the_real_one.py`` makes
sure. Not checked is what only a schema could say.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.updates import Object

_MATCHES: Final = ("Exact", "NotOlderThan", "")
_SUMMARY: Final = 30


def check_list_options(query: Mapping[str, str], *, watch: bool) -> None:
    """Raise ApiError (400, 422) for parameters that cannot go together."""
    match = query.get("resourceVersionMatch", "")
    if match and query.get("resourceVersion") is None and not is_true(query, "sendInitialEvents"):
        raise _wrong_match(
            "FieldValueForbidden",
            "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        )
    if match not in _MATCHES:
        supported = ", ".join(f'"{one}"' for one in _MATCHES)
        raise _wrong_match(
            "FieldValueNotSupported", f'Unsupported value: "{match}": supported values: {supported}'
        )
    if watch and is_true(query, "sendInitialEvents") and match != "NotOlderThan":
        raise _wrong_match(
            "FieldValueForbidden",
            "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        )
    if not watch and query.get("continue") and query.get("resourceVersion", "0") not in {"", "0"}:
        raise errors.bad_request("specifying resource version is not allowed when using continue")


def _wrong_match(reason: str, why: str) -> ApiError:
    return errors.invalid(
        "resourceVersionMatch", reason, why, group="meta.k8s.io", kind="ListOptions"
    )


def is_true(query: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on: it is there, and neither ``0`` nor ``false``."""
    return name in query and query[name].lower() not in {"0", "false"}


def number(query: Mapping[str, str], name: str) -> int:
    """A number of the query, 0 where it is none. Raises ApiError (400) for anything else."""
    text = query.get(name, "")
    try:
        return int(text or "0")
    except ValueError:
        raise errors.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def version(query: Mapping[str, str], *, watch: bool) -> int:
    """``resourceVersion``, 0 where there is none. Raises ApiError (400, of a watch 500)."""
    text = query.get("resourceVersion", "")
    if not text or text.isdecimal():
        return int(text or "0")
    why = (
        f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": '
        "invalid syntax"
    )
    if watch:
        raise ApiError(500, why, reason="")
    raise errors.bad_request(f"invalid resource version: {why}")


def read_object(resource: ServedResource, body: bytes) -> Object:
    """The object that a body is. Raises ApiError (400)."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise _unrecognised(resource, "couldn't get version/kind; json parse error", body)
    if resource.is_custom and not value.get("kind"):  # a resource of its own has it by default
        text = body.decode(errors="replace")
        raise _unrecognised(resource, f"Object 'Kind' is missing in '{text}'", body)
    _check_metadata(resource, value)
    return value


def read_patch(resource: ServedResource, body: bytes) -> Object:
    """The merge patch that a body is. Raises ApiError (400)."""
    try:
        value = json.loads(body)
    except ValueError:
        raise errors.bad_request("invalid JSON patch") from None
    if not isinstance(value, dict):
        raise errors.bad_request(
            "error decoding patch: json: cannot unmarshal array into Go value of type"
            " map[string]interface {}"
        )
    _check_metadata(resource, value)
    return value


def read_options(body: bytes) -> dict[str, Any]:
    """The options that the body of a DELETE is. Raises ApiError (400)."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise errors.bad_request("the body is no DeleteOptions")
    return value


def check_key(value: Object, namespace: str, name: str = "") -> None:
    """Raise ApiError (400) where the object is not the one of the path.

    What is missing is filled in.
    """
    metadata = value.setdefault("metadata", {})
    if metadata.setdefault("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if name and metadata.setdefault("name", name) != name:
        raise errors.bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({name})"
        )


def check_update(resource: ServedResource, before: Object, metadata: Mapping[str, Any]) -> None:
    """Raise ApiError (422) where an update changes what it may not."""
    old = before["metadata"]
    for field in ("uid", "deletionTimestamp"):
        given = metadata.get(field)
        if given is not None and given != old.get(field):
            raise _wrong_field(
                resource,
                old["name"],
                field,
                "Invalid",
                f'Invalid value: "{given}": field is immutable',
            )
    added = [
        one for one in metadata.get("finalizers") or () if one not in old.get("finalizers", ())
    ]
    if "deletionTimestamp" in old and added:
        listed = ", ".join(f'"{one}"' for one in added)
        raise _wrong_field(
            resource,
            old["name"],
            "finalizers",
            "Forbidden",
            "Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}",
        )


def _wrong_field(
    resource: ServedResource, name: str, field: str, reason: str, why: str
) -> ApiError:
    return errors.invalid(
        f"metadata.{field}",
        f"FieldValue{reason}",
        why,
        group=resource.group,
        kind=resource.kind,
        name=name,
    )


def _check_metadata(resource: ServedResource, value: Object) -> None:
    if not isinstance(value.get("metadata", {}), dict):
        raise errors.bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a '
            f"{resource.kind}: json: cannot unmarshal number into Go value of type v1.ObjectMeta"
        )


def _unrecognised(resource: ServedResource, why: str, body: bytes) -> ApiError:
    begin = body[:_SUMMARY]
    summary = begin.decode(errors="replace") if begin.startswith(b"{") else begin.hex()
    more = " ..." if len(body) > _SUMMARY else ""
    return errors.bad_request(
        f"the object provided is unrecognized (must be of type {resource.kind}): "
        f"{why} ({summary}{more})"
    )

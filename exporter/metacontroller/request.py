"""What metacontroller sends, read as far as it is needed.

Two forms: a DecoratorController sends ``object`` and ``attachments``, a CompositeController
``parent`` and ``children``; of the customize hook both send ``parent`` alone. The envelope is
metacontroller's and must be right; the objects in it are read leniently, as everywhere.
Source: metacontroller, pkg/controller/{decorator,composite}/api/v1/hooks.go.
"""

from dataclasses import dataclass
from typing import Any, Final

from exporter.resources.decoding import InvalidObjectError, decode

OPERATOR_FINALIZER: Final = "metacontroller.io/compositecontroller-"
"""Begins the finalizer by which Browsertrix's own operator takes part in a deletion."""


class InvalidRequestError(ValueError):
    """A body that metacontroller does not send; one line that names the field."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of a hook."""

    composite: bool
    """Whether it has a CompositeController's form."""
    object: dict[str, Any]
    children: list[dict[str, Any]]
    """The attachments or children, as observed."""
    related: dict[str, list[dict[str, Any]]]
    """Objects that customize asked for, by kind; a kind that was asked for may have none."""

    @property
    def kind(self) -> str:
        """Of the object."""
        return _text(self.object.get("kind"))

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata = self.object.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def namespace(self) -> str:
        """Of the object; empty where it has none."""
        return _text(self._metadata.get("namespace"))

    @property
    def name(self) -> str:
        """Of the object."""
        return _text(self._metadata.get("name"))

    @property
    def uid(self) -> str:
        """Of the object; empty where it has none."""
        return _text(self._metadata.get("uid"))

    @property
    def is_being_deleted(self) -> bool:
        """Whether somebody has deleted the object, and finalizers keep it."""
        return bool(self._metadata.get("deletionTimestamp"))

    @property
    def operator_has_not_finished(self) -> bool:
        """Whether Browsertrix's operator may still write the state that the object ends in."""
        finalizers = self._metadata.get("finalizers")
        return self.is_being_deleted and any(
            isinstance(one, str) and one.startswith(OPERATOR_FINALIZER)
            for one in (finalizers if isinstance(finalizers, list) else ())
        )


def read_request(body: bytes) -> HookRequest:
    """Read one call. Raises InvalidRequestError."""
    try:
        tree = decode(body)
    except InvalidObjectError as error:
        raise InvalidRequestError(str(error)) from error
    if not isinstance(tree, dict):
        raise InvalidRequestError("the body is no JSON object")
    composite = "object" not in tree
    name, children = ("parent", "children") if composite else ("object", "attachments")
    if composite and "parent" not in tree:
        raise InvalidRequestError("object (or parent, of a CompositeController) is missing")
    item = tree[name]
    if not isinstance(item, dict):
        raise InvalidRequestError(f"{name} is no object")
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidRequestError(f"{name}.metadata is missing or no object")
    if not _text(metadata.get("name")):
        raise InvalidRequestError(f"{name}.metadata.name is missing or no text")
    groups = _groups(tree, children)
    return HookRequest(
        composite,
        item,
        [one for group in groups.values() for one in group],
        _by_kind(_groups(tree, "related")),
    )


def _groups(tree: dict[str, Any], field: str) -> dict[str, list[dict[str, Any]]]:
    """Read ``{"Pod.v1": {"name": {…}}}``; null and absent are empty."""
    groups = tree.get(field)
    if groups is None:
        return {}
    if not isinstance(groups, dict):
        raise InvalidRequestError(f"{field} is no object")
    found: dict[str, list[dict[str, Any]]] = {}
    for kind, objects in groups.items():
        if not isinstance(objects, dict | None):
            raise InvalidRequestError(f"{field}: a group is no object")
        for one in (objects or {}).values():
            if not isinstance(one, dict):
                raise InvalidRequestError(f"{field}: an entry is no object")
        found[kind] = list((objects or {}).values())
    return found


def _by_kind(groups: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Name groups by kind alone: of ``Pod.v1`` and ``CrawlJob.btrix.cloud/v1``, what is in front.

    Metacontroller writes Kind.version for the core and Kind.group/version for all else.
    """
    return {name.partition(".")[0]: objects for name, objects in groups.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""

"""What the API server says in answer to list and watch, read from its JSON.

The healthy way is one pass of the compiled parser over the raw bytes, envelope and object
together. Whatever that refuses (bookmarks, errors, malformed objects) is decoded and looked at
piece by piece.
Source: Kubernetes API concepts, "Efficient detection of changes".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, cast

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as parsed

from exporter.resources.decoding import InvalidObjectError, decode
from exporter.resources.resource import Resource, ResourceObject

T = TypeVar("T", bound=ResourceObject)
Item = TypeVar("Item")  # without a bound: pydantic makes a schema of it

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
_EVENT_TYPES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
EXPIRED_REASONS: Final = frozenset({"Expired", "Gone"})


@parsed(slots=True)
class WatchEvent(Generic[Item]):
    """An object was added, modified or deleted."""

    type: EventType
    object: Item


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Everything up to this version has been sent."""

    version: str


@dataclass(frozen=True, slots=True)
class Status:
    """How the API server reports a failure; empty and 0 where it said nothing."""

    code: int = 0
    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()

    @property
    def expired(self) -> bool:
        """Whether the version or continue token asked for can no longer, or not yet, be served."""
        too_large = "ResourceVersionTooLarge" in self.causes
        return self.code == 410 or self.reason in EXPIRED_REASONS or too_large

    def __str__(self) -> str:
        """One line, of bounded length."""
        said = " ".join(f"{self.code or ''} {self.reason} {self.message}".split())
        return said[:300] or "no reason given"


@dataclass(frozen=True, slots=True)
class InvalidObject:
    """An object that cannot be read; its name and version, as far as they could be."""

    why: str
    namespace: str = ""
    name: str = ""
    version: str = ""
    event_type: EventType | None = None
    """What happened to it; None in a list."""


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that is no event."""

    why: str


@parsed(slots=True)
class ListMeta:
    """Where a list stands."""

    version: Annotated[str, Field(alias="resourceVersion")] = ""
    more: Annotated[str, Field(alias="continue")] = ""
    """The token that asks for the next page; empty on the last."""


@parsed(slots=True)
class _ParsedPage(Generic[Item]):
    items: list[Item]
    kind: str = ""
    metadata: ListMeta = field(default_factory=ListMeta)


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list. Reading ``items`` may parse as it goes: yield to the loop in between."""

    metadata: ListMeta
    items: Iterable[Item | InvalidObject]


class WireDecoder(Generic[T]):
    """Reads lists and watches of one resource; its two parsers are compiled when it is made."""

    def __init__(self, resource: Resource[T]) -> None:
        self._reader = resource.reader
        self._list_kind = "" if resource.versioned else f"{resource.kind}List"
        model: Any = resource.reader.model  # known at run time alone, which suits pydantic
        self._event: TypeAdapter[WatchEvent[T]] = TypeAdapter(WatchEvent[model])
        self._page: TypeAdapter[_ParsedPage[T]] = TypeAdapter(_ParsedPage[model])

    def read_event(
        self, line: bytes
    ) -> WatchEvent[T] | Bookmark | Status | InvalidObject | InvalidLine:
        """Read one line of a watch; never raises, whatever the line is."""
        try:
            return self._event.validate_json(line)
        except ValidationError:
            return self._read_leniently(line)

    def _read_leniently(
        self, line: bytes
    ) -> WatchEvent[T] | Bookmark | Status | InvalidObject | InvalidLine:
        try:
            event = decode(line)
        except InvalidObjectError as error:
            return InvalidLine(str(error))
        if not isinstance(event, dict):
            return InvalidLine("not an object")
        kind, content = event.get("type"), event.get("object")
        if kind == "BOOKMARK":
            version = _version(content)
            return Bookmark(version) if version else InvalidLine("a bookmark without a version")
        if kind == "ERROR":
            return read_status(content)
        if not isinstance(kind, str) or kind not in _EVENT_TYPES:
            return InvalidLine("not an event this exporter knows")
        event_type = cast("EventType", kind)
        item = self._read_item(content, event_type)
        return item if isinstance(item, InvalidObject) else WatchEvent(event_type, item)

    def read_page(self, body: bytes) -> Page[T]:
        """Read one page of a list; raises InvalidObjectError where the reply is no list at all."""
        try:
            page = self._page.validate_json(body)
        except ValidationError:
            pass
        else:
            if self._is_list(page.kind, page.metadata.version):
                return Page(page.metadata, page.items)
        reply = _dict(decode(body))
        items, version = reply.get("items", ()), _version(reply)
        is_list = self._is_list(reply.get("kind"), version)
        if not is_list or not (items is None or isinstance(items, list)):
            wanted = self._list_kind or "list with a version"
            raise InvalidObjectError(f"the reply to a list is no {wanted}")
        more = _dict(reply.get("metadata")).get("continue")
        metadata = ListMeta(version, more if isinstance(more, str) else "")
        return Page(metadata, self._read_items(items or []))

    def _is_list(self, kind: Any, version: str) -> bool:
        """Anything less would make every object vanish because some proxy said ``{}``."""
        return kind == self._list_kind if self._list_kind else bool(version)

    def read_item(self, text: bytes) -> Iterable[T | InvalidObject]:
        """Read one item of a list; never raises, whatever it is.

        Numbers and the like in front of it, which are no objects, are invalid ones.
        """
        try:
            return (self._reader.parse_json(text),)
        except InvalidObjectError as error:
            try:
                return self._read_items(decode(b"[%b]" % text))
            except InvalidObjectError:
                return (InvalidObject(str(error)),)

    def _read_items(self, items: list[Any]) -> Iterator[T | InvalidObject]:
        for item in items:
            yield self._read_item(item, None)

    def _read_item(self, content: Any, event_type: EventType | None) -> T | InvalidObject:
        try:
            return self._reader.parse_value(content)
        except InvalidObjectError as error:
            meta = _dict(_dict(content).get("metadata"))
            namespace, name = meta.get("namespace"), meta.get("name")
            return InvalidObject(
                str(error),
                namespace if isinstance(namespace, str) else "",
                name if isinstance(name, str) else "",
                _version(content),
                event_type,
            )


def read_status(content: Any) -> Status:
    """Read a decoded Status object, leniently."""
    status = _dict(content)
    code, reason, message = status.get("code"), status.get("reason"), status.get("message")
    causes = _dict(status.get("details")).get("causes")
    return Status(
        code if isinstance(code, int) else 0,
        reason if isinstance(reason, str) else "",
        message if isinstance(message, str) else "",
        tuple(str(_dict(cause).get("reason")) for cause in causes)
        if isinstance(causes, list)
        else (),
    )


def _version(content: Any) -> str:
    version = _dict(_dict(content).get("metadata")).get("resourceVersion")
    return version if isinstance(version, str) else ""


def _dict(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}

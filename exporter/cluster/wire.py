"""What the API server says in answer to list and watch, read from its JSON.

The healthy way is one pass of the compiled parser over the raw bytes. Whatever that refuses
(bookmarks, errors, malformed objects) is decoded and looked at piece by piece.
Source: Kubernetes API concepts, "Efficient detection of changes".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, cast

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as parsed

from exporter.resources.crawljob import CrawlJob, InvalidObjectError, decode, parse_value

Kind = Literal["ADDED", "MODIFIED", "DELETED"]
_KINDS: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
EXPIRED_REASONS: Final = frozenset({"Expired", "Gone"})


@parsed(slots=True)
class WatchEvent:
    """An object was added, modified or deleted."""

    type: Kind
    object: CrawlJob


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
    kind: Kind | None = None
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
class _ParsedPage:
    items: list[CrawlJob]
    metadata: ListMeta = field(default_factory=ListMeta)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. Reading ``items`` may parse as it goes: take breaths between."""

    metadata: ListMeta
    items: Iterable[CrawlJob | InvalidObject]


_EVENT: Final = TypeAdapter(WatchEvent)
_PAGE: Final = TypeAdapter(_ParsedPage)


def read_event(line: bytes) -> WatchEvent | Bookmark | Status | InvalidObject | InvalidLine:
    """Read one line of a watch; never raises, whatever the line is."""
    try:
        return _EVENT.validate_json(line)
    except ValidationError:
        return _read_slowly(line)


def _read_slowly(line: bytes) -> WatchEvent | Bookmark | Status | InvalidObject | InvalidLine:
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
    if not isinstance(kind, str) or kind not in _KINDS:
        return InvalidLine("not an event this exporter knows")
    return _read_object(content, cast("Kind", kind))


def _read_object(content: Any, kind: Kind) -> WatchEvent | InvalidObject:
    item = _read_item(content, kind)
    return item if isinstance(item, InvalidObject) else WatchEvent(kind, item)


def read_page(body: bytes) -> Page:
    """Read one page of a list; raises InvalidObjectError where the reply is no list at all."""
    try:
        page = _PAGE.validate_json(body)
    except ValidationError:
        pass
    else:
        if page.metadata.version:
            return Page(page.metadata, page.items)
    reply = _dict(decode(body))
    items, version = reply.get("items", ()), _version(reply)
    # Anything less would make every object vanish because some proxy said "{}".
    if not version or not (items is None or isinstance(items, list)):
        raise InvalidObjectError("the reply to a list is no list with a version")
    more = _dict(reply.get("metadata")).get("continue")
    metadata = ListMeta(version, more if isinstance(more, str) else "")
    return Page(metadata, _read_items(items or []))


def _read_items(items: list[Any]) -> Iterator[CrawlJob | InvalidObject]:
    for item in items:
        yield _read_item(item, None)


def _read_item(content: Any, kind: Kind | None) -> CrawlJob | InvalidObject:
    try:
        return parse_value(content)
    except InvalidObjectError as error:
        meta = _dict(_dict(content).get("metadata"))
        namespace, name = meta.get("namespace"), meta.get("name")
        return InvalidObject(
            str(error),
            namespace if isinstance(namespace, str) else "",
            name if isinstance(name, str) else "",
            _version(content),
            kind,
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

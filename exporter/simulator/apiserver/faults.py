"""Faults that a test orders: refused requests, stalled ones, and watches that break.

Orders are one-shot or counted and used up in the order given. Those about watches act on the
ones that are open at that time, unless they say that they act on later ones. Each is about all
resources, or about the one it names.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.served_resource import ServedResource

if TYPE_CHECKING:
    from exporter.simulator.apiserver.watching import WatchStream

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete"]
Cut = Literal["clean", "mid-line", "reset"]
GoneForm = Literal["event", "status"]

HTML: Final = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>\n"


@dataclass(slots=True)
class Refusal:
    """An answer given instead of the right one."""

    code: int
    body: bytes
    content_type: str
    retry_after: str | None
    verbs: frozenset[str]
    resource: ServedResource | None
    """Where it is one only."""
    left: int


class Faults:
    """The faults of one API server."""

    def __init__(self, cluster: Cluster) -> None:
        self.streams: set[WatchStream] = set()
        """The open watches."""
        self._cluster = cluster
        self._refusals: deque[Refusal] = deque()
        self._stalled: set[tuple[str, ServedResource | None]] = set()
        self._released = asyncio.Event()
        self._duplicates = 0
        self._duplicated: ServedResource | None = None
        self.gone_form: GoneForm = "event"
        """What a watch from a compacted version gets: an ERROR event in a 200 stream, or a 410."""

    # Requests

    def refuse(  # each part of an answer can be ordered  # noqa: PLR0913
        self,
        code: int,
        times: int = 1,
        *,
        retry_after: float | str | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        only: Verb | None = None,
        resource: ServedResource | None = None,
    ) -> None:
        """Answer the next requests (for one verb only, if named) like this instead.

        ``retry_after`` is in seconds, or an HTTP date; without a body a ``Status`` is sent.
        """
        self._refusals.append(
            Refusal(
                code,
                ApiError(code, f"ordered by a test: {code}").body() if body is None else body,
                content_type,
                None if retry_after is None else str(retry_after),
                frozenset({only} if only else ()),
                resource,
                times,
            )
        )

    def answer_html(
        self,
        times: int = 1,
        *,
        code: int = 200,
        only: Verb | None = None,
        resource: ServedResource | None = None,
    ) -> None:
        """Answer with HTML, like a proxy in front of a server that is down."""
        html = "text/html"
        self.refuse(code, times, body=HTML, content_type=html, only=only, resource=resource)

    @property
    def refusing(self) -> bool:
        """Whether there are requests still to be refused."""
        return bool(self._refusals)

    def refusal(self, verb: str, resource: ServedResource) -> Refusal | None:
        """The order, if any, that this request uses up."""
        for refusal in self._refusals:
            if refusal.resource not in {None, resource}:
                continue
            if not refusal.verbs or verb in refusal.verbs:
                refusal.left -= 1
                if refusal.left <= 0:
                    self._refusals.remove(refusal)
                return refusal
        return None

    def stall(self, *verbs: Verb, resource: ServedResource | None = None) -> None:
        """Send nothing, not even bookmarks or the end, until ``release``; by default in watches."""
        self._stalled = {(verb, resource) for verb in verbs or ("watch",)}
        self._released.clear()
        self._wake()

    def release(self) -> None:
        """End ``stall``: what was held back is sent."""
        self._stalled.clear()
        self._released.set()
        self._wake()

    def stalled(self, verb: str, resource: ServedResource) -> bool:
        """Whether requests with this verb are kept waiting."""
        return (verb, None) in self._stalled or (verb, resource) in self._stalled

    async def pass_stall(self, verb: str, resource: ServedResource) -> None:
        """Wait while requests with this verb are kept waiting."""
        while self.stalled(verb, resource):
            await self._released.wait()

    def expire_continues(self) -> None:
        """Let lists that are under way find their continue token expired (410)."""
        self._cluster.forget_snapshots()

    # Streams

    def cut(self, how: Cut = "clean", *, resource: ServedResource | None = None) -> None:
        """End the open watches: properly, within a line, or by a connection reset."""
        for stream in self._open(resource):
            stream.cut(how)

    def inject(self, line: bytes, *, resource: ServedResource | None = None) -> None:
        """Put bytes into the open watches, as they are."""
        for stream in self._open(resource):
            stream.inject(line)

    def invalid_line(self, *, resource: ServedResource | None = None) -> None:
        """Send a line that is no JSON."""
        line = b'{"type":"MODIFIED","object":{"metadata":\x00\xff<garbage>\n'
        self.inject(line, resource=resource)

    def error_event(
        self,
        code: int,
        message: str = "ordered by a test",
        *,
        resource: ServedResource | None = None,
    ) -> None:
        """Send an ERROR event; the watches stay open."""
        status = ApiError(code, message).status()
        line = serialise({"type": "ERROR", "object": status}) + b"\n"
        self.inject(line, resource=resource)

    def expire_streams(self, *, resource: ServedResource | None = None) -> None:
        """Send an ERROR event (410, too old version) in the open watches, and end them."""
        self.error_event(410, "too old resource version: 1 (2)", resource=resource)
        self.cut(resource=resource)

    def resend(self, events: int = 1, *, resource: ServedResource | None = None) -> None:
        """Send the last events again, older than the watch's position though they are."""
        for stream in self._open(resource):
            for event in self._cluster.recent(events, stream.resource):
                stream.inject(stream.line(event))

    def duplicate(self, events: int = 1, *, resource: ServedResource | None = None) -> None:
        """Send each of the next events twice, in watches opened later too."""
        self._duplicates = events
        self._duplicated = resource

    def use_duplicate(self, resource: ServedResource) -> bool:
        """Whether to send the current event twice; uses up one of ``duplicate``."""
        if not self._duplicates or self._duplicated not in {None, resource}:
            return False
        self._duplicates -= 1
        return True

    def _open(self, resource: ServedResource | None) -> "list[WatchStream]":
        return [one for one in self.streams if resource is None or one.resource is resource]

    def _wake(self) -> None:
        for stream in self.streams:
            stream.wake()

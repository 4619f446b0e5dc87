"""Faults that a test orders: refused requests, stalled ones, and watches that break.

Orders about requests are those of every server (``request_faults``). Those about watches act on
the ones that are open at that time, unless they say that they act on later ones. Each is about all
resources, or about the one it names.
"""

from typing import TYPE_CHECKING, Literal

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.request_faults import RequestFaults

if TYPE_CHECKING:
    from exporter.simulator.apiserver.watching import WatchStream

Verb = Literal["get", "list", "watch", "create", "update", "patch", "delete"]
Cut = Literal["clean", "mid-line", "reset"]
GoneForm = Literal["event", "status"]


class Faults(RequestFaults[Verb, ServedResource]):
    """The faults of one API server."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(lambda code: ApiError(code, f"ordered by a test: {code}").body())
        self.streams: set[WatchStream] = set()
        """The open watches."""
        self._cluster = cluster
        self._duplicates = 0
        self._duplicated: ServedResource | None = None
        self.ignores_shards = False
        """Whether ``shardSelector`` is not looked at, as by servers before Kubernetes 1.36."""
        self.gone_form: GoneForm = "event"
        """What a watch from a compacted version gets: an ERROR event in a 200 stream, or a 410."""

    # Requests

    def stall(self, *verbs: Verb, resource: ServedResource | None = None) -> None:
        """Send nothing, not even bookmarks or the end, until ``release``; by default in watches."""
        super().stall(*(verbs or ("watch",)), resource=resource)
        self._wake()

    def release(self) -> None:
        """End ``stall``: what was held back is sent."""
        super().release()
        self._wake()

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

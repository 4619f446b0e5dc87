"""One watch: the events after a version as lines, bookmarks, and an end.

Semantics as the Kubernetes API concepts describe them ("Efficient detection of changes", "Watch
bookmarks"). A stream keeps no queue of its own; it reads the cluster's history from where it
stands, so a slow client costs nothing, and one that is too slow gets a 410 like any other.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from typing import Final

from aiohttp import web

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.errors import ApiError
from exporter.simulator.apiserver.event_log import WatchEvent
from exporter.simulator.apiserver.faults import Cut, Faults
from exporter.simulator.apiserver.selectors import Selection
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.storage import Stored

_BATCH: Final = 200
"""Events that are joined into one write."""


_LAST_BOOKMARK: Final = 2.0
"""Seconds before the end of a watch that lasts longer than that."""


def bookmark(resource: ServedResource, version: int, *, initial: bool = False) -> bytes:
    """A BOOKMARK line: everything up to ``version`` has been sent; ``initial`` is the first one."""
    metadata: dict[str, object] = {"resourceVersion": str(version)}
    if initial:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    marked = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    return serialise({"type": "BOOKMARK", "object": marked}) + b"\n"


def _line(type_: str, data: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type_.encode(), data)


class WatchStream:
    """One open watch. ``bookmark_every`` in seconds; None when the client wants no bookmarks."""

    def __init__(
        self,
        cluster: Cluster,
        faults: Faults,
        selection: Selection,
        version: int | None,
        bookmark_every: float | None,
    ) -> None:
        """Start after ``version``; None first sends what is there now, as ADDED events."""
        self._cluster = cluster
        self._faults = faults
        self._selection = selection
        self._bookmark_every = bookmark_every
        self._cut: Cut | None = None
        self._injected: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._present: deque[Stored] = deque()
        self._initial = version is None and bookmark_every is not None
        if version is None:
            snapshot = cluster.snapshot(selection.resource)
            self._present.extend(item for item in snapshot.objects if item in selection)
            version = snapshot.version
        self._version = version

    @property
    def resource(self) -> ServedResource:
        """What it is a watch of."""
        return self._selection.resource

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._woken.set()

    def inject(self, line: bytes) -> None:
        """Send bytes as they are, after the events that are waiting."""
        if line:
            self._injected.append(line)
            self.wake()

    def cut(self, how: Cut) -> None:
        """End, after what is waiting was sent."""
        self._cut = how
        self.wake()

    async def run(self, request: web.Request, response: web.StreamResponse, until: float) -> None:
        """Send lines until the loop's time ``until``, a cut or an expiry.

        Raises ConnectionError when the client left.
        """
        loop = asyncio.get_running_loop()
        every = self._bookmark_every
        next_bookmark = until if every is None else self._bookmark_after(loop.time(), until)
        unsubscribe = self._cluster.subscribe(self.wake)
        try:
            while True:
                self._woken.clear()
                if self._faults.stalled("watch", self.resource):
                    await self._woken.wait()
                    continue
                try:
                    lines = self._due()
                except ApiError as gone:
                    await response.write(_line("ERROR", gone.body()))
                    return
                if lines:
                    await response.write(b"".join(lines))
                    continue
                if self._cut:
                    await self._end(self._cut, request, response)
                    return
                now = loop.time()
                if now >= until:
                    return
                if now >= next_bookmark:
                    await response.write(bookmark(self.resource, self._version))
                    next_bookmark = self._bookmark_after(now, until)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(until, next_bookmark) - now):
                        await self._woken.wait()
        finally:
            unsubscribe()

    def _bookmark_after(self, now: float, until: float) -> float:
        """When the next one is due: after a while, and shortly before the end."""
        due = now + (self._bookmark_every or 0.0)
        last = until - _LAST_BOOKMARK
        return min(due, last) if now < last else due

    def _due(self) -> list[bytes]:
        """The next lines to send; none when the client has everything."""
        if self._present:
            batch = [self._present.popleft() for _ in range(min(_BATCH, len(self._present)))]
            return [_line("ADDED", stored.data) for stored in batch]
        if self._initial:
            self._initial = False
            return [bookmark(self.resource, self._version, initial=True)]
        lines: list[bytes] = []
        while not lines:
            events = self._cluster.since(self._version, _BATCH)
            for event in events:
                line = self.line(event)
                if line:
                    lines.append(line)
                    if self._faults.use_duplicate(self.resource):
                        lines.append(line)
            if len(events) < _BATCH:
                break
            self._version = events[-1].version
        else:
            return lines
        # Versions that no event of ours gave (other resources) are behind us as well.
        self._version = max(self._version, self._cluster.resource_version)
        lines.extend(self._injected)
        self._injected.clear()
        return lines

    def line(self, event: WatchEvent) -> bytes:
        """The event as this watch sees it; empty where it does not concern it.

        An object that a selector stops matching is DELETED for this watch, with its content
        from before at the version of the change, as the API server's watch cache sends it.
        """
        after, before = event.after, event.before
        now = event.type != "DELETED" and after in self._selection
        then = before is not None and before in self._selection
        if now:
            return _line("MODIFIED" if then else "ADDED", after.data)
        if not then or before is None:
            return b""
        if event.type == "DELETED":
            return _line("DELETED", after.data)
        last = json.loads(before.data)
        last["metadata"]["resourceVersion"] = str(after.version)
        return _line("DELETED", serialise(last))

    async def _end(self, how: Cut, request: web.Request, response: web.StreamResponse) -> None:
        transport = request.transport
        if how == "clean" or transport is None:
            return
        if how == "mid-line":
            recent = self._cluster.recent(1, self.resource)
            if recent:
                whole = _line("MODIFIED", recent[0].after.data)
            else:
                whole = bookmark(self.resource, self._version)
            await response.write(whole[: len(whole) // 2])
            transport.close()
            return
        found = transport.get_extra_info("socket")
        if found is not None:  # a lingering time of zero makes the close a reset
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

"""One sequence of versions over all resources, and the events that gave them, as etcd has it."""

import bisect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.storage import Stored

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One write."""

    type: EventType
    before: Stored | None
    after: Stored
    """Of a deleted object its last content, at the version of the deletion."""

    @property
    def version(self) -> int:
        """The version this write gave."""
        return self.after.version


class EventLog:
    """The last ``history`` events or up to a quarter more; older ones are compacted."""

    def __init__(self, history: int) -> None:
        self.version = 1
        """Of the last write."""
        self.compacted_version = 1
        """The oldest that a watch can start from."""
        self._history = history
        self._events: list[WatchEvent] = []
        self._listeners: list[Callable[[], None]] = []

    def append(self, event: WatchEvent) -> None:
        """Add one event, whose version must be the next, and notify those who subscribed."""
        self._events.append(event)
        if len(self._events) > self._history * 5 // 4 + 1:
            dropped = len(self._events) - self._history
            self.compacted_version = self._events[dropped - 1].version
            del self._events[:dropped]
        self.advance(event.version - self.version)

    def advance(self, versions: int) -> None:
        """Let versions pass and notify those who subscribed."""
        self.version += versions
        for listener in self._listeners:
            listener()

    def since(self, version: int, most: int) -> list[WatchEvent]:
        """Up to ``most`` events after a version. Raises ApiError (410) where it was compacted."""
        if version < self.compacted_version:
            raise errors.too_old(version, self.compacted_version)
        first = bisect.bisect_right(self._events, version, key=lambda event: event.version)
        return self._events[first : first + most]

    def recent(self, number: int, resource: ServedResource | None = None) -> list[WatchEvent]:
        """The last events, of all resources or of one, oldest first; fewer where fewer are kept."""
        newest = (
            event
            for event in reversed(self._events)
            if resource is None or event.after.resource is resource
        )
        return list(islice(newest, number))[::-1]

    def compact(self) -> None:
        """Forget all events."""
        self._events.clear()
        self.compacted_version = self.version

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each write; the result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

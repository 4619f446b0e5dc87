"""The objects of one polled scope as last listed, and what is new in each list.

A list without a version says only what was measured last. The server behind it may go on to show
an object that nobody has measured since, or leave one out that it could not measure this time:
metrics-server does, for two of its rounds, where a kubelet does not answer it once. So an object is
known for a while after it was measured last, be it listed or not. How old an object is cannot be
read off its own timestamp, which is by another clock; so what counts is for how long the timestamp
has stood still by ours.
Source: metrics-server, ``pkg/storage/pod.go``.
"""

from collections.abc import Collection
from typing import Generic, TypeVar

from exporter.cluster.changes import Change, PartHandler
from exporter.cluster.problems import Problems
from exporter.resources.identity import Key
from exporter.resources.resource import Resource, ResourceObject

T = TypeVar("T", bound=ResourceObject)


class PolledObjects(Generic[T]):
    """Applies lists, object by object; every change goes to the handler, in order."""

    def __init__(
        self,
        resource: Resource[T],
        scope: str,
        handler: PartHandler[T],
        problems: Problems[T],
        *,
        stale_after: float,
    ) -> None:
        """An object is stale when its timestamp has stood still for ``stale_after`` seconds."""
        self._written_at = resource.written_at
        self._scope = scope
        self._handler = handler
        self._problems = problems
        self._stale_after = stale_after
        self._objects: dict[Key, T] = {}
        self._stale: dict[Key, T] = {}
        """Listed still, and reported as deleted."""
        self._fresh_at: dict[Key, float] = {}
        """When each was first seen with the timestamp that it has; of stale ones, too."""

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def mostly_stale(self) -> bool:
        """Whether more objects are listed and stale than are vouched for."""
        return len(self._stale) > len(self._objects)

    @property
    def objects(self) -> Collection[T]:
        """All that are vouched for: a view of what is held, which changes with it."""
        return self._objects.values()

    def upsert(self, key: Key, item: T, now: float) -> bool:
        """Handle an object that is listed; ``now`` is the list's, by a clock that nobody sets.

        Returns whether that was handed on.
        """
        held = self._objects.get(key)
        last = held or self._stale.get(key)
        if last is None or self._has_moved(last, item):
            self._fresh_at[key] = now
            self._stale.pop(key, None)
        elif now - self._fresh_at[key] >= self._stale_after:
            self._stale[key] = item
            return self._end(key)
        elif held == item:
            return False
        self._objects[key] = item
        self._problems.report(key, item)
        self._handler.on_change(Change(self._scope, held, item))
        return True

    def _has_moved(self, last: T, item: T) -> bool:
        """Whether somebody has written it since; one without a timestamp shows it otherwise."""
        before, after = self._written_at(last), self._written_at(item)
        return before != after or (after is None and last != item)

    def missing(self, key: Key, now: float) -> bool:
        """Handle an object that is not listed; returns whether that was handed on."""
        if now - self._fresh_at[key] < self._stale_after:
            return False
        del self._fresh_at[key]
        self._stale.pop(key, None)
        self._problems.forget(key)
        return self._end(key)

    def keys_except(self, seen: set[Key]) -> list[Key]:
        """Return what was listed before, stale or not, and is not among what a list has shown."""
        return [key for key in self._fresh_at if key not in seen]

    def _end(self, key: Key) -> bool:
        held = self._objects.pop(key, None)
        if held is None:
            return False
        self._handler.on_change(Change(self._scope, held, None, deleted=True))
        return True

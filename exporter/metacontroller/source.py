"""One source in one scope as hooks tell it: ``Followed`` like a reflector, but nobody is asked.

A hook tells of one object at a time, and never that this was all or that one is gone. So both are
found by time:

- The first round is over once every CrawlJob that the ledger knows alive was told, and none new for
  a moment; or after the bound that ``FirstRound`` gives. Whoever is not told by then has vanished.
- An object that is not told for three resync periods, while there are calls, has vanished.
- While nobody calls at all, the hook is silent: nothing vanishes, ``last_sync`` stands still. Who
  has only finished crawls, or none, and no heartbeat, cannot tell silence from rest.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from copy import copy
from typing import Any, Final, Generic, NamedTuple, TypeVar

from exporter.cluster.changes import PartHandler
from exporter.cluster.object_cache import ObjectCache, is_newer
from exporter.cluster.problems import Problems
from exporter.cluster.stats import Stats
from exporter.resources.decoding import InvalidObjectError
from exporter.resources.identity import Key, identity, key_of
from exporter.resources.resource import Resource, ResourceObject

MOST_RELEASED: Final = 10_000
"""Objects released that a late call may still tell of; the oldest are forgotten."""

T = TypeVar("T", bound=ResourceObject)


class _Released(NamedTuple):
    """As an object was when it was let go."""

    version: str | None
    deleted: bool


class HookSource(Generic[T]):
    """The objects of one scope as last told; every change goes to the handler, in order."""

    def __init__(
        self,
        resource: Resource[T],
        scope: str,
        handler: PartHandler[T],
        source: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``clock`` in seconds since 1970, for what is served."""
        self.resource = resource
        self.source = source
        self.scope = scope
        self.stats = Stats()
        self.problems = Problems(resource)
        self.last_error: str | None = "metacontroller has not called yet"
        self._handler = handler
        self._clock = clock
        self._cache = ObjectCache(scope, handler, self.problems)
        self._told_at: dict[Key, float] = {}
        self._released: OrderedDict[str, _Released] = OrderedDict()
        self._synced = False
        self._vouches = False

    @property
    def synced(self) -> bool:
        """Whether the first round is over."""
        return self._synced

    @property
    def vouches(self) -> bool:
        """Whether the hook is called, so that the content counts."""
        return self._vouches

    @property
    def absent(self) -> bool:
        """False: who calls the hook has such objects."""
        return False

    @property
    def objects(self) -> Collection[T]:
        """As last told; a view."""
        return self._cache.objects

    def read(self, value: dict[str, Any]) -> T | None:
        """Read one object; None, reported, where it cannot be read at all."""
        try:
            return self.resource.reader.parse_value(value)
        except InvalidObjectError as error:
            self.stats.invalid_objects += 1
            self.problems.report_invalid(self.scope, str(error))
            return None

    def told(self, item: T, now: float) -> bool:
        """Take an object in that is not older; False where it is no newer than what is known.

        ``now`` by a clock that nobody sets.
        """
        self._released.pop(identity(item), None)
        key = key_of(item)
        known = len(self._cache)
        self._told_at[key] = now
        self.stats.last_sync = self._clock()
        if not self._cache.upsert(item):
            return False
        self._count("ADDED" if len(self._cache) > known else "MODIFIED")
        return True

    def is_older(self, item: T) -> bool:
        """Whether a later state of the object is held already, or it was released since."""
        version = item.metadata.resource_version
        released = self._released.get(identity(item))
        if released is not None and not is_newer(version, released.version):
            return True
        held = self._cache.get(key_of(item))
        return held is not None and is_newer(held.metadata.resource_version, version)

    def release(self, item: T) -> None:
        """The object is deleted, and this is its last state."""
        self._told_at.pop(key_of(item), None)
        # A copy: what is held may be this very object, and a change of it is told by its identity.
        if self._cache.delete(copy(item)):
            self._count("DELETED")
        self.mark_released(item)

    def mark_released(self, item: T, *, deleted: bool = True) -> None:
        """The object is not held any more: where it is deleted, its end was handed on before."""
        self.vanished(key_of(item))
        self._released[identity(item)] = _Released(item.metadata.resource_version, deleted)
        if len(self._released) > MOST_RELEASED:
            self._released.popitem(last=False)

    def get(self, key: Key) -> T | None:
        """Return the object as last told, if it is held."""
        return self._cache.get(key)

    def is_deleted(self, item: T) -> bool:
        """Whether the object was released before, as one that is deleted."""
        released = self._released.get(identity(item))
        return released is not None and released.deleted

    def vanished(self, key: Key) -> None:
        """The object is gone, and its last state was not told."""
        self._told_at.pop(key, None)
        self._cache.vanished(key)
        self.stats.objects = len(self._cache)

    def not_told_since(self, moment: float) -> list[Key]:
        """The objects that nobody has told of since."""
        return [key for key, told in self._told_at.items() if told < moment]

    def complete(self) -> None:
        """The content is complete and current; to be called again now and then while it is."""
        self.last_error = None
        self.stats.last_sync = self._clock()
        # Nobody says up to which version all was told, so none is kept to take a watch up from.
        if self._vouches:
            self._handler.on_bookmark(self.scope, "")
            return
        if not self._synced:
            self.stats.lists += 1
            self.stats.last_list = self._clock()
        self._synced = self._vouches = True
        self._handler.on_synced(self.scope, "")

    def withdraw(self, why: str) -> None:
        """What is held is no longer vouched for, for the reason given in one line."""
        self.last_error = why
        if self._vouches:
            self._vouches = False
            self._handler.on_unknown(self.scope)

    def _count(self, event: str) -> None:
        self.stats.events[event] += 1
        self.stats.objects = len(self._cache)
        self.stats.last_event = self._clock()

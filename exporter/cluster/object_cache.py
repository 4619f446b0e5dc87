"""The objects of one scope as last seen, and what is new about each that arrives.

Versions only move forward: a proxy or a lagging API server may deliver an old event, or one event
twice, and neither may undo what is known. An object is its uid: a name given to another uid is
the end of one object and the beginning of another.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

from exporter.cluster.changes import Change, ChangeHandler
from exporter.cluster.problems import Problems
from exporter.resources.identity import Key, KubernetesObject, identity, key_of
from exporter.resources.resource import ResourceObject

T = TypeVar("T", bound=ResourceObject)


def is_newer(version: str | None, than: str | None) -> bool:
    """Compare resourceVersions; where they are no decimal numbers, different means newer.

    Source: Kubernetes API concepts, "Resource versions": comparable as decimal integers.
    """
    if not version or not than:
        return True
    if version.isdecimal() and than.isdecimal() and len(version) < 20 and len(than) < 20:
        return int(version) > int(than)
    return version != than


def is_older(version: str, than: str) -> bool:
    """Whether the version is certainly the older one: both are numbers, and it is the smaller."""
    both = version.isdecimal() and than.isdecimal()
    return both and version != than and not is_newer(version, than)


class ObjectCache(Generic[T]):
    """The objects of one scope as last seen; every change goes to the handler, in order."""

    def __init__(self, scope: str, handler: ChangeHandler[T], problems: Problems[T]) -> None:
        self._scope = scope
        self._handler = handler
        self._problems = problems
        self._objects: dict[Key, T] = {}

    def __len__(self) -> int:
        return len(self._objects)

    @property
    def objects(self) -> Collection[T]:
        """All objects as last seen: a view of what is held, which changes with it."""
        return self._objects.values()

    def get(self, key: Key) -> T | None:
        """Return the object as last seen, if it is held."""
        return self._objects.get(key)

    def upsert(self, item: T, unless_after: str = "", *, rewound: bool = False) -> bool:
        """Handle an object as it is now; False where that is no newer than what is known.

        ``unless_after``: the version already reached. An object that is not held and no newer
        than that was deleted since. ``rewound``: the server's versions went back (a restored
        backup), and what it says now is true all the same.
        """
        key = key_of(item)
        held = self._objects.get(key)
        version = item.metadata.resource_version
        if held is None:
            if unless_after and not is_newer(version, unless_after):
                return False
        elif rewound:
            if version == held.metadata.resource_version and _same(held, item):
                return True
        elif not is_newer(version, held.metadata.resource_version):
            return False
        if held is not None and not _same(held, item):
            self._end(key, held)
            held = None
        self._objects[key] = item
        self._problems.report(key, item)
        self._handler.on_change(Change(self._scope, held, item))
        return True

    def delete(self, item: T, unless_after: str = "") -> bool:
        """Handle an object's final state; False where it is older than what is known.

        Some servers delete with the version of the last modification: equal is not old here.
        """
        key = key_of(item)
        held = self._objects.get(key)
        version = item.metadata.resource_version
        if held is None:
            if unless_after and not is_newer(version, unless_after):
                return False
        else:
            last = held.metadata.resource_version
            if version != last and not is_newer(version, last):
                return False
            if not _same(held, item):
                self._end(key, held)
                held = None
        self._objects.pop(key, None)
        self._problems.report(key, item)
        self._problems.forget(key)
        self._handler.on_change(Change(self._scope, held, item, deleted=True))
        return True

    def vanished(self, key: Key) -> None:
        """The object is deleted, but its final state was not seen."""
        if held := self._objects.get(key):
            self._end(key, held)

    def keys_except(self, seen: set[Key]) -> list[Key]:
        """Return what is held but not among those a complete list has shown."""
        return [key for key in self._objects if key not in seen]

    def keys_of(self, uids: AbstractSet[str]) -> list[Key]:
        """Return what is held of the objects with these uids."""
        return (
            [key for key, item in self._objects.items() if identity(item) in uids] if uids else []
        )

    def _end(self, key: Key, held: T) -> None:
        del self._objects[key]
        self._problems.forget(key)
        self._handler.on_change(Change(self._scope, held, None, deleted=True))


def _same(held: KubernetesObject, item: KubernetesObject) -> bool:
    """Whether both are the same object; where a uid is missing, the name decides."""
    one, other = held.metadata.uid, item.metadata.uid
    return one == other or not one or not other

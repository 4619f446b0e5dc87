"""The objects of one resource, serialised once at their write, and lists of them at a version.

Lists and watches only join the ready bytes, so that one process can serve ten thousand CrawlJobs
and still leave the machine to what is measured on it.
"""

import bisect
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from exporter.simulator.apiserver.encoding import serialise
from exporter.simulator.apiserver.served_resource import ServedResource
from exporter.simulator.apiserver.updates import Object

Key = tuple[str, str]
"""Namespace and name; lists are sorted by it, as etcd sorts its keys."""

_SNAPSHOTS: Final = 32
"""Versions of which a paged list may still be continued."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object at one version; never changed, so that lists and events can share it."""

    resource: ServedResource
    key: Key
    version: int
    labels: dict[str, str]
    body: bytes | Callable[[], bytes] = field(repr=False)
    """Ready JSON, or what makes it whenever it is read, of objects that are too many to keep."""

    @property
    def data(self) -> bytes:
        """It as JSON."""
        return self.body if isinstance(self.body, bytes) else self.body()

    def value(self) -> Object:
        """A copy to work on."""
        found: Object = json.loads(self.data)
        return found

    def list_item(self) -> bytes:
        """As a list has it: only those of custom resources have apiVersion and kind."""
        data = self.data
        if self.resource.is_custom:
            return data
        return b"{" + data[_type_meta_size(self.resource) :]


@lru_cache
def _type_meta_size(resource: ServedResource) -> int:
    return len(serialise(resource.type_meta))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of one resource at one version, sorted by key."""

    version: int
    objects: list[Stored] = field(repr=False)

    def within(self, namespace: str) -> range:
        """Where the objects of one namespace are, or all where it is empty."""
        if not namespace:
            return range(len(self.objects))
        first = bisect.bisect_left(self.objects, (namespace, ""), key=lambda item: item.key)
        last = bisect.bisect_left(self.objects, (namespace + "\0", ""), key=lambda item: item.key)
        return range(first, last)

    def at(self, places: range) -> Iterator[Stored]:
        """The objects there, without a copy of what nobody asks for."""
        return map(self.objects.__getitem__, places)


class Collection:
    """The objects of one resource as they are now, and snapshots of them that were asked for."""

    def __init__(self) -> None:
        self.objects: dict[Key, Stored] = {}
        """To be read only."""
        self._sorted: list[Stored] | None = None
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()

    def put(self, stored: Stored) -> None:
        """Add or replace one object."""
        self.objects[stored.key] = stored
        self._sorted = None

    def remove(self, key: Key) -> None:
        """Take one object out. Raises KeyError where there is none."""
        del self.objects[key]
        self._sorted = None

    def snapshot(self, version: int) -> Snapshot:
        """All objects now, which ``version`` is; sorts them if one has changed since the last."""
        found = self._snapshots.get(version)
        if found is None:
            if self._sorted is None:
                self._sorted = [self.objects[key] for key in sorted(self.objects)]
            found = self._snapshots[version] = Snapshot(version, self._sorted)
            while len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return found

    def snapshot_at(self, version: int) -> Snapshot | None:
        """A snapshot from before; None where nobody asked for it or it is forgotten."""
        return self._snapshots.get(version)

    def forget_snapshots(self) -> None:
        """Let every list that is under way expire between two of its pages."""
        self._snapshots.clear()

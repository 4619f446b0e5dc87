"""The versioned store below an API server: CrawlJobs, and what happened to them.

Each write gives one new version and one event. An object is serialised once, at its write; lists
and watches only join the ready bytes, so that one process can serve ten thousand CrawlJobs and
still leave the machine to what is measured on it. Everything happens on one thread.

In-process writes here are trusted: ``create`` keeps a status, a uid or a creation time it is
given, where the API server takes them out of a request first.
"""

import bisect
import json
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Final, Literal

from exporter.simulator import errors
from exporter.simulator.managed import BACKEND, OPERATOR, note_creation, note_write
from exporter.simulator.updates import Object, all_but_status, merge_patch, status_written

Key = tuple[str, str]
"""Namespace and name; lists are sorted by it, as etcd sorts its keys."""
EventType = Literal["ADDED", "MODIFIED", "DELETED"]

API_VERSION: Final = "btrix.cloud/v1"
KIND: Final = "CrawlJob"
_SNAPSHOTS: Final = 32
"""Versions of which a paged list may still be continued."""


def stamp(moment: float) -> str:
    """Seconds since 1970 as Kubernetes and Browsertrix write them: UTC, whole seconds, ``Z``."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def serialise(value: Any) -> bytes:
    """Compact JSON; lone surrogates become invalid UTF-8, which a hostile test may well want."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Stored:
    """One object at one version; never changed, so that lists and events can share it."""

    key: Key
    version: int
    labels: dict[str, str]
    data: bytes

    def value(self) -> Object:
        """A copy to work on."""
        found: Object = json.loads(self.data)
        return found


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects at one version, sorted by key."""

    version: int
    objects: list[Stored] = field(repr=False)

    def within(self, namespace: str) -> list[Stored]:
        """The objects of one namespace, or all where it is empty."""
        if not namespace:
            return self.objects
        first = bisect.bisect_left(self.objects, (namespace, ""), key=lambda item: item.key)
        last = bisect.bisect_left(self.objects, (namespace + "\0", ""), key=lambda item: item.key)
        return self.objects[first:last]


class Cluster:
    """CrawlJobs in memory, with their history for those who watch.

    ``history`` is the number of events kept (older ones are compacted), ``clock`` tells seconds
    since 1970 for the timestamps, ``seed`` decides the uids.
    """

    def __init__(
        self,
        *,
        history: int = 100_000,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        self.clock = clock
        self._history = history
        self._random = Random(seed)  # noqa: S311 - uids that a seed repeats, not secrets
        self._objects: dict[Key, Stored] = {}
        self._events: list[WatchEvent] = []
        self._version = 1
        self._compacted = 1
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()
        self._listeners: list[Callable[[], None]] = []

    # What is there

    @property
    def resource_version(self) -> int:
        """The version of the last write."""
        return self._version

    @property
    def compacted_version(self) -> int:
        """The oldest version that a watch can start from."""
        return self._compacted

    def objects(self) -> Iterator[Object]:
        """Copies of all objects, by namespace and name."""
        return (stored.value() for stored in self.snapshot().objects)

    def get(self, namespace: str, name: str) -> Object:
        """Copy one object. Raises ApiError (404) where there is none."""
        return self.stored(namespace, name).value()

    def stored(self, namespace: str, name: str) -> Stored:
        """One object as it is kept. Raises ApiError (404) where there is none."""
        try:
            return self._objects[namespace, name]
        except KeyError:
            raise errors.not_found(name) from None

    def __contains__(self, key: Key) -> bool:
        return key in self._objects

    def __len__(self) -> int:
        return len(self._objects)

    def snapshot_at(self, version: int) -> Snapshot | None:
        """All objects as a list at that version saw them; None where that is forgotten."""
        return self.snapshot() if version == self._version else self._snapshots.get(version)

    def snapshot(self) -> Snapshot:
        """All objects now."""
        found = self._snapshots.get(self._version)
        if found is None:
            found = Snapshot(self._version, [self._objects[key] for key in sorted(self._objects)])
            self._snapshots[self._version] = found
            while len(self._snapshots) > _SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return found

    # What happened

    def since(self, version: int, most: int = 1000) -> list[WatchEvent]:
        """Up to ``most`` events after a version. Raises ApiError (410) where it was compacted."""
        if version < self._compacted:
            raise errors.too_old(version, self._compacted)
        first = bisect.bisect_right(self._events, version, key=lambda event: event.version)
        return self._events[first : first + most]

    def recent(self, number: int) -> list[WatchEvent]:
        """The last events, oldest first; fewer where fewer are kept."""
        return self._events[-number:] if number > 0 else []

    def compact(self) -> None:
        """Forget all history before now: older watches and continued lists are gone (410)."""
        self._events.clear()
        self._compacted = self._version
        self.forget_snapshots()

    def forget_snapshots(self) -> None:
        """Let every list that is under way expire between two of its pages."""
        self._snapshots.clear()

    def advance(self, versions: int = 1) -> None:
        """Let versions pass without an event, as writes to other kinds of objects do."""
        self._version += versions
        self._tell()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each write; the result ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # Writes

    # ``moment`` is the write's time in seconds since 1970, else the clock's; ``manager`` is who
    # writes, else whom Browsertrix would have write that.

    def create(
        self, value: Object, *, manager: str = BACKEND, moment: float | None = None
    ) -> Object:
        """Add one object. Raises ApiError: 409 where the name is taken, 422 without a name."""
        metadata = dict(value.get("metadata") or {})
        new: Object = {**value, "metadata": metadata}
        name = metadata.get("name")
        if not isinstance(name, str) or not name:
            raise errors.invalid("", "metadata.name: Required value: name is required")
        key = (str(metadata.setdefault("namespace", "default")), name)
        if key in self._objects:
            raise errors.already_exists(name)
        new.setdefault("apiVersion", API_VERSION)
        new.setdefault("kind", KIND)
        metadata.setdefault("uid", str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
        metadata.setdefault("creationTimestamp", stamp(self.clock()))
        metadata.setdefault("generation", 1)
        note_creation(new, manager, self._stamp(moment))
        return self._write("ADDED", key, new)

    def replace(
        self,
        value: Object,
        *,
        status: bool = False,
        manager: str = "",
        moment: float | None = None,
    ) -> Object:
        """Put one object as a whole; with ``status`` its status alone, else all but that.

        A ``metadata.resourceVersion`` that is given must be the current one.
        Raises ApiError: 404, 409.
        """
        metadata = value.get("metadata") or {}
        current = self.stored(str(metadata.get("namespace", "default")), str(metadata.get("name")))
        expected = metadata.get("resourceVersion")
        if expected and str(expected) != str(current.version):
            raise errors.conflict(current.key[1])
        return self._update(current, value, status, manager, moment)

    def patch(  # what an API server knows of a write  # noqa: PLR0913
        self,
        namespace: str,
        name: str,
        merge: Object,
        *,
        status: bool = False,
        manager: str = "",
        moment: float | None = None,
    ) -> Object:
        """Merge a patch (RFC 7386) into one object; like ``replace`` otherwise."""
        current = self.stored(namespace, name)
        expected = (merge.get("metadata") or {}).get("resourceVersion")
        if expected and str(expected) != str(current.version):
            raise errors.conflict(name)
        wanted = merge_patch(current.value(), merge)
        return self._update(current, wanted, status, manager, moment)

    def delete(self, namespace: str, name: str, *, moment: float | None = None) -> Object | None:
        """Delete one object; what is left of it (waiting for finalizers), or None if it is gone."""
        current = self.stored(namespace, name)
        value = current.value()
        metadata = value["metadata"]
        if not metadata.get("finalizers"):
            self._write("DELETED", current.key, value)
            return None
        if "deletionTimestamp" not in metadata:
            metadata["deletionTimestamp"] = self._stamp(moment)
            metadata["deletionGracePeriodSeconds"] = 0
            metadata["generation"] = metadata.get("generation", 1) + 1
            return self._write("MODIFIED", current.key, value)
        return value

    def _stamp(self, moment: float | None) -> str:
        return stamp(self.clock() if moment is None else moment)

    def _update(
        self, current: Stored, wanted: Object, status: bool, manager: str, moment: float | None
    ) -> Object:
        before = current.value()
        after = status_written(before, wanted) if status else all_but_status(before, wanted)
        metadata = after["metadata"]
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        if after == before:
            return before  # a write that changes nothing gives no version
        writer = manager or (OPERATOR if status else BACKEND)
        note_write(before, after, writer, self._stamp(moment), status=status)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            return self._write("DELETED", current.key, after)
        return self._write("MODIFIED", current.key, after)

    def _write(self, kind: EventType, key: Key, value: Object) -> Object:
        self._version += 1
        metadata = value["metadata"]
        metadata["resourceVersion"] = str(self._version)
        labels = metadata.get("labels")
        stored = Stored(
            key, self._version, labels if isinstance(labels, dict) else {}, serialise(value)
        )
        self._events.append(WatchEvent(kind, self._objects.get(key), stored))
        if kind == "DELETED":
            del self._objects[key]
        else:
            self._objects[key] = stored
        if len(self._events) > self._history * 5 // 4 + 1:
            dropped = len(self._events) - self._history
            self._compacted = self._events[dropped - 1].version
            del self._events[:dropped]
        self._tell()
        return value

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

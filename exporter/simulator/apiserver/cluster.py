"""The versioned store below an API server: objects of several resources, and every write to them.

Each write gives one new version and one event. All of it runs on one thread.

In-process writes here are trusted: ``create`` keeps a status, a uid or a creation time it is
given, where the API server takes them out of a request first.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from exporter.simulator.apiserver import errors
from exporter.simulator.apiserver.defaults import initial_status
from exporter.simulator.apiserver.encoding import serialise, stamp
from exporter.simulator.apiserver.event_log import EventLog, EventType, WatchEvent
from exporter.simulator.apiserver.managed_fields import note_creation, note_write
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, RESOURCES, ServedResource
from exporter.simulator.apiserver.storage import Collection, Key, Snapshot, Stored
from exporter.simulator.apiserver.updates import (
    Object,
    all_but_status,
    mark_deleted,
    merge_patch,
    status_written,
)


class Cluster:
    """Objects in memory, with their history for those who watch.

    ``history`` is the number of events kept (older ones are compacted), ``clock`` gives seconds
    since 1970 for the timestamps, ``seed`` decides the uids. Where a method takes a ``resource``,
    CrawlJobs are meant unless it is given.
    """

    def __init__(
        self,
        *,
        history: int = 100_000,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        resources: tuple[ServedResource, ...] = RESOURCES,
    ) -> None:
        self.clock = clock
        self.resources = resources
        self._random = Random(seed)  # noqa: S311 - uids that a seed repeats, not secrets
        self._collections = {resource: Collection() for resource in resources}
        self._log = EventLog(history)
        self._computed: dict[ServedResource, Callable[[], list[Stored]]] = {}

    # Reading

    @property
    def resource_version(self) -> int:
        """The version of the last write, to whichever resource."""
        return self._log.version

    @property
    def compacted_version(self) -> int:
        """The oldest version that a watch can start from."""
        return self._log.compacted_version

    def objects(self, resource: ServedResource = CRAWLJOBS) -> Iterator[Object]:
        """Copies of all objects, by namespace and name."""
        return (stored.value() for stored in self.snapshot(resource).objects)

    def get(self, namespace: str, name: str, resource: ServedResource = CRAWLJOBS) -> Object:
        """Copy one object. Raises ApiError (404) where there is none."""
        return self.stored(namespace, name, resource).value()

    def stored(self, namespace: str, name: str, resource: ServedResource = CRAWLJOBS) -> Stored:
        """One object as it is kept. Raises ApiError (404) where there is none."""
        if resource in self._computed:
            found = {stored.key: stored for stored in self._computed[resource]()}
        else:
            found = self._collections[resource].objects
        try:
            return found[namespace, name]
        except KeyError:
            raise errors.not_found(resource, name) from None

    def exists(self, namespace: str, name: str, resource: ServedResource = CRAWLJOBS) -> bool:
        """Whether there is such an object, one that waits for its finalizers included."""
        return (namespace, name) in self._collections[resource].objects

    def count(self, resource: ServedResource = CRAWLJOBS) -> int:
        """How many objects there are."""
        return len(self._collections[resource].objects)

    def snapshot(self, resource: ServedResource = CRAWLJOBS) -> Snapshot:
        """All objects of a resource now."""
        if resource in self._computed:
            return Snapshot(self.resource_version, self._computed[resource]())
        return self._collections[resource].snapshot(self.resource_version)

    def snapshot_at(self, version: int, resource: ServedResource = CRAWLJOBS) -> Snapshot | None:
        """All objects as a list at that version saw them; None where that is forgotten."""
        if version == self.resource_version:
            return self.snapshot(resource)
        return self._collections[resource].snapshot_at(version)

    def compute(self, resource: ServedResource, supplier: Callable[[], list[Stored]]) -> None:
        """Ask ``supplier`` for the objects of a resource, sorted by key, whenever they are read.

        For what nobody writes: figures that are measured (an aggregated resource).
        """
        self._computed[resource] = supplier

    # History

    def since(self, version: int, most: int = 1000) -> list[WatchEvent]:
        """Up to ``most`` events of all resources after a version.

        Raises ApiError (410) where it was compacted.
        """
        return self._log.since(version, most)

    def recent(self, number: int, resource: ServedResource | None = None) -> list[WatchEvent]:
        """The last events, of all resources or of one, oldest first; fewer where fewer are kept."""
        return self._log.recent(number, resource)

    def compact(self) -> None:
        """Forget all history before now: older watches and continued lists get a 410."""
        self._log.compact()
        self.forget_snapshots()

    def forget_snapshots(self) -> None:
        """Let every list that is under way expire between two of its pages."""
        for collection in self._collections.values():
            collection.forget_snapshots()

    def advance(self, versions: int = 1) -> None:
        """Let versions pass without an event, as writes to resources that are not served do."""
        self._log.advance(versions)

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call back after each write; the result ends it."""
        return self._log.subscribe(listener)

    # Writing

    # ``timestamp`` is when it is written, in seconds since 1970, else the clock's; ``manager`` is
    # who writes, else whom the resource's declaration names.

    def create(
        self,
        value: Object,
        *,
        manager: str = "",
        timestamp: float | None = None,
        resource: ServedResource | None = None,
    ) -> Object:
        """Add one object, of the resource its apiVersion and kind name, if it has any.

        Raises ApiError: 409 where the name is taken, 422 without a name.
        """
        resource = resource or self._resource_of(value)
        metadata = dict(value.get("metadata") or {})
        new: Object = {**value, "metadata": metadata}
        name = metadata.get("name")
        if not isinstance(name, str) or not name:
            raise errors.invalid(
                "metadata.name",
                "FieldValueRequired",
                "Required value: name or generateName is required",
                group=resource.group,
                kind=resource.kind,
            )
        key = (str(metadata.setdefault("namespace", "default")), name)
        if self.exists(*key, resource):
            raise errors.already_exists(resource, name)
        new.setdefault("apiVersion", resource.api_version)
        new.setdefault("kind", resource.kind)
        if resource.aggregated:
            return self._write("ADDED", resource, key, new)
        metadata.setdefault("uid", str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
        metadata.setdefault("creationTimestamp", stamp(self.clock()))
        if resource.has_generations:
            metadata.setdefault("generation", 1)
        is_initial = new.get("status") == initial_status(resource, new)
        status_manager = "" if is_initial else resource.status_manager
        note_creation(new, manager or resource.manager, status_manager, self._stamp(timestamp))
        return self._write("ADDED", resource, key, new)

    def load(
        self,
        resource: ServedResource,
        key: Key,
        labels: dict[str, str],
        body: Callable[[int], bytes],
    ) -> None:
        """Add one object whose JSON ``body`` makes, for its version, whenever it is read."""
        version = self.resource_version + 1
        self._store("ADDED", Stored(resource, key, version, labels, partial(body, version)))

    def replace(
        self,
        value: Object,
        *,
        status: bool = False,
        manager: str = "",
        timestamp: float | None = None,
        resource: ServedResource | None = None,
    ) -> Object:
        """Put one object as a whole; with ``status`` its status alone, else all but that.

        A ``metadata.resourceVersion`` that is given must be the current one. The resource is
        found as by ``create``. Raises ApiError: 404, 409.
        """
        resource = resource or self._resource_of(value)
        metadata = value.get("metadata") or {}
        namespace = str(metadata.get("namespace", "default"))
        current = self.stored(namespace, str(metadata.get("name")), resource)
        _check_version(current, value)
        return self._update(current, value, status, manager, timestamp)

    def patch(  # what an API server knows of a write  # noqa: PLR0913
        self,
        namespace: str,
        name: str,
        merge: Object,
        *,
        status: bool = False,
        manager: str = "",
        timestamp: float | None = None,
        resource: ServedResource = CRAWLJOBS,
    ) -> Object:
        """Merge a patch (RFC 7386) into one object; like ``replace`` otherwise."""
        current = self.stored(namespace, name, resource)
        _check_version(current, merge)
        wanted = merge_patch(current.value(), merge)
        return self._update(current, wanted, status, manager, timestamp)

    def bind(self, value: Object, *, manager: str, timestamp: float | None = None) -> Object:
        """Put one object as a whole, spec and status at once, as the binding of a pod does."""
        resource = self._resource_of(value)
        metadata = value["metadata"]
        current = self.stored(metadata["namespace"], metadata["name"], resource)
        note_write(current.value(), value, manager, self._stamp(timestamp), status=True)
        return self._write("MODIFIED", resource, current.key, value)

    def delete(
        self,
        namespace: str,
        name: str,
        *,
        grace: int = 0,
        timestamp: float | None = None,
        resource: ServedResource = CRAWLJOBS,
    ) -> Object | None:
        """Delete one object; what is left of it while it waits for something, else None.

        It waits for its finalizers. One whose resource ``is_graceful`` waits for ``grace``
        seconds as well, or until it is deleted once more and without: two writes in any case,
        as the API server makes them.
        """
        current = self.stored(namespace, name, resource)
        value = current.value()
        if not resource.is_graceful and not value["metadata"].get("finalizers"):
            self._write("DELETED", resource, current.key, value)
            return None
        asked = self.clock() if timestamp is None else timestamp
        if mark_deleted(value["metadata"], asked, grace, counts=resource.has_generations):
            self._write("MODIFIED", resource, current.key, value)
        if grace or value["metadata"].get("finalizers"):
            return value
        self._write("DELETED", resource, current.key, value)
        return None

    def _resource_of(self, value: Object) -> ServedResource:
        for resource in self.resources:
            if (value.get("apiVersion"), value.get("kind")) == (
                resource.api_version,
                resource.kind,
            ):
                return resource
        if "kind" in value:
            raise ValueError(f"no {value['kind']} of {value.get('apiVersion')} is served")
        return CRAWLJOBS

    def _stamp(self, timestamp: float | None) -> str:
        return stamp(self.clock() if timestamp is None else timestamp)

    def _update(
        self, current: Stored, wanted: Object, status: bool, manager: str, timestamp: float | None
    ) -> Object:
        resource = current.resource
        before = current.value()
        after = status_written(before, wanted) if status else all_but_status(before, wanted)
        if resource.aggregated:
            return self._write("MODIFIED", resource, current.key, wanted)
        metadata = after["metadata"]
        metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        if after == before:
            return before  # a write that changes nothing gives no version
        writer = manager or (resource.status_manager if status else resource.manager)
        note_write(before, after, writer, self._stamp(timestamp), status=status)
        held = before["metadata"].get("finalizers") and "deletionTimestamp" in metadata
        if held and not metadata.get("finalizers"):
            self._write("DELETED", resource, current.key, before)  # what this changed is lost
            return after
        return self._write("MODIFIED", resource, current.key, after)

    def _write(self, type_: EventType, resource: ServedResource, key: Key, value: Object) -> Object:
        version = self.resource_version + 1
        metadata = value["metadata"]
        if not resource.aggregated:
            metadata["resourceVersion"] = str(version)
        labels = metadata.get("labels")
        if not resource.is_custom:
            value = resource.type_meta | value | resource.type_meta  # first, as lists rely on
        stored = Stored(
            resource,
            key,
            version,
            labels if isinstance(labels, dict) else {},
            serialise(value),
        )
        self._store(type_, stored)
        return value

    def _store(self, type_: EventType, stored: Stored) -> None:
        collection = self._collections[stored.resource]
        event = WatchEvent(type_, collection.objects.get(stored.key), stored)
        if type_ == "DELETED":
            collection.remove(stored.key)
        else:
            collection.put(stored)
        self._log.append(event)


def _check_version(current: Stored, wanted: Object) -> None:
    expected = (wanted.get("metadata") or {}).get("resourceVersion")
    if expected and str(expected) != str(current.version):
        raise errors.conflict(current.resource, current.key[1])

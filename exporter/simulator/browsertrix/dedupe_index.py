"""Dedupe indexes: a CollIndex for each collection that crawls compare their pages with.

Its states are those of ``backend/btrixcloud/operator/collindexes.py`` of Browsertrix: it is made
when the first crawl needs it, loaded, imported or purged, then used, and saved and deleted when
nobody has used it for a while. A redis pod with a claim holds it, labelled by collection.
"""

import random
from collections.abc import Callable
from typing import Any, Final, Literal

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.apiserver.served_resource import COLLINDEXES
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod_plan import REDIS_IMAGE, PodPlan, owned_by
from exporter.simulator.browsertrix.pod_set import PodSet
from exporter.simulator.browsertrix.pod_template import quantity
from exporter.simulator.browsertrix.seeded_random import seeded

Job = Literal["importing", "purging"]

CAPACITY: Final = 5 << 30
"""Bytes (``dedupe_storage`` of the chart)."""
_MEMORY: Final = 1 << 30
_CPU: Final = 0.1
_IDLE: Final = 600.0
"""Seconds until an index that nobody uses is saved and deleted."""
_FINALIZER: Final = "metacontroller.io/compositecontroller-collindex-operator"


def collindex(namespace: str, oid: str, collection: str, created: float) -> Object:
    """A new CollIndex, without a status (``chart/app-templates/coll_index.yaml``)."""
    return {
        **COLLINDEXES.type_meta,
        "metadata": {
            "name": f"collindex-{collection}",
            "namespace": namespace,
            "creationTimestamp": stamp(created),
            "finalizers": [_FINALIZER],
            "labels": {"role": "collindex", "oid": oid, "coll": collection},
        },
        "spec": {
            "selector": {"matchLabels": {"coll": collection}},
            "id": collection,
            "oid": oid,
        },
    }


def index_status(state: str, *, since: float, now: float, used: int) -> dict[str, Any]:
    """A status of ``CollIndexStatus``: times in seconds since 1970, ``used`` in bytes.

    Sizes are whole Gi, what is used rounded up (``gb_storage_ceil``).
    """
    return {
        "state": state,
        "updated": stamp(now) if state in {"ready", "crawling"} else "",
        "lastStateChangeAt": stamp(since),
        "indexLastSavedAt": "",
        "finishedAt": stamp(now) if state in {"saved", "idle"} else "",
        "storageCapacity": quantity(CAPACITY),
        "storageUsed": f"{-(-used // (1 << 30))}Gi",
        "storageDesired": quantity(CAPACITY),
    }


class DedupeIndex:
    """The index of one collection, which crawls ``use`` and ``leave``. Seconds are simulated."""

    def __init__(
        self,
        installation: Installation,
        manifest: Object,
        rng: random.Random,
        when_gone: Callable[[], None] = lambda: None,
    ) -> None:
        """Create it; it is loaded within ten seconds."""
        self._agenda = installation.agenda
        self._cluster = installation.cluster
        self._when_gone = when_gone
        self._users: set[str] = set()
        self._jobs: set[Job] = set()
        self._used = rng.randrange(1 << 28, 1 << 31)
        self._state = ""
        self._since = self._agenda.now
        made = self._cluster.create(manifest, timestamp=self._agenda.now)
        metadata = made["metadata"]
        self._namespace: str = metadata["namespace"]
        self._name: str = metadata["name"]
        collection: str = made["spec"]["id"]
        plan = PodPlan(
            namespace=self._namespace,
            name=f"redis-coll-{collection}",
            labels={"coll": collection, "role": "redis"},
            container="redis",
            image=REDIS_IMAGE,
            memory=_MEMORY,
            memory_limit=_MEMORY,
            cpu=_CPU,
            claim=f"redis-coll-{collection}",
            owner=owned_by(COLLINDEXES.type_meta, metadata),
            priority=("dedupe-index", 10),
            grace=300,
        )
        self._pods = PodSet(installation, rng)
        self._loaded = False
        self._agenda.after(0.5, lambda: self._enter("initing"))
        self._agenda.after(0.5, lambda: self._pods.make(plan, CAPACITY))
        self._agenda.after(rng.uniform(6, 10), self._load)

    def use(self, crawl: str) -> None:
        """A crawl is there that uses it."""
        self._users.add(crawl)
        self._settle()

    def leave(self, crawl: str) -> None:
        """That crawl is gone; it has added what it found."""
        self._users.discard(crawl)
        self._used = min(self._used + (64 << 20), CAPACITY * 9 // 10)
        self._settle()

    def begin(self, job: Job) -> None:
        """A job has begun, for which crawls wait."""
        self._jobs.add(job)
        self._settle()

    def done(self, job: Job) -> None:
        """That job has ended."""
        self._jobs.discard(job)
        self._settle()

    def _load(self) -> None:
        self._loaded = True
        self._settle()

    def _settle(self) -> None:
        """Enter the state that it now has to be in."""
        if not self._loaded or self._state in {"saving", "saved", "idle"}:
            return
        if self._jobs:
            self._enter("purging" if "purging" in self._jobs else "importing")
        elif self._users:
            self._enter("crawling")
        else:
            self._enter("ready")
            since = self._agenda.now
            self._agenda.after(_IDLE, lambda: self._expire(since))

    def _expire(self, since: float) -> None:
        if self._state == "ready" and self._since == since:
            self._cluster.delete(
                self._namespace, self._name, timestamp=self._agenda.now, resource=COLLINDEXES
            )
            self._enter("saving")
            self._agenda.after(10, self._save)

    def _save(self) -> None:
        self._enter("saved")
        self._pods.delete_all()
        self._agenda.after(5, self._remove)

    def _remove(self) -> None:
        self._enter("idle")
        self._pods.collect_garbage()
        self._cluster.patch(
            self._namespace,
            self._name,
            {"metadata": {"finalizers": None}},
            manager=COLLINDEXES.status_manager,
            timestamp=self._agenda.now,
            resource=COLLINDEXES,
        )
        self._when_gone()

    def _enter(self, state: str) -> None:
        now = self._agenda.now
        if state != self._state:
            self._state = state
            self._since = now
        status = {
            **index_status(state, since=self._since, now=now, used=self._used),
            "index": {
                "notFound": not self._loaded,
                "running": self._loaded,
                "finished": state in {"saved", "idle"},
                "loaded": self._loaded,
                "savedAt": "",
            },
        }
        self._cluster.replace(
            {
                "metadata": {"namespace": self._namespace, "name": self._name},
                "status": status,
            },
            status=True,
            timestamp=now,
            resource=COLLINDEXES,
        )


class DedupeIndexes:
    """The indexes of an installation, by namespace and collection."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._indexes: dict[tuple[str, str], DedupeIndex] = {}

    def of(self, namespace: str, oid: str, collection: str) -> DedupeIndex | None:
        """The index of a collection, made if there is none; None where they are not served."""
        if COLLINDEXES not in self._installation.cluster.resources:
            return None
        key = (namespace, collection)
        if key not in self._indexes:
            manifest = collindex(namespace, oid, collection, self._installation.agenda.now)
            self._indexes[key] = DedupeIndex(
                self._installation,
                manifest,
                seeded("index", collection),
                lambda: self._forget(key),
            )
        return self._indexes[key]

    def _forget(self, key: tuple[str, str]) -> None:
        del self._indexes[key]

"""Pods, claims and usage around the CrawlJobs of a ``fleet``, which do not change either.

Of a role all are alike but for names and times. So a body is made from its role's template when
somebody reads it: forty thousand pods are there in a second, and in a tenth of the memory.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

from exporter.simulator.apiserver.cluster import Cluster
from exporter.simulator.apiserver.encoding import seconds, serialise, stamp
from exporter.simulator.apiserver.managed_fields import note_creation
from exporter.simulator.apiserver.served_resource import (
    CLAIMS,
    COLLINDEXES,
    POD_METRICS,
    PODS,
    ServedResource,
)
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.bystanders import profile_browser
from exporter.simulator.browsertrix.claim import bound, claim
from exporter.simulator.browsertrix.crawljob_manifest import CRAWLER_STORAGE, REDIS_STORAGE
from exporter.simulator.browsertrix.dedupe_index import CAPACITY, collindex, index_status
from exporter.simulator.browsertrix.pod import NODES
from exporter.simulator.browsertrix.pod_manifest import pod
from exporter.simulator.browsertrix.pod_plan import PodPlan
from exporter.simulator.browsertrix.pod_status import PodStatus
from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded
from exporter.simulator.browsertrix.surroundings import crawler_plan, redis_plan
from exporter.simulator.browsertrix.usage import PodUsage

_CRAWL: Final = "@crawl@"
_OWNER: Final = "@owner@"
_UID: Final = "@uid@"
_VERSION: Final = "@version@"
_STARTED_AFTER: Final = 60.0
"""Seconds between a CrawlJob's creation and its pods."""
_CREATED, _SCHEDULED, _WAITING, _RUNNING, _ENDED, _RESTARTED = range(6)
"""Times in a template, as seconds since 1970; in a body the first four follow upon each other as
they do here, the last two are a second apart."""


class Template:
    """JSON with names and times left open; all that is needed to fill it in is in ``body``."""

    def __init__(self, resource: ServedResource, value: Object) -> None:
        """Of a whole object, in which the markers stand for what is open."""
        value["metadata"]["uid"] = _UID
        if resource.has_generations:
            value["metadata"]["generation"] = 1
        note_creation(value, resource.manager, resource.status_manager, stamp(_RUNNING))
        value["metadata"]["resourceVersion"] = _VERSION
        stamps = (stamp(number) for number in range(_RESTARTED + 1))
        self._markers = [one.encode() for one in (_CRAWL, _OWNER, _UID, _VERSION, *stamps)]
        pattern = b"(%b)" % b"|".join(map(re.escape, self._markers))
        self._parts = re.split(pattern, serialise(value))

    def body(
        self, names: tuple[str, str, str], created: float, ended: float, version: int
    ) -> bytes:
        """The object; ``names`` are crawl, owner and uid, times in seconds since 1970."""
        times = (*(created + after for after in range(_RUNNING + 1)), ended, ended + 1)
        texts = (*names, str(version), *map(stamp, times))
        values = dict(zip(self._markers, (text.encode() for text in texts), strict=True))
        return b"".join([values.get(part, part) for part in self._parts])


class FleetPods:
    """Puts CrawlJobs that do not change on a cluster, with what surrounds them."""

    def __init__(self, cluster: Cluster) -> None:
        """What the cluster does not serve is left out."""
        self._cluster = cluster
        self._rng = seeded("fleet's pods")
        self._templates: dict[tuple[ServedResource, str, int | None], Template] = {}
        self._usage = PodUsage(cluster.clock, speed=1)
        if POD_METRICS in cluster.resources:
            cluster.compute(POD_METRICS, self._usage.objects)

    def add(self, crawljobs: Iterable[Object]) -> None:
        """Add CrawlJobs of a ``fleet``; those that are paused have claims alone."""
        for crawljob in crawljobs:
            self._cluster.create(crawljob)
            created = seconds(crawljob["metadata"]["creationTimestamp"]) + _STARTED_AFTER
            for plan, info in _plans(crawljob):
                self._load(CLAIMS, plan, crawljob, {}, created)
                if crawljob["status"]["scale"]:
                    self._load(PODS, plan, crawljob, info, created)
                    self._measure(plan, created)

    def add_bystanders(self, number: int, namespace: str = "crawlers") -> None:
        """Add pods that belong to no crawl."""
        created = self._cluster.clock() - 600
        if PODS not in self._cluster.resources:
            return
        for _ in range(number):
            plan = profile_browser(namespace, random_uuid(self._rng))
            self._cluster.create(_pod(plan, None, created))
            self._measure(plan, created)

    def add_indexes(self, number: int, namespace: str = "crawlers") -> None:
        """Add dedupe indexes that are ready."""
        if COLLINDEXES not in self._cluster.resources:
            return
        created = self._cluster.clock() - 86_400
        for _ in range(number):
            oid, collection = random_uuid(self._rng), random_uuid(self._rng)
            value = collindex(namespace, oid, collection, created)
            used = self._rng.randrange(CAPACITY)
            value["status"] = index_status("ready", since=created, now=created, used=used)
            self._cluster.create(value)

    def _measure(self, plan: PodPlan, since: float) -> None:
        key = (plan.namespace, plan.name)
        self._usage.add(
            key, plan.labels, plan.container, memory=plan.memory, cpu=plan.cpu, since=since
        )

    def _load(
        self,
        resource: ServedResource,
        plan: PodPlan,
        crawljob: Object,
        info: Object,
        created: float,
    ) -> None:
        if resource not in self._cluster.resources:
            return
        crawl, owner = crawljob["spec"]["id"], crawljob["metadata"]["uid"]
        role = (resource, plan.name.replace(crawl, _CRAWL), info.get("exitCode"))
        if role not in self._templates:
            self._templates[role] = _template(crawljob, *role)
        ended = seconds(info["exitTime"]) if info.get("exitTime") else 0.0
        names = (crawl, owner, random_uuid(self._rng))
        fill = partial(self._templates[role].body, names, created, ended)
        self._cluster.load(resource, (plan.namespace, plan.name), plan.labels, fill)


def _template(
    crawljob: Object, resource: ServedResource, name: str, exit_code: int | None
) -> Template:
    metadata = {"name": f"crawljob-{_CRAWL}", "uid": _OWNER}
    marked: Object = {
        **crawljob,
        "metadata": {**crawljob["metadata"], **metadata},
        "spec": {**crawljob["spec"], "id": _CRAWL},
    }
    plan = (
        redis_plan(marked)
        if name.startswith("redis-")
        else crawler_plan(marked, int(name.rpartition("-")[2]))
    )
    if resource is PODS:
        return Template(resource, _pod(plan, exit_code, _CREATED))
    storage = REDIS_STORAGE if plan.container == "redis" else CRAWLER_STORAGE
    value = claim(plan, storage, _CREATED)
    value["metadata"]["uid"] = _UID
    return Template(resource, bound(value))


def _pod(plan: PodPlan, exit_code: int | None, created: float) -> Object:
    """A pod that runs, and has restarted if there is an exit code."""
    status = PodStatus(plan.container, plan.image)
    status.scheduled(created + _SCHEDULED)
    status.waiting(created + _WAITING, "ContainerCreating")
    status.host_ip = "10.0.0.11"
    status.running(created + _RUNNING, f"containerd://{'0' * 64}", "10.42.0.7")
    if exit_code is not None:
        reason = "OOMKilled" if exit_code == 137 else "Error"
        status.terminated(created + _ENDED, exit_code, reason)
        status.remember_end()
        status.restarts = 1
        status.running(created + _RESTARTED, f"containerd://{'1' * 64}", "10.42.0.7")
    value = pod(plan, created)
    value["spec"]["nodeName"] = NODES[0]
    value["status"] = status.document()
    return value


def _plans(crawljob: Object) -> Iterator[tuple[PodPlan, dict[str, Any]]]:
    """The pods that its status tells of."""
    for name, info in crawljob["status"]["podStatus"].items():
        if name.startswith("redis-"):
            yield redis_plan(crawljob), info
        else:
            yield crawler_plan(crawljob, int(name.rpartition("-")[2])), info

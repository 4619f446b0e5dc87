"""What belongs to one CrawlJob beside itself: its pods, made and removed as the operator does it.

A crawl says what shall be and what befalls a pod; an API that the cluster does not serve is left
out of it.
"""

import random

from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.crawljob_manifest import (
    CRAWLER_CPU,
    CRAWLER_MEMORY,
    REDIS_CPU,
    REDIS_MEMORY,
)
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod import Pod
from exporter.simulator.browsertrix.pod_manifest import (
    CRAWLER_IMAGE,
    REDIS_IMAGE,
    PodPlan,
    owned_by_crawljob,
)

_LIMIT_PADDING = 1.2
"""``MEM_LIMIT_PADDING`` of Browsertrix: the limit of memory over what is requested."""


class Surroundings:
    """The pods of one crawl, by name; those that are gone are not among them."""

    def __init__(self, installation: Installation, manifest: Object, rng: random.Random) -> None:
        self.pods: dict[str, Pod] = {}
        self._installation = installation
        self._manifest = manifest
        self._id: str = manifest["spec"]["id"]
        self._is_qa: bool = manifest["metadata"]["labels"]["role"] == "qa-job"
        self._rng = rng

    def scale_to(self, crawlers: int) -> None:
        """Have this many crawler pods, and redis with the first of them."""
        if crawlers:
            self._make(redis_plan(self._manifest))
        for index in range(crawlers):
            self._make(crawler_plan(self._manifest, index))
        for name, pod in list(self.pods.items()):
            if name.startswith("crawl-") and int(name.rpartition("-")[2]) >= crawlers:
                pod.delete()

    def end(self, name: str, code: int) -> None:
        """The container of a pod ends; 137 is for want of memory."""
        if pod := self.pods.get(name):
            pod.end(code, out_of_memory=code == 137)

    def evict(self, name: str, message: str) -> None:
        """A pod is evicted."""
        if pod := self.pods.get(name):
            pod.evict(message)

    def restart(self, name: str, *, backoff: bool) -> None:
        """The container of a pod is started again, or waits for it; an evicted pod is replaced."""
        pod = self.pods.get(name)
        if pod is None:
            return
        if pod.is_evicted:
            pod.remove()
            self._make(pod.plan)
        elif backoff:
            pod.back_off()
        else:
            pod.restart()

    def delete(self, name: str) -> None:
        """The operator takes a pod away."""
        if pod := self.pods.get(name):
            pod.delete()

    def replace(self, name: str, memory: int) -> None:
        """The pod is there again, another one, with so many bytes of memory."""
        if pod := self.pods.get(name):
            pod.remove()
        index = int(name.rpartition("-")[2])
        self._make(crawler_plan(self._manifest, index, memory))

    def delete_all(self) -> None:
        """The operator takes everything away."""
        for pod in list(self.pods.values()):
            pod.delete()

    def collect_garbage(self) -> None:
        """What belongs to a CrawlJob that is gone goes as well."""
        for pod in list(self.pods.values()):
            pod.remove()

    def _make(self, plan: PodPlan) -> None:
        before = self.pods.get(plan.name)
        if PODS not in self._installation.cluster.resources or (before and not before.deleting):
            return
        if before:
            before.remove()
        pod = self.pods[plan.name] = Pod(self._installation, plan, self._rng)
        pod.when_gone = lambda: self._forget(pod)

    def _forget(self, pod: Pod) -> None:
        if self.pods.get(pod.plan.name) is pod:
            del self.pods[pod.plan.name]


def crawler_plan(manifest: Object, index: int, memory: int = CRAWLER_MEMORY) -> PodPlan:
    """The crawler pod of this number; ``memory`` in bytes."""
    crawl = manifest["spec"]["id"]
    is_qa = manifest["metadata"]["labels"]["role"] == "qa-job"
    return PodPlan(
        namespace=manifest["metadata"]["namespace"],
        name=f"crawl-{crawl}-{index}",
        labels={"crawl": crawl, "role": "crawler", "network-policy": "limit-crawler-egress"},
        container="crawler",
        image=CRAWLER_IMAGE,
        memory=memory,
        memory_limit=int(memory * _LIMIT_PADDING),
        cpu=CRAWLER_CPU,
        claim=f"crawl-{crawl}-{index}",
        owner=owned_by_crawljob(manifest),
        priority=(f"qa-crawl-pri-{index}", -2 - index) if is_qa else (f"crawl-pri-{index}", -index),
        grace=1000,
    )


def redis_plan(manifest: Object) -> PodPlan:
    """The redis pod of a crawl."""
    crawl = manifest["spec"]["id"]
    return PodPlan(
        namespace=manifest["metadata"]["namespace"],
        name=f"redis-{crawl}",
        labels={"crawl": crawl, "role": "redis"},
        container="redis",
        image=REDIS_IMAGE,
        memory=REDIS_MEMORY,
        memory_limit=REDIS_MEMORY,
        cpu=REDIS_CPU,
        claim=f"redis-{crawl}",
        owner=owned_by_crawljob(manifest),
        grace=300,
        restart_policy="Always",
    )

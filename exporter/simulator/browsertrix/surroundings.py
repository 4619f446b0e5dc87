"""What belongs to one CrawlJob beside itself: its pods and claims, as the operator wants them.

A crawl says what shall be and what befalls a pod.
"""

import random
from collections.abc import Callable
from typing import Final

from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.crawljob_manifest import (
    CRAWLER_CPU,
    CRAWLER_MEMORY,
    CRAWLER_STORAGE,
    REDIS_CPU,
    REDIS_MEMORY,
    REDIS_STORAGE,
)
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod import NO_OBSTACLE, Obstacle
from exporter.simulator.browsertrix.pod_plan import (
    CRAWLER_IMAGE,
    REDIS_IMAGE,
    PodPlan,
    owned_by_crawljob,
)
from exporter.simulator.browsertrix.pod_set import PodSet

_LIMIT_PADDING: Final = 1.2
"""``MEM_LIMIT_PADDING`` of Browsertrix: the limit of memory over what is requested."""


class Surroundings(PodSet):
    """The pods and claims of one crawl."""

    def __init__(
        self,
        installation: Installation,
        manifest: Object,
        rng: random.Random,
        memory_share: Callable[[str], float | None],
    ) -> None:
        super().__init__(installation, rng, memory_share)
        self._manifest = manifest
        self._ended: dict[str, float] = {}
        """When the container of each pod ended last."""

    def scale_to(self, crawlers: int, obstacle: Obstacle = NO_OBSTACLE) -> None:
        """Have this many crawler pods, and redis with the first of them.

        Those that wait for a node or an image wait no longer, unless there is an obstacle. Without
        any the claims stay, as of a crawl that is paused.
        """
        if crawlers:
            self.make(redis_plan(self._manifest), REDIS_STORAGE)
        for index in range(crawlers):
            self.make(crawler_plan(self._manifest, index), CRAWLER_STORAGE, obstacle)
        if obstacle is NO_OBSTACLE:
            self.overcome()
        for name in list(self.claims | self.pods):
            if name.startswith("crawl-") and int(name.rpartition("-")[2]) >= crawlers:
                if crawlers:
                    self.delete_with_claim(name)
                else:
                    self.delete(name)

    def end(self, name: str, code: int, now: float) -> float:
        """The container of a pod ends; 137 is for want of memory. When it ended."""
        at = self._end_time(name, now)
        if pod := self.pods.get(name):
            pod.end(code, at, out_of_memory=code == 137)
        return at

    def evict(self, name: str, message: str, now: float) -> float:
        """A pod is evicted. When its container ended."""
        at = self._end_time(name, now)
        if pod := self.pods.get(name):
            pod.evict(message, at)
        return at

    def crash(self, name: str, code: int, down: float, now: float) -> bool:
        """A container ends and runs again after so many seconds; whether there was one."""
        pod = self.pods.get(name)
        if pod is None or not pod.is_running:
            return False
        pod.crash(code, self._end_time(name, now), down, out_of_memory=code == 137)
        return True

    def _end_time(self, name: str, now: float) -> float:
        """A second after the one before at least, however fast all goes.

        Whole seconds are all that is written of it, and by them one end is told from another.
        """
        self._ended[name] = at = max(now, self._ended.get(name, -1.0) // 1 + 1.0)
        return at

    def request_storage(self, name: str, storage: int) -> None:
        """A claim asks for so many bytes."""
        if claim := self.claims.get(name):
            claim.request(storage)

    def grant_storage(self, name: str) -> None:
        """A claim gets what it asked for."""
        if claim := self.claims.get(name):
            claim.resized()

    def restart(self, name: str, *, backoff: bool = False) -> None:
        """The container of a pod is started again, or waits for it; an evicted pod is replaced."""
        pod = self.pods.get(name)
        if pod is None:
            return
        if pod.is_evicted:
            pod.remove()
            self.make(pod.plan)
        elif backoff:
            pod.back_off()
        else:
            pod.restart()

    def replace(self, name: str, memory: int) -> None:
        """The pod is there again, another one, with so many bytes of memory."""
        if pod := self.pods.get(name):
            pod.remove()
        index = int(name.rpartition("-")[2])
        self.make(crawler_plan(self._manifest, index, memory), CRAWLER_STORAGE)


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

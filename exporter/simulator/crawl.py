"""One crawl with its pods: what its operator sees, decides and writes.

A life (``lives``) tells a crawl what happens to it; the figures in between grow by themselves.
Moments written are real ones; how much was crawled, and for how long, goes by simulated time,
which passes ``speed`` times as fast.
"""

import copy
import random
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator.cluster import Cluster
from exporter.simulator.encoding import stamp
from exporter.simulator.ground_truth import Ended, GroundTruth
from exporter.simulator.growth import Growth
from exporter.simulator.manifest import (
    FINALIZER,
    IMAGE,
    WINDOWS_PER_POD,
    Traits,
    crawler_pod,
    crawljob,
    redis_pod,
)
from exporter.simulator.served_resource import CRAWLJOBS
from exporter.simulator.stale import stale

_STALE_SHARE: Final = 0.1
"""Of the status writes: after so many the status steps back."""
_STALE_REACH: Final = 8
"""Writes that it steps back at most."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What all crawls of one Browsertrix share. ``pause_limit`` is in real seconds."""

    cluster: Cluster
    ground_truth: GroundTruth
    speed: float
    pause_limit: float
    resize: bool
    stale_writes: bool


class Crawl:
    """One CrawlJob on the cluster. ``now`` is set by whoever lets time pass."""

    def __init__(
        self, installation: Installation, traits: Traits, rng: random.Random, now: float
    ) -> None:
        self.installation = installation
        self.traits = traits
        self.rng = rng
        self.now = now
        manifest = installation.cluster.create(crawljob(traits, now), moment=now)
        metadata = manifest["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self.id: str = manifest["spec"]["id"]
        self.wanted = traits.pods
        self.status: dict[str, Any] = {}
        self.deleted = False
        self.growth = Growth(traits, rng, measured=installation.resize)
        self._running: list[str] = []
        self._last = now
        self._paused_at: float | None = None
        self._reason = ""
        self._written: deque[dict[str, Any]] = deque(maxlen=_STALE_REACH)
        installation.ground_truth.states[self.namespace, "starting"] += 1

    # What the operator sees

    @property
    def pods(self) -> list[str]:
        """The crawler pods that run."""
        return list(self._running)

    @property
    def is_over(self) -> bool:
        """Whether nothing but its removal is left."""
        return "finished" in self.status or self.deleted

    def pod(self, index: int) -> str:
        """The name of a crawler pod."""
        return f"crawl-{self.id}-{index}"

    def enter(self, state: str) -> None:
        """Write a new state."""
        if not self.status:
            self._first_status()
        self._advance()
        if state != self.status["state"]:
            self.installation.ground_truth.states[self.namespace, state] += 1
        self.status["state"] = state
        self.sync()

    def _first_status(self) -> None:
        self.status.update(
            state="starting",
            pagesFound=0,
            pagesDone=0,
            size=0,
            sizeHuman="",
            sizePending=0,
            scale=0,
            desiredScale=1,
            filesAdded=0,
            filesAddedSize=0,
            stopping=False,
            initRedis=False,
            crawlerImage=IMAGE,
            lastConfigUpdate="",
            lastActiveTime="",
            podStatus={},
            canceled=False,
            crawlExecTime=0,
            elapsedCrawlTime=0,
            lastUpdatedTime="",
            lastCrawlPodExitCode=0,
            allCrashed=True,
        )

    def scale_to(self, pods: int) -> None:
        """Have this many crawler pods; entries of pods that go are never taken out."""
        self._advance()
        entries = self.status["podStatus"]
        if pods:
            entries.setdefault(f"redis-{self.id}", redis_pod())
        for index in range(pods):
            entries.setdefault(self.pod(index), crawler_pod())
        self._running = [self.pod(index) for index in range(pods)]
        self.status["scale"] = pods
        self.status["desiredScale"] = max(self.wanted, 1)
        self.status["initRedis"] = self.status["initRedis"] or bool(pods)
        self.status["allCrashed"] = not pods
        self.sync()

    def redis_gone(self) -> None:
        """Redis stops a minute after the last crawler pod."""
        self.status["initRedis"] = False
        self.sync()

    # What happens to pods

    def exit(self, pod: str, code: int, *, evicted: bool = False) -> None:
        """A crawler pod's container ends; evicted ones end with 137, as out of memory."""
        self._advance()
        self.growth.count_time(self.status, self.now)
        reason = {0: "done", 137: "oom"}.get(code, f"interrupt: {code}")
        moment = stamp(self.now)
        info = self.status["podStatus"][pod]
        info.update(exitTime=moment, exitCode=code, reason=reason)
        self.status["lastCrawlPodExitCode"] = code
        if pod in self._running:
            self._running.remove(pod)
        self.status["allCrashed"] = not self._running
        ground_truth, namespace = self.installation.ground_truth, self.namespace
        if evicted:
            info["evicted"] = True
            ground_truth.evictions[namespace] += 1
            ground_truth.restarts[namespace, "evicted"] += 1
        word = "evicted" if evicted else reason.partition(":")[0]
        ground_truth.exited(namespace, self.uid, pod, moment, word)
        self.sync()

    def come_back(self, pod: str, *, backoff: bool = False) -> None:
        """The pod's replacement is seen, running or (``backoff``) waiting to be started again."""
        self._advance()
        info = self.status["podStatus"][pod]
        info["evicted"] = False
        info["backoffWait"] = backoff
        if not backoff and pod not in self._running:
            self._running = sorted([*self._running, pod])
        self.status["allCrashed"] = not self._running
        self.sync()

    def want_memory(self, pod: str, share: float, *, signal: bool = False) -> None:
        """Ask for ``share`` times the memory in use: the pod is restarted with as much."""
        info = self.status["podStatus"][pod]
        info["newMemory"] = int(info["used"]["memory"] * share)
        if signal:
            info["signalAtMem"] = info["newMemory"]
        self.installation.ground_truth.restarts[self.namespace, "newMemory"] += 1
        self.sync()

    def get_memory(self, pod: str) -> None:
        """The pod runs with the memory that was asked for."""
        info = self.status["podStatus"][pod]
        info["allocated"]["memory"] = info["newMemory"]
        self.growth.pressure.pop(pod, None)
        self.sync()

    # What others ask of it

    def ask(self, **spec: Any) -> None:
        """Change the spec, as the backend does."""
        self.installation.cluster.patch(self.namespace, self.name, {"spec": spec}, moment=self.now)

    def ask_scale(self, pods: int) -> None:
        """Ask for another number of crawler pods."""
        self.wanted = pods
        self.ask(scale=pods, browserWindows=pods * WINDOWS_PER_POD)

    def ask_pause(self) -> None:
        """Set ``spec.pausedAt``."""
        self._paused_at = self.now
        self.installation.ground_truth.pauses[self.namespace] += 1
        self.ask(pausedAt=stamp(self.now))

    def ask_resume(self) -> None:
        """Clear ``spec.pausedAt``."""
        self.installation.ground_truth.resumes[self.namespace] += 1
        self._end_pause()
        self.ask(pausedAt="")

    def stop_for(self, reason: str) -> None:
        """Begin to stop, or to pause."""
        self._reason = reason
        self.status.update(stopping=True, stopReason=reason)
        self.sync()

    def go_on(self) -> None:
        """No longer pausing or paused."""
        self._reason = ""
        self.status["stopping"] = False
        self.status.pop("stopReason", None)

    # Its end

    def finish(self, state: str) -> None:
        """Write the final state with ``finished``."""
        self._end_pause()
        self._advance()
        self.growth.count_time(self.status, self.now)
        if state not in {"failed", "failed_not_logged_in", "canceled"}:
            self.growth.upload(self.status)
        self.status["finished"] = stamp(self.now)
        self.installation.ground_truth.finished[self.uid] = Ended(
            self.namespace, self.traits.oid, self.id, state, self._reason, int(self.now)
        )
        self.enter(state)

    def delete(self) -> None:
        """Ask the cluster to delete the CrawlJob: it stays until its operator lets go."""
        self.installation.cluster.delete(self.namespace, self.name, moment=self.now)

    def hold(self, holds: bool) -> None:
        """Put the finalizer on or off; off, a CrawlJob that is deleted is gone."""
        finalizers = [FINALIZER] if holds else []
        self.installation.cluster.patch(
            self.namespace,
            self.name,
            {"metadata": {"finalizers": finalizers}},
            manager=CRAWLJOBS.status_manager,
            moment=self.now,
        )
        self.deleted = not self.installation.cluster.exists(self.namespace, self.name)
        if self.deleted and "finished" not in self.status:
            self._end_pause()
            identity = (self.namespace, self.traits.oid, self.id)
            self.installation.ground_truth.vanished[self.uid] = identity

    def _end_pause(self) -> None:
        if self._paused_at is not None:
            self.installation.ground_truth.paused_seconds[self.uid] += int(self.now) - int(
                self._paused_at
            )
            self._paused_at = None

    # Writing

    def sync(self) -> None:
        """Bring the figures up to now and write the status."""
        self._advance()
        self._write(self.status)
        if self.installation.stale_writes:
            if self._written and self.rng.random() < _STALE_SHARE:
                self._write(stale(self.rng.choice(self._written), self.status))
            self._written.append(copy.deepcopy(self.status))

    def _write(self, status: dict[str, Any]) -> None:
        metadata = {"namespace": self.namespace, "name": self.name}
        self.installation.cluster.replace(
            {"metadata": metadata, "status": status}, status=True, moment=self.now
        )

    def _advance(self) -> None:
        passed = (self.now - self._last) * self.installation.speed
        self._last = self.now
        self.growth.advance(self.status, self._running, passed, self.now)

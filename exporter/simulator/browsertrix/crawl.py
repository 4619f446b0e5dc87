"""One crawl with its pods: what its users ask, what its operator decides and writes.

A scenario calls its methods; the figures in between grow by themselves (``progress``). Timestamps
are real ones; how much was crawled, and for how long, goes by simulated time, which passes
``speed`` times as fast. Each method also counts in the ground truth what it lets happen.
"""

import random
from typing import Any, Final

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.browsertrix.crawljob_manifest import (
    FINALIZER,
    WINDOWS_PER_POD,
    Traits,
    crawler_pod,
    crawljob,
    initial_status,
    redis_pod,
)
from exporter.simulator.browsertrix.dedupe_index import DedupeIndex
from exporter.simulator.browsertrix.ground_truth import Ended
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod import Obstacle
from exporter.simulator.browsertrix.progress import Progress
from exporter.simulator.browsertrix.seeded_random import seeded
from exporter.simulator.browsertrix.status_writer import StatusWriter
from exporter.simulator.browsertrix.surroundings import Surroundings

EVICTION: Final = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 82148Ki. "
    "Container crawler was using 1543212Ki, request is 1536Mi, has larger consumption of memory. "
)


class Crawl:
    """One CrawlJob on the cluster; whoever lets time pass sets ``now``, seconds since 1970."""

    def __init__(
        self, installation: Installation, traits: Traits, rng: random.Random, now: float
    ) -> None:
        self.installation = installation
        self.traits = traits
        self.rng = rng
        self.now = now
        manifest = installation.cluster.create(crawljob(traits, now), timestamp=now)
        metadata = manifest["metadata"]
        self.namespace: str = metadata["namespace"]
        self.name: str = metadata["name"]
        self.uid: str = metadata["uid"]
        self.id: str = manifest["spec"]["id"]
        self.wanted = traits.pods
        self.status: dict[str, Any] = {}
        self.deleted = False
        self.index: DedupeIndex | None = None
        """Of the collection it compares its pages with, if it does."""
        self.progress = Progress(traits, rng, measured=installation.resize)
        self.surroundings = Surroundings(
            installation,
            manifest,
            seeded("surroundings", self.id),
            self.progress.memory_ratio.get,
        )
        self._writer = StatusWriter(
            installation.cluster,
            self.namespace,
            self.name,
            rng,
            stale_writes=installation.stale_writes,
        )
        self._running: list[str] = []
        self._evicted: dict[str, str] = {}
        """When pods were evicted of which the status does not tell yet, as it will."""
        self._last = now
        self._paused_at: float | None = None
        self._reason = ""
        installation.ground_truth.states[self.namespace, "starting"] += 1

    # What the operator sees

    @property
    def pods(self) -> list[str]:
        """The crawler pods that run."""
        return list(self._running)

    @property
    def paused_at(self) -> float | None:
        """When it was asked to pause, in seconds since 1970; None where it was not, or resumes."""
        return self._paused_at

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
            self.status.update(initial_status())
        self._advance()
        if state != self.status["state"]:
            self.installation.ground_truth.states[self.namespace, state] += 1
        self.status["state"] = state
        self.sync()

    def scale_to(self, pods: int) -> None:
        """Run this many crawler pods; entries of pods that are deleted stay in the status."""
        self._advance()
        self.surroundings.scale_to(pods)
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

    def stop_redis(self) -> None:
        """Redis stops a minute after the last crawler pod."""
        self.surroundings.delete(f"redis-{self.id}")
        self.status["initRedis"] = False
        self.sync()

    # Its pods

    def exit(self, pod: str, code: int, *, evicted: bool = False) -> None:
        """A crawler pod's container ends; evicted ones end with 137, as out of memory."""
        self._advance()
        if evicted:
            self.evict(pod)
            exit_time = self._evicted.pop(pod)
        else:
            exit_time = stamp(self.surroundings.end(pod, code, self.now))
        self.progress.count_time(self.status, self.now)
        reason = _reason(code)
        info = self.status["podStatus"][pod]
        info.update(exitTime=exit_time, exitCode=code, reason=reason)
        self.status["lastCrawlPodExitCode"] = code
        if pod in self._running:
            self._running.remove(pod)
        self.status["allCrashed"] = not self._running
        ground_truth, namespace = self.installation.ground_truth, self.namespace
        if evicted:
            info["evicted"] = True
            ground_truth.evictions[namespace] += 1
            ground_truth.restarts[namespace, "evicted"] += 1
        counted_as = "evicted" if evicted else reason.partition(":")[0]
        ground_truth.exited(namespace, self.uid, pod, exit_time, counted_as)
        self.sync()

    def evict(self, pod: str, *, untold: bool = False) -> None:
        """A crawler pod is evicted; the status says so by ``exit``, or (``untold``) never."""
        if pod in self._evicted:
            return
        now = self.installation.agenda.now  # also while the operator does nothing
        self._evicted[pod] = stamp(self.surroundings.evict(pod, EVICTION, now))
        if pod in self._running:
            self._running.remove(pod)
        if untold:
            pods_only = self.installation.ground_truth.pods_only
            pods_only.exited(self.namespace, "crawler", "evicted")

    def crash_unseen(self, pod: str, code: int, *, down: float = 0.0) -> None:
        """A container ends and runs again (after ``down`` seconds), which reaches no status."""
        if self.surroundings.crash(pod, code, down, self.installation.agenda.now):
            role = "redis" if pod.startswith("redis-") else "crawler"
            reason = _reason(code).partition(":")[0]
            pods_only = self.installation.ground_truth.pods_only
            pods_only.exited(self.namespace, role, reason)

    def order_pods(self, obstacle: Obstacle) -> None:
        """Make the pods, which an obstacle keeps from running until ``scale_to``."""
        self.surroundings.scale_to(self.wanted, obstacle)

    def restart(self, pod: str, *, backoff: bool = False) -> None:
        """The pod's container runs again, or (``backoff``) waits before it does."""
        self._advance()
        self.surroundings.restart(pod, backoff=backoff)
        info = self.status["podStatus"][pod]
        info["evicted"] = False
        info["backoffWait"] = backoff
        if not backoff and pod not in self._running:
            self._running = sorted([*self._running, pod])
        self.status["allCrashed"] = not self._running
        self.sync()

    def request_memory(self, pod: str, share: float, *, signal: bool = False) -> None:
        """Ask for ``share`` times the memory in use: the pod is restarted with as much."""
        info = self.status["podStatus"][pod]
        info["newMemory"] = int(info["used"]["memory"] * share)
        if signal:
            info["signalAtMem"] = info["newMemory"]
        self.installation.ground_truth.restarts[self.namespace, "newMemory"] += 1
        self.surroundings.delete(pod)
        self.sync()

    def grant_memory(self, pod: str) -> None:
        """The pod runs with the memory that was asked for."""
        info = self.status["podStatus"][pod]
        info["allocated"]["memory"] = info["newMemory"]
        self.surroundings.replace(pod, info["newMemory"])
        self.progress.memory_ratio.pop(pod, None)
        self.sync()

    def request_storage(self, pod: str, share: float) -> None:
        """Ask for ``share`` times the storage in use (``newStorage``), in whole Gi."""
        info = self.status["podStatus"][pod]
        gibibytes = int(info["used"]["storage"] * share / (1 << 30)) + 1
        info["newStorage"] = f"{gibibytes}Gi"
        self.surroundings.request_storage(pod, gibibytes << 30)
        self.sync()

    def grant_storage(self, pod: str) -> None:
        """The volume has grown to what was asked for."""
        info = self.status["podStatus"][pod]
        info["allocated"]["storage"] = int(info["newStorage"].removesuffix("Gi")) << 30
        self.surroundings.grant_storage(pod)
        self.sync()

    # What users and the backend ask of it

    def patch_spec(self, **spec: Any) -> None:
        """Change the spec, as the backend does."""
        self.installation.cluster.patch(
            self.namespace, self.name, {"spec": spec}, timestamp=self.now
        )

    def request_scale(self, pods: int) -> None:
        """Ask for another number of crawler pods."""
        self.wanted = pods
        self.patch_spec(scale=pods, browserWindows=pods * WINDOWS_PER_POD)

    def request_pause(self) -> None:
        """Set ``spec.pausedAt``."""
        self._paused_at = self.now
        self.installation.ground_truth.pauses[self.namespace] += 1
        self.patch_spec(pausedAt=stamp(self.now))

    def request_resume(self) -> None:
        """Clear ``spec.pausedAt``."""
        self.installation.ground_truth.resumes[self.namespace] += 1
        self._end_pause()
        self.patch_spec(pausedAt="")

    def begin_stopping(self, reason: str) -> None:
        """Begin to stop, or to pause, with this stop reason."""
        self._reason = reason
        self.status.update(stopping=True, stopReason=reason)
        self.sync()

    def clear_stopping(self) -> None:
        """No longer pausing or paused."""
        self._reason = ""
        self.status["stopping"] = False
        self.status.pop("stopReason", None)

    # Its end

    def finish(self, state: str) -> None:
        """Write the final state with ``finished``."""
        self._end_pause()
        self._advance()
        self.progress.count_time(self.status, self.now)
        if state not in {"failed", "failed_not_logged_in", "canceled"}:
            self.progress.upload(self.status)
        self.status["finished"] = stamp(self.now)
        self.installation.ground_truth.finished[self.uid] = Ended(
            self.namespace, self.traits.oid, self.id, state, self._reason, int(self.now)
        )
        self.enter(state)

    def delete(self) -> None:
        """Ask the cluster to delete the CrawlJob: it stays until its finalizer is removed."""
        self.installation.cluster.delete(self.namespace, self.name, timestamp=self.now)
        self.surroundings.delete_all()

    def set_finalizer(self, present: bool) -> None:
        """Add or remove Browsertrix's own finalizer; those of others stay.

        Removing it completes a deletion that was asked for, or leaves the CrawlJob to others who
        hold it: Browsertrix then does nothing with it any more.
        """
        held = self.installation.cluster.get(self.namespace, self.name)["metadata"]
        others = [name for name in held.get("finalizers", ()) if name != FINALIZER]
        finalizers = [FINALIZER, *others] if present else others
        self.installation.cluster.patch(
            self.namespace,
            self.name,
            {"metadata": {"finalizers": finalizers}},
            manager=CRAWLJOBS.status_manager,
            timestamp=self.now,
        )
        self.deleted = "deletionTimestamp" in held and not present
        if self.deleted:
            self.surroundings.collect_garbage()
            if self.index is not None:
                self.index.leave(self.uid)
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
        self._writer.write(self.status, self.now)

    def _advance(self) -> None:
        passed = (self.now - self._last) * self.installation.speed
        self._last = self.now
        self.progress.advance(self.status, self._running, passed, self.now)


def _reason(code: int) -> str:
    return {0: "done", 137: "oom"}.get(code, f"interrupt: {code}")

"""One pod from its creation until it is gone, as scheduler and kubelet write it.

Its container ends and starts when a crawl says so; what lies between (a node, an image, the end
that a deletion brings) takes its own time. A pod that was replaced is another one of the same name.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.browsertrix.installation import Installation
from exporter.simulator.browsertrix.pod_manifest import pod
from exporter.simulator.browsertrix.pod_plan import PodPlan
from exporter.simulator.browsertrix.pod_status import TERMINATED_REASONS, PodStatus, hash_of

NODES: Final = ("node-a", "node-b", "node-c")
_SCHEDULER: Final = "kube-scheduler"
_INTERRUPTED: Final = 11
"""How a crawler ends that is told to (SIGTERM)."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a pod from running, in the words of whoever finds out."""

    unschedulable: str = ""
    """The scheduler's, where no node has room for it."""
    image_error: str = ""
    """The container runtime's, where its image cannot be pulled."""


NO_OBSTACLE: Final = Obstacle()


class Pod:
    """Seconds are simulated. Once it is ``gone`` nothing happens to it any more."""

    def __init__(
        self,
        installation: Installation,
        plan: PodPlan,
        rng: random.Random,
        obstacle: Obstacle = NO_OBSTACLE,
        memory_share: Callable[[], float | None] = lambda: None,
    ) -> None:
        """Create it; it starts within five seconds, or once its obstacle is overcome.

        ``memory_share`` says how much of its memory it uses, where that is unusual.
        """
        self.plan = plan
        self.gone = False
        self.deleting = False
        self.when_gone: Callable[[], None] = lambda: None
        self._agenda = installation.agenda
        self._cluster = installation.cluster
        self._rng = rng
        self._image_error = obstacle.image_error
        self._usage = installation.usage
        self._memory_share = memory_share
        self._node = ""
        self._status = PodStatus(plan.container, plan.image)
        made = self._cluster.create(pod(plan, self._agenda.now), timestamp=self._agenda.now)
        self.uid: str = made["metadata"]["uid"]
        if obstacle.unschedulable:
            self._after(0.2, lambda: self._refuse(obstacle.unschedulable))
        else:
            self._after(rng.uniform(0.1, 0.5), self._schedule)

    # Its beginning

    @property
    def is_running(self) -> bool:
        """Whether its container runs."""
        return "running" in self._status.state

    @property
    def is_evicted(self) -> bool:
        """Whether it was evicted, and is but a record of that."""
        return self._status.reason == "Evicted"

    @property
    def is_held_back(self) -> bool:
        """Whether an obstacle keeps it from running."""
        return "PodScheduled" in self._status.conditions and bool(
            not self._node or self._image_error
        )

    def overcome(self) -> None:
        """What keeps it from running does so no longer."""
        failing, self._image_error = self._image_error, ""
        if not self._node:
            self._schedule()
        elif failing and self._status.state:
            self._run()

    def _schedule(self) -> None:
        if self._node:
            return
        self._node = self._rng.choice(NODES)
        self._status.scheduled(self._agenda.now)
        value = self._cluster.get(self.plan.namespace, self.plan.name, PODS)
        value["spec"]["nodeName"] = self._node
        value["status"] = self._status.document()
        self._cluster.bind(value, manager=_SCHEDULER, timestamp=self._agenda.now)
        self._status.host_ip = f"10.0.0.{NODES.index(self._node) + 11}"
        self._after(self._rng.uniform(0.2, 0.8), self._prepare)

    def _refuse(self, message: str) -> None:
        if not self._node:
            self._status.unschedulable(self._agenda.now, message)
            self._write(_SCHEDULER)

    def _prepare(self) -> None:
        self._wait("ContainerCreating")
        if self._image_error:
            self._after(self._rng.uniform(1, 3), self._fail_to_pull)
        else:
            self._after(self._rng.uniform(0.5, 3), self._run)

    def _fail_to_pull(self, backoff: float = 10.0) -> None:
        """Pull, fail, and try again after twice as long, up to five minutes."""
        if not self._image_error:
            return
        self._wait("ErrImagePull", self._image_error)
        back_off = f'Back-off pulling image "{self.plan.image}": ErrImagePull: {self._image_error}'
        self._after(2, lambda: self._back_off_pulling(back_off))
        self._after(backoff, lambda: self._fail_to_pull(min(2 * backoff, 300.0)))

    def _back_off_pulling(self, message: str) -> None:
        if self._image_error:
            self._wait("ImagePullBackOff", message)

    def _run(self) -> None:
        name = f"{self.uid}/{self._status.restarts}"
        container_id = f"containerd://{hash_of(name)}{hash_of(name[::-1])}"
        pod_ip = f"10.42.{NODES.index(self._node)}.{int(hash_of(self.uid)[:4], 16) % 250 + 2}"
        self._status.running(self._agenda.now, container_id, pod_ip)
        self._usage.add(
            (self.plan.namespace, self.plan.name),
            self.plan.labels,
            self.plan.container,
            memory=self.plan.memory,
            cpu=self.plan.cpu,
            share=self._memory_share,
            since=self._agenda.now,
        )
        self._write()

    # Its container

    def end(self, code: int, at: float, *, out_of_memory: bool = False) -> None:
        """The container ends; the pod has succeeded where the code is 0."""
        reason = "OOMKilled" if out_of_memory else TERMINATED_REASONS.get(code, "Error")
        self._terminated(code, reason, at)
        if code == 0:
            self._status.phase = "Succeeded"
        self._write()

    def crash(self, code: int, at: float, down: float, *, out_of_memory: bool = False) -> None:
        """The container ends, and the kubelet starts it again after so many seconds.

        If that is at once, nothing was written in between: only its last state tells.
        """
        if down:
            self.end(code, at, out_of_memory=out_of_memory)
            self._after(down, self.restart)
        else:
            self._terminated(code, "OOMKilled" if out_of_memory else "Error", at)
            self.restart()

    def back_off(self) -> None:
        """The container waits to be started again."""
        self._status.remember_end()
        name = f"{self.plan.name}_{self.plan.namespace}({self.uid})"
        back_off = f"back-off 10s restarting failed container={self.plan.container} pod={name}"
        self._wait("CrashLoopBackOff", back_off)

    def restart(self) -> None:
        """The container is started again, which is no new pod."""
        self._status.remember_end()
        self._status.restarts += 1
        self._run()

    def evict(self, message: str, at: float) -> None:
        """The kubelet ends it because its node runs short of something, as the message says."""
        now = self._agenda.now
        self._terminated(137, "Error", at)
        self._status.phase = "Failed"
        self._status.reason = "Evicted"
        self._status.message = message
        self._status.condition("DisruptionTarget", True, now, "TerminationByKubelet", message)
        self._write()

    # Its end

    def delete(self) -> None:
        """Delete it: a container that runs has some seconds to end, which reaches no status."""
        if self.gone or self.deleting:
            return
        if not self._node or self._status.phase in {"Succeeded", "Failed"}:
            self.remove()
            return
        self.deleting = True
        self._cluster.delete(
            self.plan.namespace,
            self.plan.name,
            grace=self.plan.grace,
            timestamp=self._agenda.now,
            resource=PODS,
        )
        self._after(self._rng.uniform(0.5, 3), self._stop)

    def remove(self) -> None:
        """Let it be gone at once."""
        if not self.gone:
            self.gone = True
            self._usage.remove((self.plan.namespace, self.plan.name))
            self._cluster.delete(
                self.plan.namespace, self.plan.name, timestamp=self._agenda.now, resource=PODS
            )
            self.when_gone()

    def _stop(self) -> None:
        if self.is_running:
            code = _INTERRUPTED if self.plan.container == "crawler" else 0
            self._terminated(code, TERMINATED_REASONS.get(code, "Error"), self._agenda.now)
            self._write()
        self._after(0.3, self.remove)

    def _terminated(self, code: int, reason: str, at: float) -> None:
        self._status.terminated(at, code, reason)
        self._usage.remove((self.plan.namespace, self.plan.name))

    # Writing

    def _wait(self, reason: str, message: str = "") -> None:
        self._status.waiting(self._agenda.now, reason, message)
        self._write()

    def _write(self, manager: str = "") -> None:
        metadata = {"namespace": self.plan.namespace, "name": self.plan.name}
        self._cluster.replace(
            {"metadata": metadata, "status": self._status.document()},
            status=True,
            manager=manager,
            timestamp=self._agenda.now,
            resource=PODS,
        )

    def _after(self, simulated: float, callback: Callable[[], object]) -> None:
        """Call back unless it is gone by then, or is about to be and has ended for good."""
        deleting = self.deleting

        def due() -> None:
            if not self.gone and self.deleting == deleting:
                callback()

        self._agenda.after(simulated, due)

"""The status of a pod as scheduler and kubelet write it: phase, conditions, its one container.

Source: Kubernetes, "Pod Lifecycle", and ``kubelet_pods.go`` for the order of what is written.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.apiserver.updates import Object

_NOT_READY: Final = "ContainersNotReady"
_ORDER: Final = (
    "DisruptionTarget",
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)
TERMINATED_REASONS: Final = {0: "Completed"}
"""Of a container's end, by its exit code; ``Error`` for any other."""


@dataclass(slots=True)
class PodStatus:
    """What is known of one pod's status; ``document`` is its wire form."""

    container: str
    image: str
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    host_ip: str = ""
    pod_ip: str = ""
    started: str = ""
    restarts: int = 0
    state: Object = field(default_factory=dict)
    """Of the container; empty as long as no kubelet has seen the pod."""
    last_state: Object = field(default_factory=dict)
    container_id: str = ""
    conditions: dict[str, Object] = field(default_factory=dict)

    def condition(
        self, type_: str, status: bool, now: float, reason: str = "", message: str = ""
    ) -> None:
        """Set a condition; its transition time moves only with its status."""
        value = "True" if status else "False"
        before = self.conditions.get(type_)
        moved = before is None or before["status"] != value
        condition: Object = {
            "type": type_,
            "status": value,
            "observedGeneration": 1,
            "lastProbeTime": None,
            "lastTransitionTime": stamp(now)
            if moved or before is None
            else before["lastTransitionTime"],
        }
        if reason:
            condition["reason"] = reason
        if message:
            condition["message"] = message
        self.conditions[type_] = condition

    def scheduled(self, now: float) -> None:
        """A node was found."""
        self.condition("PodScheduled", True, now)

    def unschedulable(self, now: float, message: str) -> None:
        """No node was found, for the reasons that the scheduler's message lists."""
        self.condition("PodScheduled", False, now, "Unschedulable", message)

    def waiting(self, now: float, reason: str, message: str = "") -> None:
        """The container does not run yet, or not again."""
        self.state = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
        self._not_ready(now)
        if not self.started:
            self.started = stamp(now)
            self.condition("PodReadyToStartContainers", False, now)
            self.condition("Initialized", True, now)

    def running(self, now: float, container_id: str, pod_ip: str) -> None:
        """The container runs."""
        self.phase = "Running"
        self.pod_ip = pod_ip
        self.container_id = container_id
        self.state = {"running": {"startedAt": stamp(now)}}
        for type_ in ("PodReadyToStartContainers", "Ready", "ContainersReady"):
            self.condition(type_, True, now)

    def terminated(self, now: float, code: int, reason: str) -> None:
        """The container has ended."""
        began = self.state.get("running", {}).get("startedAt", stamp(now))
        self.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason,
                "startedAt": began,
                "finishedAt": stamp(now),
                "containerID": self.container_id,
            }
        }
        self._not_ready(now, "PodCompleted" if code == 0 else _NOT_READY)

    def remember_end(self) -> None:
        """What the container was when it ended becomes its last state."""
        if "terminated" in self.state:
            self.last_state = self.state

    def _not_ready(self, now: float, reason: str = _NOT_READY) -> None:
        unready = f"containers with unready status: [{self.container}]"
        message = "" if reason == "PodCompleted" else unready
        for type_ in ("Ready", "ContainersReady"):
            self.condition(type_, False, now, reason, message)

    def document(self) -> Object:
        """As it is written."""
        status: dict[str, Any] = {
            "observedGeneration": 1,
            "phase": self.phase,
            "conditions": [self.conditions[name] for name in _ORDER if name in self.conditions],
            "message": self.message,
            "reason": self.reason,
            "hostIP": self.host_ip,
            "hostIPs": [{"ip": self.host_ip}] if self.host_ip else [],
            "podIP": self.pod_ip,
            "podIPs": [{"ip": self.pod_ip}] if self.pod_ip else [],
            "startTime": self.started,
            "containerStatuses": [self._container()] if self.state else [],
            "qosClass": "Burstable",
        }
        return {key: item for key, item in status.items() if item not in ("", [])}

    def _container(self) -> Object:
        running = "running" in self.state
        status: Object = {
            "name": self.container,
            "state": self.state,
            "lastState": self.last_state,
            "ready": running,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": "",
            "started": running,
        }
        if self.container_id:
            digest = f"{hash_of(self.image)}{hash_of(self.image[::-1])}"
            status["imageID"] = f"{self.image.partition(':')[0]}@sha256:{digest}"
            status["containerID"] = self.container_id
        return status


def hash_of(text: str) -> str:
    """32 hex digits that a text always gives: the looks of a digest."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}{value ^ 0x5DEECE66D5DEECE6:016x}"

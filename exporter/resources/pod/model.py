"""The wire form of a pod, of which very little is kept.

A pod is ten kilobytes of JSON, and forty thousand of them are held. So its lists (containers,
conditions, container statuses) are reduced while they are read to the few values that are served,
and texts that many pods share are held once. ``None`` always means *unknown* or *not set*.
Source of names and meanings: Kubernetes API, core/v1 ``Pod``; what of it Browsertrix goes by is in
its ``operator/crawls.py`` (``sync_pod_status``).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import field
from functools import lru_cache, reduce
from operator import add
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.dataclasses import dataclass

from exporter.resources.fields import (
    Count,
    ExitCode,
    Quantity,
    Seconds,
    SharedText,
    Text,
    Timestamp,
    read_timestamp,
)
from exporter.resources.metadata import WIRE, CrawlLabels, ObjectMeta
from exporter.resources.owners import ControllingCrawl
from exporter.resources.parsing import Problem
from exporter.resources.pod.messages import exhausted_resource, unschedulable_reason

_MOST: Final = 100
"""Containers or conditions of a pod. One of Browsertrix's has one container and five conditions."""
_Message = Annotated[str, StringConstraints(max_length=32 * 1024)]
"""As long as Kubernetes lets a condition's message be."""
_ShortText = Annotated[str, StringConstraints(max_length=64)]
_GATED: Final = "SchedulingGated"
"""Why no node is looked for, so that none can be said to be missing."""
_INITIALIZING: Final = "PodInitializing"
"""What a container waits for as long as the init containers have not ended."""
_MAIN_CONTAINERS: Final = frozenset({"crawler", "redis"})
"""As Browsertrix names them. Others are put in by a service mesh, or whoever else."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodMetadata(ObjectMeta):
    """Who the pod is; ``deletion_timestamp`` is by when it will be gone."""

    labels: CrawlLabels = field(default_factory=CrawlLabels)
    crawl_uid: ControllingCrawl = Field(default=None, alias="ownerReferences")
    deletion_grace_period_seconds: Seconds = None


# -- containers, as asked for


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Amounts:
    cpu: Quantity = None
    memory: Quantity = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Requirements:
    requests: _Amounts = field(default_factory=_Amounts)
    limits: _Amounts = field(default_factory=_Amounts)


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Container:
    resources: _Requirements = field(default_factory=_Requirements)
    restart_policy: Text = None


@dataclasses.dataclass(frozen=True, slots=True)
class PodResources:
    """What a container, or all of a pod's together, asks for and may use; bytes and cores."""

    memory_request: float | None = None
    memory_limit: float | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None

    def __add__(self, other: "PodResources") -> "PodResources":
        """Both together: a limit is one only where each has it, a request is what there is."""
        return _shared(
            _some(self.memory_request, other.memory_request),
            _both(self.memory_limit, other.memory_limit),
            _some(self.cpu_request, other.cpu_request),
            _both(self.cpu_limit, other.cpu_limit),
        )


_shared: Final = lru_cache(maxsize=1024)(PodResources)
"""Pods have one of a few sizes, each held once."""


def _some(one: float | None, other: float | None) -> float | None:
    return one if other is None else other if one is None else one + other


def _both(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _read(required: _Requirements) -> PodResources:
    requests, limits = required.requests, required.limits
    return _shared(requests.memory, limits.memory, requests.cpu, limits.cpu)


def _total(required: Sequence[_Requirements]) -> PodResources | None:
    return reduce(add, map(_read, required)) if required else None


def _of_containers(containers: list[_Container]) -> PodResources | None:
    return _total([container.resources for container in containers])


def _of_sidecars(containers: list[_Container]) -> PodResources | None:
    """Of the init containers, those that go on running: Kubernetes' sidecar containers."""
    return _total([one.resources for one in containers if one.restart_policy == "Always"])


# -- conditions


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Condition:
    type: Text = None
    status: Text = None
    reason: Text = None
    message: _Message | None = None
    last_transition_time: _ShortText | None = None
    """Read of the one condition that counts: a pod has five."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Scheduling:
    """Whether a node was found; timestamps in seconds since 1970."""

    scheduled: float | None = None
    """When."""
    unschedulable: str | None = None
    """Why not: one of ``messages.UNSCHEDULABLE_REASONS``."""
    unschedulable_since: float | None = None


def _scheduling(conditions: list[_Condition]) -> Scheduling:
    for condition in conditions:
        if condition.type == "PodScheduled":
            since = _moment(condition.last_transition_time)
            if condition.status == "True":
                return Scheduling(scheduled=since)
            if condition.status == "False" and condition.reason != _GATED:
                reason = unschedulable_reason(condition.message or "")
                return Scheduling(unschedulable=reason, unschedulable_since=since)
    return Scheduling()


def _moment(text: str | None) -> float | None:
    if not text:
        return None
    seconds = read_timestamp(text)
    if seconds is None:
        raise ValueError("expected a timestamp as the condition's last transition")
    return seconds


# -- container statuses


@dataclass(config=WIRE, slots=True, kw_only=True)
class Termination:
    """How a container ended, and when in seconds since 1970."""

    reason: SharedText = None
    exit_code: ExitCode = None
    finished_at: Timestamp = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Waiting:
    reason: SharedText = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class _Running:
    started_at: Timestamp = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class _ContainerState:
    waiting: _Waiting | None = None
    running: _Running | None = None
    terminated: Termination | None = None


@dataclass(config=WIRE, slots=True, kw_only=True)
class _ContainerStatus:
    name: Text = None
    restart_count: Count = None
    state: _ContainerState = field(default_factory=_ContainerState)
    last_state: _ContainerState = field(default_factory=_ContainerState)
    resources: _Requirements | None = None


@dataclasses.dataclass(slots=True, kw_only=True)
class ContainerStatus:
    """The state of the pod's own container: ``crawler`` or ``redis``."""

    restarts: int | None = None
    waiting: str | None = None
    """Why it does not run yet, or not again: ``ImagePullBackOff``, ``CrashLoopBackOff``, …"""
    started_at: float | None = None
    """Since when it has been running, in seconds since 1970; None while it is not."""
    ended_before: Termination | None = None
    """How it ended before it was started again; None where it was not, or no time is known."""
    ended: Termination | None = None
    """How it ended, and is not started again so far; None as above."""
    in_force: PodResources | None = None
    """What all containers have on their node, which a resize in place has not reached yet, or never
    will; None where the kubelet does not say."""


def _container_status(statuses: list[_ContainerStatus]) -> ContainerStatus:
    """Reduce to one. As Browsertrix, take the first where none has a name it gives."""
    if not statuses:
        return ContainerStatus()
    own = next((one for one in statuses if one.name in _MAIN_CONTAINERS), statuses[0])
    state = own.state
    return ContainerStatus(
        restarts=own.restart_count,
        waiting=state.waiting.reason if state.waiting else None,
        started_at=state.running.started_at if state.running else None,
        ended_before=_timed(own.last_state.terminated),
        ended=_timed(state.terminated),
        in_force=_in_force(statuses),
    )


def _in_force(statuses: list[_ContainerStatus]) -> PodResources | None:
    said = [one.resources for one in statuses if one.resources is not None]
    found = _total(said) if len(said) == len(statuses) else None
    return None if found == PodResources() else found


def _init_waiting(statuses: list[_ContainerStatus]) -> str | None:
    reasons = (one.state.waiting.reason for one in statuses if one.state.waiting)
    return next((reason for reason in reasons if reason and reason != _INITIALIZING), None)


def _timed(end: Termination | None) -> Termination | None:
    """An end that the kubelet only infers (``ContainerStatusUnknown``) has no time."""
    return None if end is None or end.finished_at is None else end


# -- the pod

if TYPE_CHECKING:  # what reading makes of them
    _Resources = PodResources
    _Sidecars = PodResources
    _OfPod = PodResources
    _Scheduling = Scheduling
    _Status = ContainerStatus
    _InitWaiting = str
    _Exhausted = str | None
else:
    _Resources = Annotated[
        list[_Container], Field(max_length=_MOST), AfterValidator(_of_containers)
    ]
    _Sidecars = Annotated[list[_Container], Field(max_length=_MOST), AfterValidator(_of_sidecars)]
    _Scheduling = Annotated[list[_Condition], Field(max_length=_MOST), AfterValidator(_scheduling)]
    _Status = Annotated[
        list[_ContainerStatus], Field(max_length=_MOST), AfterValidator(_container_status)
    ]
    _OfPod = Annotated[_Requirements, AfterValidator(_read)]
    _InitWaiting = Annotated[
        list[_ContainerStatus], Field(max_length=_MOST), AfterValidator(_init_waiting)
    ]
    _Exhausted = Annotated[_Message, AfterValidator(exhausted_resource)]


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodSpec:
    """What was asked for, and the node it was given."""

    node_name: SharedText = None
    priority_class_name: SharedText = None
    resources: _Resources | None = Field(default=None, alias="containers")
    sidecars: _Sidecars | None = Field(default=None, alias="initContainers")
    of_pod: _OfPod | None = Field(default=None, alias="resources")
    """What is set for the pod as a whole, which then counts instead of the sum."""


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodStatus:
    """What became of it; timestamps in seconds since 1970."""

    phase: SharedText = None
    reason: SharedText = None
    exhausted: _Exhausted | None = Field(default=None, alias="message")
    """What ran out, where it was evicted: one of ``messages.EXHAUSTED_RESOURCES``."""
    qos_class: SharedText = None
    start_time: Timestamp = None
    """When the kubelet accepted it."""
    scheduling: _Scheduling | None = Field(default=None, alias="conditions")
    container: _Status | None = Field(default=None, alias="containerStatuses")
    init_waiting: _InitWaiting | None = Field(default=None, alias="initContainerStatuses")
    """Why an init container does not run yet, or not again."""

    @property
    def waiting(self) -> str | None:
        """Why its container does not run; where it waits for an init container, why that does."""
        waiting = self.container.waiting if self.container else None
        return (self.init_waiting or waiting) if waiting == _INITIALIZING else waiting


@dataclass(config=WIRE, slots=True, kw_only=True)
class Pod:
    """One pod as last seen on the wire."""

    metadata: PodMetadata
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

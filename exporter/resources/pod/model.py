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


@dataclasses.dataclass(slots=True, kw_only=True)
class PodResources:
    """What all containers together ask for and may use; bytes and cores.

    A limit is one only where each container has it; a request is the sum of those there are.
    """

    memory_request: float | None = None
    memory_limit: float | None = None
    cpu_request: float | None = None
    cpu_limit: float | None = None


def _summed(containers: list[_Container]) -> PodResources:
    requests = [container.resources.requests for container in containers]
    limits = [container.resources.limits for container in containers]
    return PodResources(
        memory_request=_some([amounts.memory for amounts in requests]),
        memory_limit=_all([amounts.memory for amounts in limits]),
        cpu_request=_some([amounts.cpu for amounts in requests]),
        cpu_limit=_all([amounts.cpu for amounts in limits]),
    )


def _some(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return sum(given) if given else None


def _all(values: Sequence[float | None]) -> float | None:
    return None if None in values else _some(values)


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
            if condition.status == "False":
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


@dataclasses.dataclass(slots=True, kw_only=True)
class ContainerStatus:
    """The state of the pod's own container: ``crawler`` or ``redis``."""

    restarts: int | None = None
    waiting: str | None = None
    """Why it does not run yet, or not again: ``ImagePullBackOff``, ``CrashLoopBackOff``, …"""
    started_at: float | None = None
    """Since when it has been running, in seconds since 1970; None while it is not."""
    terminations: tuple[Termination, ...] = ()
    """Those that the pod still shows, the last one at the end: two at most."""


def _container_status(statuses: list[_ContainerStatus]) -> ContainerStatus:
    """Reduce to one. As Browsertrix, take the first where none has a name it gives."""
    if not statuses:
        return ContainerStatus()
    own = next((one for one in statuses if one.name in _MAIN_CONTAINERS), statuses[0])
    state = own.state
    ends = (own.last_state.terminated, state.terminated)
    return ContainerStatus(
        restarts=own.restart_count,
        waiting=state.waiting.reason if state.waiting else None,
        started_at=state.running.started_at if state.running else None,
        terminations=tuple(end for end in ends if end is not None and end.finished_at is not None),
    )


# -- the pod

if TYPE_CHECKING:  # what reading makes of them
    _Resources = PodResources
    _Scheduling = Scheduling
    _Status = ContainerStatus
    _Exhausted = str | None
else:
    _Resources = Annotated[list[_Container], Field(max_length=_MOST), AfterValidator(_summed)]
    _Scheduling = Annotated[list[_Condition], Field(max_length=_MOST), AfterValidator(_scheduling)]
    _Status = Annotated[
        list[_ContainerStatus], Field(max_length=_MOST), AfterValidator(_container_status)
    ]
    _Exhausted = Annotated[_Message, AfterValidator(exhausted_resource)]


@dataclass(config=WIRE, slots=True, kw_only=True)
class PodSpec:
    """What was asked for, and the node it was given."""

    node_name: SharedText = None
    priority_class_name: SharedText = None
    resources: _Resources | None = Field(default=None, alias="containers")


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


@dataclass(config=WIRE, slots=True, kw_only=True)
class Pod:
    """One pod as last seen on the wire."""

    metadata: PodMetadata
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)
    problems: tuple[Problem, ...] = Field(default=(), init=False)
    """What could not be read; filled in by ``resources.parsing``, never from the wire."""

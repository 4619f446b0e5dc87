"""The pods of a crawl: what its CrawlJob says of each, and what Kubernetes does.

The one place that decides whose word counts: of whether a pod exists, and of how it ended, the
pod's own where it is known; of what both say with a time, the later.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Final, Protocol, TypeVar

from exporter.crawls.crawl import Crawl
from exporter.resources.claim import Claim
from exporter.resources.claim.model import ClaimMetadata
from exporter.resources.crawljob import PodInfo
from exporter.resources.crawljob.derived import forced_restart_pending
from exporter.resources.crawljob.pod_info import (
    Role,
    existence,
    pending_resize,
    role_and_index,
)
from exporter.resources.pod import Pod, Termination
from exporter.resources.pod.derived import FINAL_PHASES, exit_reason, exits, is_evicted, resources
from exporter.resources.pod.model import (
    ContainerStatus,
    PodMetadata,
    PodResources,
    PodSpec,
    PodStatus,
    Scheduling,
)
from exporter.resources.podmetrics import PodMetrics
from exporter.resources.podmetrics.model import UNKNOWN_FIGURES, Usage
from exporter.resources.podmetrics.model import Metadata as PodMetricsMetadata

T = TypeVar("T")


class PodPast(Protocol):
    """What was seen of a pod before and nothing says any more; seconds since 1970."""

    evicted_at: float | None
    oom_killed_at: float | None
    crashed_at: float | None
    exit_was_eviction: bool
    backoff_since: float | None
    pending: str
    pending_since: float | None


class _NoPast:
    """Of a pod that nothing was seen of before."""

    evicted_at: float | None = None
    oom_killed_at: float | None = None
    crashed_at: float | None = None
    exit_was_eviction = False
    backoff_since: float | None = None
    pending = ""
    pending_since: float | None = None


NO_PAST: Final[PodPast] = _NoPast()
_NO_ENTRY: Final = PodInfo()
UNKNOWN_VOLUME: Final = Claim(metadata=ClaimMetadata(name="unknown"))
UNKNOWN_USAGE: Final = PodMetrics(metadata=PodMetricsMetadata(name="unknown"))
UNKNOWN_POD: Final = Pod(metadata=PodMetadata(name="unknown"))
"""Of which nothing is known."""
_NO_STATUS: Final = ContainerStatus()
_NO_SCHEDULING: Final = Scheduling()
_SOME_TIME: Final = 1e300
"""When something was measured that does not say when: while its container ran, if one did."""


@dataclass(slots=True)
class CrawlPod:
    """One pod of a crawl; deleted ones stay as long as ``podStatus`` has them."""

    name: str
    role: Role
    index: int | None
    """The n of ``crawl-<id>-<n>``; None for redis."""
    exists: bool
    """False of one that was deleted since."""
    info: PodInfo
    """What the CrawlJob says of it."""
    live: Pod
    """What Kubernetes says of it."""
    usage: PodMetrics
    """What was measured of it last."""
    volume: Claim
    """What it writes to."""
    stated_at: float
    """When its CrawlJob's figures are of, in seconds since 1970."""
    forced: bool = False
    """Whether a restart of the crawl's crawler pods was asked for and is still to come."""
    past: PodPast = NO_PAST
    _used: Usage | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def spec(self) -> PodSpec:
        """What was asked for, and where it runs."""
        return self.live.spec

    @property
    def status(self) -> PodStatus:
        """What became of it."""
        return self.live.status

    @property
    def container(self) -> ContainerStatus:
        """The state of its own container."""
        return self.live.status.container or _NO_STATUS

    @property
    def scheduling(self) -> Scheduling:
        """Whether a node was found."""
        return self.live.status.scheduling or _NO_SCHEDULING

    @property
    def resources(self) -> PodResources:
        """Its requests and limits."""
        return resources(self.live)

    @property
    def unschedulable_since(self) -> float | None:
        """Since when no node is found for it; since its creation where nobody noted it."""
        scheduling = self.scheduling
        if scheduling.unschedulable is None or scheduling.unschedulable_since is not None:
            return scheduling.unschedulable_since
        return self.live.metadata.creation_timestamp

    @property
    def is_at_work(self) -> bool:
        """Whether it can use anything: a pod that is over may be there for hours."""
        return self.exists and self.status.phase not in FINAL_PHASES

    @property
    def exit(self) -> Termination | None:
        """Its last exit that the pod itself shows, if that is the last one known."""
        *_, last = None, *exits(self.live)
        if last is not None and (last.finished_at or 0.0) >= (self.info.exit_time or 0.0):
            return last
        return None

    @property
    def exit_reason(self) -> str | None:
        """Why it exited last. An eviction shows as out of memory: who saw it knows better."""
        if self.past.exit_was_eviction:
            return "evicted"
        return self.info.reason if (last := self.exit) is None else exit_reason(self.live, last)

    @property
    def exit_code(self) -> int | None:
        """Of its last exit."""
        return self.info.exit_code if (last := self.exit) is None else last.exit_code

    @property
    def exit_time(self) -> float | None:
        """When it last exited, in seconds since 1970."""
        return self.info.exit_time if (last := self.exit) is None else last.finished_at

    @property
    def evicted(self) -> bool | None:
        """From its eviction until its replacement is seen."""
        return True if is_evicted(self.live) else self.info.evicted

    @property
    def evicted_for(self) -> str | None:
        """What ran out, while the evicted pod is there: memory, storage, inodes, pids or other."""
        return (self.status.exhausted or "other") if is_evicted(self.live) else None

    @property
    def used_memory(self) -> float | None:
        """Bytes. A crawler's 0 means that Browsertrix did not measure (auto-resize is off)."""
        return (self._used or self._find_used()).memory

    @property
    def used_cpu(self) -> float | None:
        """Cores. 0 means that Browsertrix did not measure."""
        return (self._used or self._find_used()).cpu

    def _find_used(self) -> Usage:
        """Find it once: four families read it, of forty thousand pods in each round of usage."""
        self._used = used = self._fresher()
        return used

    def _fresher(self) -> Usage:
        """The figures measured, or those of the status, which have no time of their own."""
        if not self.is_at_work:
            return UNKNOWN_FIGURES
        stated, measured, at = self.info.used, self.usage.usage, self.usage.timestamp
        if measured is None or (_SOME_TIME if at is None else at) < self._used_since:
            return Usage(stated.cpu or None, stated.memory or None)
        cpu, memory = measured
        if (at or 0.0) < self.stated_at:
            return Usage(stated.cpu or cpu, stated.memory or memory)
        if cpu is None or memory is None:
            cpu = stated.cpu or None if cpu is None else cpu
            memory = stated.memory or None if memory is None else memory
            return Usage(cpu, memory)
        return measured

    @property
    def _used_since(self) -> float:
        """What was measured before is of a container that ended, maybe of a pod of the same name.

        Seconds since 1970, by the node's clock, as both times are.
        """
        status = self.live.status
        container = status.container
        if container is not None:
            if container.started_at is not None:
                return container.started_at
            last = container.ended or container.ended_before
            if last is not None and last.finished_at is not None:
                return last.finished_at
        return inf if status.phase == "Pending" else 0.0

    @property
    def usable_memory(self) -> float | None:
        """Bytes: what Browsertrix gave it, else its limit."""
        return self.info.allocated.memory or self.resources.memory_limit

    @property
    def usable_cpu(self) -> float | None:
        """Cores: what Browsertrix gave it, which is a request, else its own request."""
        return self.info.allocated.cpu or self.resources.cpu_request

    @property
    def used_storage(self) -> float | None:
        """Bytes: of a crawler, archive data not yet uploaded; of redis, its files."""
        return self.info.used.storage if self.exists else None

    @property
    def restart_reason(self) -> str | None:
        """Why Browsertrix will restart the pod (``PodInfo.should_restart_pod``, same order)."""
        if not self.exists:
            return None
        if resize := pending_resize(self.info):
            return resize[0]
        if self.info.evicted:
            return "evicted"
        return "forced" if self.forced else None


def pods_of(
    crawl: Crawl,
    past: Mapping[str, PodPast] | None = None,
    names: Iterable[str] | None = None,
) -> Iterator[CrawlPod]:
    """The pods that the CrawlJob has an entry of, deleted ones included, then any others.

    ``past`` is by name. Where nobody vouches for the pods, the CrawlJob tells which exist. With
    ``names``, which are some of ``pod_names``, only these.
    """
    job, live = crawl.job, crawl.pods
    usage, volumes = crawl.usage or {}, crawl.volumes or {}
    stated_at = job.status.last_updated_time or 0.0
    entries = job.status.pod_status
    exists = existence(job)
    forced = forced_restart_pending(job)
    for name in pod_names(crawl) if names is None else names:
        role, index = role_and_index(name)
        pod = UNKNOWN_POD if live is None else live.get(name, UNKNOWN_POD)
        yield CrawlPod(
            name,
            role,
            index,
            exists(role, index) if live is None else name in live,
            entries.get(name, _NO_ENTRY),
            pod,
            usage.get(name, UNKNOWN_USAGE),
            volumes.get(name, UNKNOWN_VOLUME),
            stated_at,
            forced and role == "crawler",
            past.get(name, NO_PAST) if past else NO_PAST,
        )


def pod_names(crawl: Crawl) -> list[str]:
    """The names of ``pods_of``, in its order."""
    entries = crawl.job.status.pod_status
    others = {*(crawl.pods or ()), *(crawl.volumes or ())}.difference(entries)
    return [*entries, *sorted(others)]


def is_unchanged(name: str, before: Crawl, after: Crawl) -> bool:
    """Whether all sources but the CrawlJob say the same of a pod as before."""
    return _is_same(name, before.usage, after.usage) and is_same_object(name, before, after)


def is_same_object(name: str, before: Crawl, after: Crawl) -> bool:
    """Whether a pod and its volume are as before, whatever was measured of it."""
    return _is_same(name, before.pods, after.pods) and _is_same(name, before.volumes, after.volumes)


def _is_same(name: str, one: Mapping[str, T] | None, other: Mapping[str, T] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one is other or one.get(name) is other.get(name)

"""What follows for the pods of a CrawlJob: which exist, what each is, why it will be restarted.

Browsertrix never prunes ``podStatus``, and says of no entry whether its pod still exists; that
follows from the crawl. Rules of Browsertrix again, without I/O and without a clock.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from exporter.resources.crawljob.derived import (
    forced_restart_pending,
    has_ended,
    is_paused_state,
    state,
)
from exporter.resources.crawljob.model import CrawlJob, PodInfo

Role = Literal["crawler", "redis", "other"]


class PodPast(Protocol):
    """What earlier statuses said of a pod and the present one does not; seconds since 1970."""

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


@dataclass(slots=True)
class Pod:
    """One entry of ``podStatus`` with what its name and its crawl say about it."""

    name: str
    role: Role
    index: int | None
    """The n of ``crawl-<id>-<n>``; None for redis."""
    exists: bool
    """False where the entry is of a pod that was deleted since."""
    info: PodInfo
    forced: bool = False
    """Whether a restart of the crawl's crawler pods was asked for and is still to come."""
    past: PodPast = NO_PAST

    @property
    def exit_reason(self) -> str | None:
        """Why it exited last. An eviction shows as out of memory: who saw it knows better."""
        return "evicted" if self.past.exit_was_eviction else self.info.reason

    @property
    def used_memory(self) -> float | None:
        """Bytes. A crawler's 0 means that nobody measured (auto-resize is off)."""
        return (self.info.used.memory or None) if self.exists else None

    @property
    def used_cpu(self) -> float | None:
        """Cores. 0 means that nobody measured."""
        return (self.info.used.cpu or None) if self.exists else None

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


def pending_resize(info: PodInfo) -> tuple[Literal["newMemory", "newCpu"], float] | None:
    """What of the pod is to be resized by its next restart, and to what: bytes, or cores."""
    if info.new_memory and info.new_memory != info.allocated.memory:
        return "newMemory", info.new_memory
    if info.new_cpu and info.new_cpu != info.allocated.cpu:
        return "newCpu", info.new_cpu
    return None


def pods_of(job: CrawlJob, past: Mapping[str, PodPast] | None = None) -> Iterator[Pod]:
    """The pods that ``podStatus`` has an entry of, deleted ones included; ``past`` by name.

    Crawler pods are numbered from 0 and ``status.scale`` counts those that exist (since 1.17);
    redis is kept exactly while ``initRedis`` is set (``_load_redis``).
    """
    status = job.status
    ended = has_ended(job)
    paused = is_paused_state(state(job))
    forced = forced_restart_pending(job)
    for name, info in status.pod_status.items():
        role, index = _role(name)
        if ended:
            exists = False
        elif role == "redis":
            exists = status.init_redis is not False
        elif index is not None and status.scale is not None:
            exists = index < status.scale
        else:
            exists = not paused
        before = past.get(name, NO_PAST) if past else NO_PAST
        yield Pod(name, role, index, exists, info, forced and role == "crawler", before)


def _role(name: str) -> tuple[Role, int | None]:
    if name.startswith("redis-"):
        return "redis", None
    digits = name.rpartition("-")[2]
    # isdecimal() also takes digits of other scripts, and a hostile name a thousand of them.
    if name.startswith("crawl-") and digits.isascii() and digits.isdecimal() and len(digits) < 6:
        return "crawler", int(digits)
    return "other", None

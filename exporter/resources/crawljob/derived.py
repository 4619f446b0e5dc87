"""What follows from a CrawlJob: rules of Browsertrix, without I/O and without a clock.

Each rule names where it comes from; moments are seconds since 1970.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from exporter.resources.crawljob.model import CrawlJob, PodInfo
from exporter.resources.crawljob.states import (
    ENDED,
    KNOWN_EXIT_REASONS,
    KNOWN_STATES,
    KNOWN_STOP_REASONS,
    PAUSED,
    UNKNOWN_STATE,
)
from exporter.resources.fields import read_timestamp
from exporter.settings.defaults import DEFAULT_PAUSE_LIMIT

Transition = Literal["pausing", "resuming", "stopping", "canceling"]
TRANSITIONS: Final[tuple[Transition, ...]] = ("pausing", "resuming", "stopping", "canceling")

Role = Literal["crawler", "redis", "other"]


def is_qa(job: CrawlJob) -> bool:
    """Whether this is a QA run over an archived crawl rather than a crawl."""
    return bool(job.spec.qa_source_crawl_id) or job.metadata.labels.role == "qa-job"


def state(job: CrawlJob) -> str:
    """The state's word, known or not; ``unknown`` where it could not be read."""
    return job.status.state or UNKNOWN_STATE


def is_paused_state(word: str) -> bool:
    """Whether the word means paused; words of newer releases begin with ``paused`` too."""
    return word in PAUSED or word.startswith("paused_")


def has_ended(job: CrawlJob) -> bool:
    """Whether the crawl is over, whatever its pods still do."""
    return job.status.finished is not None or state(job) in ENDED


def transition(job: CrawlJob) -> Transition | None:
    """What the crawl is on its way to. None of these is a state of Browsertrix.

    ``status.stopping`` is also true while pausing and paused; the stop reason then says so.
    """
    if has_ended(job):
        return None
    if job.metadata.deletion_timestamp is not None:
        return "canceling"
    pausing = is_paused_state(job.status.stop_reason or "")
    if job.spec.stopping or (job.status.stopping and not pausing):
        return "stopping"
    paused = is_paused_state(state(job))
    if job.spec.paused_at is not None:
        return None if paused else "pausing"
    return "resuming" if paused else None


def paused_since(job: CrawlJob) -> float | None:
    """When the current pause was asked for; None when not paused or over.

    Browsertrix counts the pause limit from here, whatever the state (``sync_crawls``).
    """
    return None if has_ended(job) else job.spec.paused_at


def spec_changed_at(job: CrawlJob) -> float | None:
    """When somebody last wrote anything but the status; None where the object does not say.

    The API server notes the time, in whole seconds, of each writer's last change (Kubernetes:
    "Server-Side Apply", ``managedFields``), so all who see this version know the same moment.
    """
    entries = job.metadata.managed_fields or ()
    moments = (read_timestamp(entry.time) for entry in entries if not entry.subresource)
    return max((moment for moment in moments if moment is not None), default=None)


def pause_expires(job: CrawlJob, pause_limit: float = DEFAULT_PAUSE_LIMIT) -> float | None:
    """When Browsertrix throws the paused crawl away; ``pause_limit`` in seconds."""
    since = paused_since(job)
    return None if since is None else since + pause_limit


def limit(value: float | None) -> float | None:
    """A limit as set; 0 and absent both mean that there is none."""
    return value or None


@dataclass(slots=True)
class Pod:
    """One entry of ``podStatus`` with what its name and its crawl say about it."""

    name: str
    role: Role
    index: int | None
    """The n of ``crawl-<id>-<n>``; None for redis."""
    exists: bool
    """Browsertrix never prunes ``podStatus``: an entry may be of a pod long gone."""
    info: PodInfo
    forced: bool = False
    """Whether a restart of the crawl's crawler pods was asked for and is still to come."""

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
        info = self.info
        if info.new_memory and info.new_memory != info.allocated.memory:
            return "newMemory"
        if info.new_cpu and info.new_cpu != info.allocated.cpu:
            return "newCpu"
        if info.evicted:
            return "evicted"
        return "forced" if self.forced else None


def pods(job: CrawlJob) -> Iterator[Pod]:
    """The pods the status tells of, gone ones included.

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
        yield Pod(name, role, index, exists, info, forced and role == "crawler")


def _role(name: str) -> tuple[Role, int | None]:
    if name.startswith("redis-"):
        return "redis", None
    digits = name.rpartition("-")[2]
    # isdecimal() also takes digits of other scripts, and a hostile name a thousand of them.
    if name.startswith("crawl-") and digits.isascii() and digits.isdecimal() and len(digits) < 6:
        return "crawler", int(digits)
    return "other", None


def forced_restart_pending(job: CrawlJob) -> bool:
    """Whether a restart was asked for that Browsertrix has not yet carried out."""
    wanted = job.spec.restart_time
    return wanted is not None and wanted != job.status.restart_time and not has_ended(job)


def ratio(used: float | None, allocated: float | None) -> float | None:
    """Used over allocated; None where either is unknown or nothing was allocated."""
    return used / allocated if used is not None and allocated else None


def unknown_words(job: CrawlJob) -> Iterator[tuple[str, str]]:
    """Words no known Browsertrix writes, as (field, word): served all the same, but counted."""
    word = job.status.state
    if word and word not in _KNOWN_STATES:
        yield "status.state", word
    reason = job.status.stop_reason
    if reason and reason not in KNOWN_STOP_REASONS:
        yield "status.stopReason", reason
    for info in job.status.pod_status.values():
        if info.reason and info.reason.partition(":")[0] not in KNOWN_EXIT_REASONS:
            yield "status.podStatus.*.reason", info.reason


_KNOWN_STATES: Final = frozenset(KNOWN_STATES)

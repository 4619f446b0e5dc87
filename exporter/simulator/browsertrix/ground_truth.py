"""What happened, as a perfect recorder of the watch events would count it.

Counted by the code that lets it happen, not by watching, so that tests can compare a recorder.
What reached a status counts, and apart from that (``pods_only``) what pods alone have shown, so
that a recorder of CrawlJobs and one of pods as well can both be compared. Containers that end while
their pod is deleted count as nothing. A pod exits once per ``exitTime``, whole seconds, however
often that is seen.
"""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one crawl."""

    namespace: str
    oid: str
    crawl: str
    state: str
    stop_reason: str
    """Empty where it ended by itself. What was decided, even if a stale write has removed it."""
    finished: int
    """Seconds since 1970."""


@dataclass(slots=True)
class PodsOnly:
    """What no status has ever told: only pods did. Counts by (namespace, role, …)."""

    exits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(namespace, role, reason), the reasons as of all exits."""
    oom_kills: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Evicted pods not among them."""
    evictions: Counter[tuple[str, str]] = field(default_factory=Counter)

    def exited(self, namespace: str, role: str, reason: str) -> None:
        """A container has ended."""
        self.exits[namespace, role, reason] += 1
        if reason == "oom":
            self.oom_kills[namespace, role] += 1
        if reason == "evicted":
            self.evictions[namespace, role] += 1


@dataclass(slots=True)
class GroundTruth:
    """Counts by namespace (and what follows it in a tuple)."""

    finished: dict[str, Ended] = field(default_factory=dict)
    """By uid."""
    vanished: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Deleted without ever finishing: (namespace, oid, crawl) by uid."""
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(namespace, state), each time it was entered; without a status it is ``starting``."""
    evictions: Counter[str] = field(default_factory=Counter)
    exits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(namespace, role, reason): done, oom, interrupt, evicted."""
    oom_kills: Counter[str] = field(default_factory=Counter)
    """Evicted pods not among them, though their status says ``oom`` as well."""
    restarts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(namespace, reason): newMemory, evicted."""
    pauses: Counter[str] = field(default_factory=Counter)
    """``spec.pausedAt`` set."""
    resumes: Counter[str] = field(default_factory=Counter)
    """``spec.pausedAt`` cleared."""
    paused_seconds: Counter[str] = field(default_factory=Counter)
    """By uid: whole seconds from ``pausedAt`` until cleared or finished, over all its pauses."""
    pods_only: PodsOnly = field(default_factory=PodsOnly)
    """To be added to exits, oom_kills and evictions by who sees pods."""
    _exits_seen: set[tuple[str, str, str]] = field(default_factory=set)

    def exited(self, namespace: str, uid: str, pod: str, exit_time: str, reason: str) -> None:
        """A crawler pod's exit reached a status."""
        if (uid, pod, exit_time) in self._exits_seen:
            return
        self._exits_seen.add((uid, pod, exit_time))
        self.exits[namespace, "crawler", reason] += 1
        if reason == "oom":
            self.oom_kills[namespace] += 1

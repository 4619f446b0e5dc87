"""What happened to a crawl's pods: exits, evictions and restarts, each emitted once.

Browsertrix never prunes ``podStatus``, and a status that steps back shows older exits again, so
every exit is known by its identity and every level (evicted) by its rise.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from exporter.crawls import Crawl, CrawlPod, pods_of
from exporter.history.baseline import REMEMBERED, Baseline, PodBaseline
from exporter.history.events import (
    CrawlEvent,
    OomKilled,
    PodEvicted,
    PodExited,
    RestartDue,
)
from exporter.resources.crawljob import PodInfo, derived
from exporter.resources.crawljob.pod_info import pending_resize
from exporter.resources.pod.derived import OOM_EXIT_CODE

NO_CRASHES: Final = frozenset({None, 0, 11, 13, 14, 15, 18})
"""Exit codes that are no crashes: ends and restarts on request, the size and the time limit, and
rate limited (Browsertrix lets Kubernetes' growing delay slow such a crawl down). Any other is one,
also those of newer releases. Source: browsertrix-crawler's exit codes, ``log_crashes``."""
ExitCause: TypeAlias = Literal["itself", "eviction", "node"]
"""What made a container exit: what it did itself (want of memory is that, too), or its node."""
_SOURCE_DELAY: Final = 600.0
"""Seconds within which status and pod tell of one eviction, whichever is the later."""


def compare_pods(
    baseline: Baseline, crawl: Crawl, now: float, events: list[CrawlEvent], *, first_seen: bool
) -> bool:
    """Bring the baselines of the pods up to this crawl, and append what happened to ``events``.

    False where none of them can have changed. Of a crawl ``first_seen`` now, nobody knows when an
    eviction was, nor whether an exit for want of memory was an eviction's which is over: these have
    no time.
    """
    job, pods = crawl.job, baseline.pods
    forced = derived.forced_restart_pending(job)
    for name, info in job.status.pod_status.items():
        if _has_news(pods.get(name), info, forced=forced):
            break
    else:
        return False
    for pod in pods_of(Crawl(job)):  # what the status says, and not what was seen since
        info = pod.info
        known = pods.get(pod.name) or PodBaseline()
        if info.evicted is not None:
            _compare_eviction(known, pod, now, events, first_seen=first_seen)
        if info.exit_time is not None or info.reason or info.exit_code is not None:
            _compare_exit(baseline, known, pod, now, events, first_seen=first_seen)
        if not derived.has_ended(job):
            _compare_restart(known, pod, now, events)
        _note_waiting(known, pod, now, job.spec.restart_time)
        if known.is_worth_keeping:
            pods[pod.name] = known
        else:
            pods.pop(pod.name, None)
    return True


def _has_news(known: PodBaseline | None, info: PodInfo, *, forced: bool) -> bool:
    """A cheap test before the comparison: in most changes of a crawl, no pod has an event."""
    if info.evicted or info.backoff_wait:
        return True
    resize = pending_resize(info)
    if known is None:
        return (
            resize is not None
            or forced
            or info.exit_time is not None
            or bool(info.reason)
            or info.exit_code is not None
        )
    return (
        known.evicted
        or known.backoff_since is not None
        or bool(known.pending) != (forced or resize is not None)
        or info.exit_time is None
        or info.exit_time not in known.exits
        or (resize is not None and _restart_identity(*resize) not in known.restarts)
    )


def _compare_eviction(
    known: PodBaseline, pod: CrawlPod, now: float, events: list[CrawlEvent], *, first_seen: bool
) -> None:
    """Count false to true. One false may be an older status, so only the second ends the level.

    An eviction that the pod itself has shown is counted already, and until a status agrees, those
    that say otherwise are older.
    """
    if pod.info.evicted:
        known.recovering = False
        if known.evicted and known.unstated_since is None:
            return
        if not known.evicted and not is_of_the_same_eviction(known.unstated_since, now):
            known.evicted_at = None if first_seen else now
            known.evicted_uid = ""
            events.append(PodEvicted(now, pod.name, pod.role))
        known.evicted, known.unstated_since = True, None
        if pod.restart_reason == "evicted":
            events.append(RestartDue(now, pod.name, "evicted"))
    elif known.evicted and known.unstated_since is None:
        known.evicted = not known.recovering
        known.recovering = known.evicted


def is_of_the_same_eviction(told_at: float | None, now: float) -> bool:
    """Whether what one source tells now is what the other told of then."""
    return told_at is not None and abs(now - told_at) < _SOURCE_DELAY


def _compare_exit(  # noqa: PLR0913 - one comparison, split off for its length alone
    baseline: Baseline,
    known: PodBaseline,
    pod: CrawlPod,
    now: float,
    events: list[CrawlEvent],
    *,
    first_seen: bool,
) -> None:
    """An exit is identified by (pod, exit time), and emitted once.

    The status of a redis pod has no exit time: its exit is (pod, reason, code). So is a crawler's
    whose time could not be read, and it is no other exit when the time is read after all.
    """
    info = pod.info
    untimed = untimed_identity(info.reason, info.exit_code)
    if info.exit_time is None:
        if known.exits and (untimed in known.exits or not isinstance(known.exits[-1], str)):
            return
        known.remember_exit(untimed)
    elif _is_forgotten(known, info.exit_time) or not is_new_exit(known, info.exit_time, untimed):
        return
    exited = PodExited(
        now if info.exit_time is None else info.exit_time,
        pod.name,
        pod.role,
        info.reason or "",
        info.exit_code,
    )
    timed = info.exit_time is not None
    if timed:
        baseline.last_seen_alive = max(baseline.last_seen_alive, exited.at)
    cause: ExitCause = "eviction" if known.evicted and _is_kill(exited) else "itself"
    note_exit(known, exited, events, timed=timed, cause=cause)
    if first_seen:
        known.oom_killed_at = None


def is_new_exit(known: PodBaseline, at: float, untimed: str) -> bool:
    """Remember an exit by its time; False where it was emitted, perhaps without one."""
    if at in known.exits:
        return False
    emitted = untimed in known.exits
    if emitted:
        known.exits.remove(untimed)
    known.remember_exit(at)
    return not emitted


def _is_forgotten(known: PodBaseline, at: float) -> bool:
    """Whether an exit is from before all that are remembered, so that it was emitted.

    A status that nobody writes for a while goes on telling of one, while the pod shows others.
    """
    times = [one for one in known.exits if not isinstance(one, str)]
    return len(known.exits) == REMEMBERED and at < min(times, default=at)


def untimed_identity(reason: str | None, code: int | None) -> str:
    """What identifies an exit whose time is not known."""
    return f"{reason or ''}/{'' if code is None else code}"


def note_exit(
    known: PodBaseline,
    exited: PodExited,
    events: list[CrawlEvent],
    *,
    timed: bool,
    cause: ExitCause,
) -> None:
    """Emit an exit, and an OOM kill where it was one; ``timed``: its time is the exit's own."""
    at, killed = exited.at, _is_kill(exited)
    known.exit_was_eviction = killed and cause == "eviction"
    if known.exit_was_eviction:
        exited = replace(exited, reason="evicted")
    elif timed and cause == "itself" and exited.code not in NO_CRASHES:
        known.crashed_at = max(at, known.crashed_at or 0.0)
    events.append(exited)
    if exited.reason == "oom" or (killed and cause == "itself"):
        known.oom_killed_at = max(at, known.oom_killed_at or 0.0)
        events.append(OomKilled(at, exited.pod, exited.role))


def _is_kill(exited: PodExited) -> bool:
    return exited.reason == "oom" or exited.code == OOM_EXIT_CODE


def _compare_restart(
    known: PodBaseline, pod: CrawlPod, now: float, events: list[CrawlEvent]
) -> None:
    """One for each new target; other reasons are emitted with the eviction and the request."""
    resize = pending_resize(pod.info) if pod.exists else None
    if resize is None:
        return
    identity = _restart_identity(*resize)
    if identity not in known.restarts:
        known.remember_restart(identity)
        events.append(RestartDue(now, pod.name, resize[0]))


def _note_waiting(
    known: PodBaseline, pod: CrawlPod, now: float, restart_time: float | None
) -> None:
    """Since when it waits to be restarted, after a crash or for a reason of Browsertrix's."""
    if not (pod.exists and pod.info.backoff_wait):
        known.backoff_since = None
    elif known.backoff_since is None:
        known.backoff_since = now
    reason = pod.restart_reason or ""
    if reason != known.pending:
        known.pending = reason
        asked = {"forced": restart_time, "evicted": known.evicted_at}.get(reason)
        known.pending_since = min(asked or now, now) if reason else None


@lru_cache(maxsize=1024)
def _restart_identity(reason: str, target: float) -> str:
    """Remembered: pods have one of a few sizes, and each text is held by many baselines."""
    return f"{reason} {target}"

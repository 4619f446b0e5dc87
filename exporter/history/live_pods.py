"""What happened to a crawl's pods as they show it themselves, each emitted once.

A status tells of an exit or an eviction ten seconds later, and not of all: of a container that was
killed and restarted between two syncs it says nothing. Both may tell first. So an exit is its time,
which Browsertrix copies from the pod; and an eviction is its pod's uid, or that of the next status
that tells of one (``pods``).
"""

from exporter.crawls import Crawl
from exporter.history.baseline import Baseline, PodBaseline
from exporter.history.events import CrawlEvent, PodEvicted, PodExited
from exporter.history.pods import (
    ExitCause,
    is_new_exit,
    is_of_the_same_eviction,
    note_exit,
    untimed_identity,
)
from exporter.resources.crawljob.pod_info import Role, role_and_index
from exporter.resources.identity import identity
from exporter.resources.pod import Pod, Termination
from exporter.resources.pod.derived import (
    exit_reason,
    exits,
    is_evicted,
    stated_exit_reason,
    was_stopped,
)


def compare_live_pods(
    baseline: Baseline, crawl: Crawl, now: float, events: list[CrawlEvent]
) -> bool:
    """Bring the baselines of the pods up to these, and append what happened to ``events``.

    False where nothing has changed.
    """
    changed = False
    for name, pod in (crawl.pods or {}).items():
        known = baseline.pods.get(name)
        if not _has_news(known, pod):
            continue
        changed = True
        if known is None:
            known = baseline.pods[name] = PodBaseline()
        role, _ = role_and_index(name)
        _compare_eviction(known, pod, role, now, events)
        for termination in exits(pod):
            at, code = termination.finished_at or now, termination.exit_code
            if is_new_exit(known, at, untimed_identity(stated_exit_reason(termination), code)):
                exited = PodExited(at, name, role, exit_reason(pod, termination), code)
                note_exit(known, exited, events, timed=True, cause=_cause(pod, termination))
                baseline.last_seen_alive = max(baseline.last_seen_alive, at)
    return changed


def _is_stated(known: PodBaseline, now: float) -> bool:
    """Whether a status has told of the eviction that a pod shows now.

    The watch of pods may be behind, so that a status has told of the next pod, too.
    """
    if known.evicted_uid:
        return False
    return known.evicted or is_of_the_same_eviction(known.evicted_at, now)


def _cause(pod: Pod, termination: Termination) -> ExitCause:
    if not was_stopped(pod, termination):
        return "itself"
    return "eviction" if is_evicted(pod) else "node"


def _has_news(known: PodBaseline | None, pod: Pod) -> bool:
    evicted = is_evicted(pod)
    if known is None:
        return evicted or any(exits(pod))
    if known.evicted_uid != identity(pod) and (
        evicted or (known.evicted and known.unstated_since is not None)
    ):
        return True
    return any(termination.finished_at not in known.exits for termination in exits(pod))


def _compare_eviction(
    known: PodBaseline, pod: Pod, role: Role, now: float, events: list[CrawlEvent]
) -> None:
    uid = identity(pod)
    if not is_evicted(pod):
        if known.evicted and known.unstated_since is not None and known.evicted_uid != uid:
            known.evicted = False  # it was replaced before any status told of it
    elif known.evicted_uid != uid:
        if not _is_stated(known, now):
            ended = pod.status.container.ended if pod.status.container else None
            known.evicted_at = at = min(now, now if ended is None else ended.finished_at or now)
            known.evicted, known.recovering, known.unstated_since = True, False, now
            resource = pod.status.exhausted or "other"
            events.append(PodEvicted(at, pod.metadata.name, role, resource))
        known.evicted_uid = uid

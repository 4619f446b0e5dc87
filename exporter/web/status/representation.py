"""The JSON representation of one crawl, one finished crawl, one event; the page shows the same.

The fields are documented in docs/status-page.md, and are only what the metrics show, too: no user,
no e-mail address. Bytes, cores and seconds are numbers, timestamps are in UTC to the second; None
is *unknown* or *there is none*, never zero.
"""

from datetime import UTC, datetime
from typing import Any, Final

from exporter.alerting.names import crawl_page
from exporter.browsertrix import PolledSource
from exporter.crawls import Crawl, CrawlPod, pods_of
from exporter.crawls.pods import UNKNOWN_VOLUME
from exporter.history.names import Names
from exporter.history.records import FinishedCrawl, LoggedEvent
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.crawljob.states import EXIT_CODES
from exporter.resources.identity import crawl_id, identity, org_id

MAX_PODS: Final = 100
"""Per crawl, which has a dozen as a rule; a status may hold ten times that many."""
_STARTING: Final = "ContainerCreating"
"""What every container waits for at first."""


def timestamp(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a date and time; None also for those beyond the year 9999."""
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):
        return None


def crawl(one: Crawl, now: float, pause_limit: float, paused_before: float) -> dict[str, Any]:
    """A crawl as last seen; ``paused_before`` is in seconds, of the pauses that are over."""
    job = one.job
    spec, status = job.spec, job.status
    size_limit, time_limit = derived.limit(spec.max_crawl_size), derived.limit(spec.timeout)
    pods = sorted(pods_of(one), key=_by_role)
    return {
        "uid": identity(job),
        "namespace": job.metadata.namespace,
        "org": org_id(job),
        "crawl": crawl_id(job),
        "workflow": spec.cid,
        "role": "qa-job" if derived.is_qa(job) else "job",
        "state": derived.state(job),
        "transition": derived.transition(job),
        "stop_reason": status.stop_reason or None,
        "created": timestamp(job.metadata.creation_timestamp),
        "finished": timestamp(status.finished),
        "pages": {
            "done": status.pages_done,
            "found": status.pages_found,
            "ratio": _ratio(status.pages_done, status.pages_found),
        },
        "size": {
            "bytes": status.size,
            "limit_bytes": size_limit,
            "ratio": _ratio(status.size, size_limit),
        },
        "time": {
            "elapsed_seconds": status.elapsed_crawl_time,
            "limit_seconds": time_limit,
            "ratio": _ratio(status.elapsed_crawl_time, time_limit),
            "exec_seconds": status.crawl_exec_time,
        },
        "pause": _pause(job, now, pause_limit),
        "paused_before_seconds": paused_before,
        "pods": [_pod(pod) for pod in pods[:MAX_PODS]],
        "pod_count": len(pods),
        "unreadable_fields": [problem.field for problem in job.problems],
    }


def limit_ratio(job: CrawlJob, now: float, pause_limit: float) -> float:
    """The highest used part of its limits of size, time and pause; 0 where it has no limit."""
    spec, status = job.spec, job.status
    since = derived.paused_since(job)
    return max(
        _ratio(status.size, derived.limit(spec.max_crawl_size)) or 0.0,
        _ratio(status.elapsed_crawl_time, derived.limit(spec.timeout)) or 0.0,
        0.0 if since is None else (now - since) / pause_limit,
    )


def _pause(job: CrawlJob, now: float, pause_limit: float) -> dict[str, Any] | None:
    since = derived.paused_since(job)
    if since is None:
        return None
    return {
        "since": timestamp(since),
        "expires": timestamp(since + pause_limit),
        "limit_seconds": pause_limit,
        "remaining_seconds": max(0.0, round(since + pause_limit - now)),
        "ratio": _ratio(max(0.0, now - since), pause_limit),
    }


def has_trouble(one: Crawl) -> bool:
    """Whether a pod of the crawl is in trouble, or was killed for want of memory last."""
    return any(map(_is_in_trouble, pods_of(one)))


def _is_in_trouble(pod: CrawlPod) -> bool:
    return bool(
        (pod.exists and (pod.evicted or pod.info.backoff_wait))
        or pod.scheduling.unschedulable
        or (pod.status.waiting or _STARTING) != _STARTING
        or pod.restart_reason
        or pod.exit_reason == "oom"
        or pod.volume.status.phase == "Lost"
    )


def _pod(pod: CrawlPod) -> dict[str, Any]:
    """A pod; of a deleted one only how it exited, and its volume while that is kept."""
    info, resources = pod.info, pod.resources
    allocated = info.allocated
    return {
        "name": pod.name,
        "role": pod.role,
        "exists": pod.exists,
        "trouble": _is_in_trouble(pod),
        "phase": pod.status.phase,
        "node": pod.spec.node_name,
        "unschedulable": pod.scheduling.unschedulable,
        "waiting": pod.status.waiting,
        "restarts": pod.container.restarts,
        "memory": {
            "used_bytes": pod.used_memory,
            "allocated_bytes": allocated.memory if pod.exists else None,
            "request_bytes": resources.memory_request,
            "limit_bytes": resources.memory_limit,
            "ratio": _ratio(pod.used_memory, pod.usable_memory),
        },
        "cpu": {
            "used_cores": pod.used_cpu,
            "allocated_cores": allocated.cpu if pod.exists else None,
            "request_cores": resources.cpu_request,
            "ratio": _ratio(pod.used_cpu, pod.usable_cpu),
        },
        "storage": {
            "used_bytes": pod.used_storage,
            "allocated_bytes": allocated.storage if pod.exists else None,
            "ratio": _ratio(pod.used_storage, allocated.storage),
        },
        "volume": _volume(pod),
        "restart_reason": pod.restart_reason,
        "evicted": bool(pod.evicted) if pod.exists else False,
        "evicted_for": pod.evicted_for,
        "backoff": bool(info.backoff_wait) if pod.exists else False,
        "exit": _exit(pod),
    }


def _volume(pod: CrawlPod) -> dict[str, Any] | None:
    """The claim of its name; None where there is none, or nobody vouches for claims."""
    claim = pod.volume
    if claim is UNKNOWN_VOLUME:
        return None
    return {
        "phase": claim.status.phase,
        "requested_bytes": claim.spec.resources.requests.storage,
        "capacity_bytes": claim.status.capacity.storage,
        "storage_class": claim.spec.storage_class_name,
        "resize_pending": claim.resize_pending,
    }


def _exit(pod: CrawlPod) -> dict[str, Any] | None:
    """Its last exit; None where there is no sign of one."""
    at, code, reason = pod.exit_time, pod.exit_code, pod.exit_reason
    if at is None and code is None and not reason:
        return None
    return {
        "at": timestamp(at),
        "code": code,
        "meaning": None if code is None else EXIT_CODES.get(code),
        "reason": reason or None,
    }


def names(crawl: str, known: Names | None, browsertrix: str) -> dict[str, Any]:
    """What is beside the ids of a crawl, of a finished one and of an event.

    ``browsertrix`` is Browsertrix's address for people; where it is empty, there are no links.
    """
    path = crawl_page(crawl, known)
    return {
        "org_name": (known and known.organisation) or None,
        "workflow_name": (known and known.workflow) or None,
        "browsertrix_url": f"{browsertrix.rstrip('/')}{path}" if browsertrix and path else None,
    }


def finished_crawl(record: FinishedCrawl) -> dict[str, Any]:
    """A crawl that is over, as the ledger keeps it."""
    return {
        "uid": record.uid,
        "namespace": record.namespace,
        "org": record.oid,
        "crawl": record.crawl,
        "workflow": record.cid or None,
        "state": record.state,
        "stop_reason": record.stop_reason or None,
        "finished": timestamp(record.finished),
        "paused_seconds": record.paused_seconds,
        "deleted_at": timestamp(record.deleted_at),
        "learned": timestamp(record.learned),
    }


def event(logged: LoggedEvent) -> dict[str, Any]:
    """An event; ``detail`` depends on its kind."""
    return {
        "at": timestamp(logged.at),
        "noticed": timestamp(logged.noticed),
        "kind": logged.kind,
        "namespace": logged.namespace,
        "org": logged.oid,
        "crawl": logged.crawl,
        "uid": logged.uid,
        "detail": logged.detail,
    }


def polled_source(source: PolledSource[Any]) -> dict[str, Any]:
    """What Browsertrix itself is asked for: whether it is known, and what was wrong last."""
    return {
        "source": source.source,
        "up": source.known,
        "last_error": source.last_error,
        "objects": len(source.items or ()),
        "last_sync": timestamp(source.last_success),
        "unreadable_fields": source.problems.kinds.total(),
        "unusable_objects": source.problems.invalid,
    }


def _by_role(pod: CrawlPod) -> tuple[bool, str, int, str]:
    """Sorts existing pods before deleted ones, and crawlers by their number before redis."""
    return not pod.exists, pod.role, pod.index or 0, pod.name


def _ratio(part: float | None, whole: float | None) -> float | None:
    ratio = derived.ratio(part, whole)
    return None if ratio is None else round(ratio, 4)

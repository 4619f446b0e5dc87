"""What follows from a CrawlJob: rules of Browsertrix, without I/O and without a clock.

Each rule names where it comes from; timestamps are seconds since 1970. What follows for each of its
pods is in ``pods``.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal

from exporter.resources.crawljob.model import CrawlJob
from exporter.resources.crawljob.states import (
    ENDED,
    KNOWN_EXIT_REASONS,
    KNOWN_STATES,
    KNOWN_STOP_REASONS,
    PAUSED,
    UNKNOWN_STATE,
)
from exporter.settings.defaults import DEFAULT_PAUSE_LIMIT

Transition = Literal["pausing", "resuming", "stopping", "canceling"]
TRANSITIONS: Final[tuple[Transition, ...]] = ("pausing", "resuming", "stopping", "canceling")


def is_qa(job: CrawlJob) -> bool:
    """Whether this is a QA run over an archived crawl rather than a crawl."""
    return bool(job.spec.qa_source_crawl_id) or job.metadata.labels.role == "qa-job"


def state(job: CrawlJob) -> str:
    """The state as written, known or not; ``unknown`` where it could not be read."""
    return job.status.state or UNKNOWN_STATE


def is_paused_state(name: str) -> bool:
    """Whether the state of that name is a pause; those of newer releases begin with it too."""
    return name in PAUSED or name.startswith("paused_")


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


def pause_expires(job: CrawlJob, pause_limit: float = DEFAULT_PAUSE_LIMIT) -> float | None:
    """When Browsertrix throws the paused crawl away; ``pause_limit`` in seconds."""
    since = paused_since(job)
    return None if since is None else since + pause_limit


def limit(value: float | None) -> float | None:
    """A limit as set; 0 and absent both mean that there is none."""
    return value or None


def forced_restart_pending(job: CrawlJob) -> bool:
    """Whether a restart was asked for that Browsertrix has not yet carried out."""
    wanted = job.spec.restart_time
    return wanted is not None and wanted != job.status.restart_time and not has_ended(job)


def ratio(used: float | None, allocated: float | None) -> float | None:
    """Used over allocated; None where either is unknown, or nothing was allocated.

    And where next to nothing was, so that it is no number: what follows is finite or absent.
    """
    if used is None or not allocated:
        return None
    quotient = used / allocated
    return quotient if math.isfinite(quotient) else None


OPEN_FIELDS: Final = ("status.state", "status.stopReason", "status.podStatus.*.reason")
"""Newer releases bring new values here; they are served all the same, but counted."""


def unknown_values(job: CrawlJob) -> Iterator[tuple[str, str]]:
    """Values of ``OPEN_FIELDS`` that no known Browsertrix writes, as (field, value)."""
    state_field, stop_reason_field, exit_reason_field = OPEN_FIELDS
    value = job.status.state
    if value and value not in _KNOWN_STATES:
        yield state_field, value
    reason = job.status.stop_reason
    if reason and reason not in KNOWN_STOP_REASONS:
        yield stop_reason_field, reason
    for info in job.status.pod_status.values():
        if info.reason and info.reason.partition(":")[0] not in KNOWN_EXIT_REASONS:
            yield exit_reason_field, info.reason


_KNOWN_STATES: Final = frozenset(KNOWN_STATES)

"""Baseline before, crawl now: which events happened in between. Pure: no I/O, no clock of its own.

Whatever a crawl shows that its baseline does not include yet is emitted, also when it is seen for
the first time: its end, its exits and its pause did happen, and the baseline keeps them from being
emitted again. A status that steps back emits nothing: it is measured against the highest figure,
the set of exits and the end already known (crawljob.md, Life 3 to 7).
"""

from typing import Final

from exporter.crawls import Crawl
from exporter.history import endings
from exporter.history.baseline import Baseline, read_all_but_figures
from exporter.history.closing import end, vanish
from exporter.history.difference import Difference
from exporter.history.events import (
    Canceled,
    CrawlEvent,
    Paused,
    RestartDue,
    Resumed,
    Scaled,
    Started,
    StateEntered,
)
from exporter.history.limits import note_limits
from exporter.history.live_pods import compare_live_pods
from exporter.history.pods import compare_pods
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.crawljob.states import RUNNING, UNKNOWN_STATE, WAITING

_PAUSED_AT: Final = "spec.pausedAt"
_CLOCK_SKEW: Final = 60.0
"""Seconds that the API server's clock may be ahead of ours and still be the one that counts."""
_SHORT_WAIT: Final = 600.0
"""Seconds. A crawl that has waited for less (a spot node went, a pod was replaced) was at work."""


def compare(
    baseline: Baseline,
    crawl: Crawl,
    now: float,
    *,
    deleted: bool = False,
) -> Difference:
    """Bring the baseline up to this crawl (its final state when ``deleted``); the difference.

    ``now`` in seconds since 1970.
    """
    job = crawl.job
    difference = Difference()
    events = difference.events
    first_seen = not baseline.state
    before = read_all_but_figures(baseline)
    regressed = _raise_high_water_marks(baseline, job, difference)
    _note_last_seen_alive(baseline, job)
    endings.note_stop_reason(baseline, job)
    note_limits(baseline, job)
    if baseline.ending is None:
        _compare_state(baseline, job, now, events, regressed=regressed, first_seen=first_seen)
        _compare_spec(baseline, job, now, events, first_seen=first_seen)
        _compare_transition(baseline, job, now)
        if difference.pages or difference.size or not baseline.progressed:
            baseline.progressed = now
    if crawl.pods and compare_live_pods(baseline, crawl, now, events):
        difference.beyond_figures = True
    if job.status.pod_status and compare_pods(baseline, crawl, now, events, first_seen=first_seen):
        difference.beyond_figures = True
    _compare_ending(baseline, job, now, difference)
    if deleted:
        vanish(baseline, now, difference)
    difference.beyond_figures |= read_all_but_figures(baseline) != before
    return difference


def compare_beside_job(baseline: Baseline, crawl: Crawl, now: float) -> Difference:
    """Bring the baseline up to what is known of the crawl beside its CrawlJob; the difference."""
    difference = Difference()
    if crawl.pods and compare_live_pods(baseline, crawl, now, difference.events):
        difference.beyond_figures = True
    return difference


def _raise_high_water_marks(baseline: Baseline, job: CrawlJob, difference: Difference) -> bool:
    """Take in figures that only grow; True where one regressed: the status stepped back."""
    status = job.status
    regressed = False
    seconds = status.crawl_exec_time
    if seconds is not None and seconds != baseline.exec_seconds:
        if seconds > baseline.exec_seconds:
            difference.exec_seconds = seconds - baseline.exec_seconds
            baseline.exec_seconds = seconds
        else:
            regressed = True
    pages = status.pages_done
    if pages is not None and pages != baseline.pages:
        if pages > baseline.pages:
            difference.pages = pages - baseline.pages
            baseline.pages = pages
        else:
            regressed = True
    size = status.size
    if size is not None and size != baseline.size:
        if size > baseline.size:
            difference.size = size - baseline.size
            baseline.size = size
        else:
            regressed = True
    updated = status.last_updated_time
    if updated is not None and updated != baseline.last_updated:
        if updated > baseline.last_updated:
            baseline.last_updated = updated
        else:
            regressed = True
    return regressed


def _note_last_seen_alive(baseline: Baseline, job: CrawlJob) -> None:
    metadata, status = job.metadata, job.status
    for timestamp in (
        metadata.creation_timestamp,
        status.last_updated_time,
        status.last_active_time,
        job.spec.paused_at,
        metadata.deletion_timestamp,
    ):
        if timestamp is not None and timestamp > baseline.last_seen_alive:
            baseline.last_seen_alive = timestamp


def _compare_state(  # noqa: PLR0913 - one comparison, split off for its length alone
    baseline: Baseline,
    job: CrawlJob,
    now: float,
    events: list[CrawlEvent],
    *,
    regressed: bool,
    first_seen: bool,
) -> None:
    state = derived.state(job)
    if state in (baseline.state, UNKNOWN_STATE):
        baseline.stepping_back = False
        return
    if state == baseline.previous_state and regressed and not baseline.stepping_back:
        baseline.stepping_back = True  # an older status, unless the next one says the same
        return
    baseline.stepping_back = False
    events.append(StateEntered(now, state, baseline.state))
    waited = now - (baseline.state_since or now)
    if state == "running" and not (baseline.state in WAITING and waited < _SHORT_WAIT):
        baseline.progressed = now
    baseline.previous_state, baseline.state = baseline.state, state
    baseline.state_since = _state_since(baseline, job, now, first_seen=first_seen)
    if state in RUNNING and not baseline.started:
        baseline.started = True
        if not first_seen:
            events.append(_started(baseline, job, now))


def _state_since(baseline: Baseline, job: CrawlJob, now: float, *, first_seen: bool) -> float:
    """Since when it is in its state, as far as the object says it: the same for every exporter."""
    since: float | None = None
    if derived.is_paused_state(baseline.state):
        since = job.spec.paused_at
    elif first_seen and baseline.state in WAITING and not baseline.exec_seconds:
        since = baseline.created
    return now if since is None else min(since, now)


def _compare_transition(baseline: Baseline, job: CrawlJob, now: float) -> None:
    transition = derived.transition(job) or ""
    if transition == baseline.transition:
        return
    asked = {"pausing": job.spec.paused_at, "canceling": job.metadata.deletion_timestamp}
    baseline.transition = transition
    baseline.transition_since = min(asked.get(transition) or now, now) if transition else None


def _started(baseline: Baseline, job: CrawlJob, now: float) -> Started:
    """Browsertrix sets ``lastUpdatedTime`` at the first run (``increment_pod_exec_time``)."""
    at = job.status.last_updated_time
    if baseline.created is None:
        return Started(now, None)
    if at is None or not baseline.created <= at <= now:
        at = now
    return Started(at, max(0.0, at - baseline.created))


def _compare_spec(
    baseline: Baseline, job: CrawlJob, now: float, events: list[CrawlEvent], *, first_seen: bool
) -> None:
    """What users asked for; the spec, unlike the status, is never written over by older values."""
    spec = job.spec
    if spec.paused_at != baseline.paused_at and not _is_unreadable(job, _PAUSED_AT):
        _compare_pause(baseline, job, now, events)
    if spec.restart_time is not None and spec.restart_time != baseline.forced_restart:
        baseline.forced_restart = spec.restart_time
        events.append(RestartDue(spec.restart_time, "", "forced"))
    for what, before, after in (
        ("scale", baseline.scale, spec.scale),
        ("browserWindows", baseline.browser_windows, spec.browser_windows),
    ):
        if after is not None and before is not None and after != before and not first_seen:
            events.append(Scaled(now, what, before, after))
    if spec.scale is not None:
        baseline.scale = spec.scale
    if spec.browser_windows is not None:
        baseline.browser_windows = spec.browser_windows
    deleted = job.metadata.deletion_timestamp
    if deleted is not None and baseline.cancel_asked is None and not derived.has_ended(job):
        baseline.cancel_asked = deleted
        events.append(Canceled(deleted))


def _compare_pause(baseline: Baseline, job: CrawlJob, now: float, events: list[CrawlEvent]) -> None:
    paused_at = job.spec.paused_at
    if baseline.paused_at is not None:
        if paused_at is None:
            resumed_at = _resumed_at(baseline.paused_at, job, now)
            seconds = resumed_at - baseline.paused_at
            baseline.paused_seconds += seconds
            events.append(Resumed(resumed_at, seconds))
        else:
            events.append(Resumed(paused_at, None))
    if paused_at is not None:
        events.append(Paused(paused_at))
    baseline.paused_at = paused_at


def _resumed_at(paused_at: float, job: CrawlJob, now: float) -> float:
    """When ``pausedAt`` was cleared, as the API server noted it: the same for every exporter.

    The time of noticing stands where it noted nothing, or a time that is still to come.
    """
    changed_at = job.metadata.spec_changed_at
    if changed_at is None or changed_at > now + _CLOCK_SKEW:
        changed_at = now
    return max(paused_at, changed_at)


def _is_unreadable(job: CrawlJob, path: str) -> bool:
    return bool(job.problems) and any(path.startswith(problem.field) for problem in job.problems)


def _compare_ending(baseline: Baseline, job: CrawlJob, now: float, difference: Difference) -> None:
    stated = endings.stated_ending(baseline, job, now)
    if stated is None:
        return
    if baseline.ending is None:
        end(baseline, stated, difference)
    else:
        merged = endings.merged(baseline.ending, stated)
        if merged != baseline.ending:
            baseline.ending = merged
            difference.ending_changed = True

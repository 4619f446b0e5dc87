"""Facts before, CrawlJob now: what happened in between. Pure: no I/O, no clock of its own.

Whatever an object shows that was not told yet is told, also of an object seen for the first time:
its end, its exits and its pause did happen, and the facts keep them from being told again. A
status that steps back tells nothing new: it is measured against the highest figure, the set of
exits and the end already known (crawljob.md, Life 3 to 7).
"""

from dataclasses import dataclass, field
from typing import Final

from exporter.crawljob import CrawlJob, derived
from exporter.crawljob.states import RUNNING, UNKNOWN_STATE
from exporter.history import endings
from exporter.history.facts import Ending, Facts
from exporter.history.happenings import (
    Canceled,
    Finished,
    Happening,
    Paused,
    PauseExpired,
    RestartDue,
    Resumed,
    Scaled,
    Started,
    StateEntered,
    Vanished,
)
from exporter.history.pods import compare_pods

_PAUSED_AT: Final = "spec.pausedAt"
_CLOCK_SKEW: Final = 60.0
"""Seconds that the API server's clock may be ahead of ours and still be the one that counts."""


@dataclass(slots=True)
class Difference:
    """What one status added to what was known of its crawl."""

    happenings: list[Happening] = field(default_factory=list)
    exec_seconds: float = 0.0
    pages: int = 0
    size: int = 0
    """Bytes."""
    ending_changed: bool = False
    """The crawl ended, or more became known of its end."""


def compare(facts: Facts, job: CrawlJob, now: float, *, gone: bool = False) -> Difference:
    """Bring the facts up to this status (the last one when ``gone``); what happened on the way."""
    difference = Difference()
    happenings = difference.happenings
    first_seen = not facts.state
    fell = _grow(facts, job, difference)
    _note_signs(facts, job)
    endings.note_stop_reason(facts, job)
    if facts.ending is None:
        _compare_state(facts, job, now, happenings, fell=fell, first_seen=first_seen)
        _compare_wishes(facts, job, now, happenings, first_seen=first_seen)
    if job.status.pod_status:
        compare_pods(facts, job, now, happenings)
    _compare_ending(facts, job, now, difference)
    if gone:
        last = vanish(facts, now)
        happenings += last.happenings
        difference.ending_changed |= last.ending_changed
    return difference


def vanish(facts: Facts, now: float) -> Difference:
    """The object is not there any more; unless its end was told, nobody will ever tell it."""
    difference = Difference()
    facts.gone = True
    if facts.ending is None:
        facts.ending = ending = endings.vanished_ending(facts, now)
        _cut_pause(facts, ending.finished)
        difference.happenings.append(Vanished(ending.finished, ending.stop_reason))
        difference.ending_changed = True
    return difference


def _grow(facts: Facts, job: CrawlJob, difference: Difference) -> bool:
    """Take in figures that only grow; whether one fell, as in a status that steps back."""
    status = job.status
    fell = False
    seconds = status.crawl_exec_time
    if seconds is not None and seconds != facts.exec_seconds:
        if seconds > facts.exec_seconds:
            difference.exec_seconds = seconds - facts.exec_seconds
            facts.exec_seconds = seconds
        else:
            fell = True
    pages = status.pages_done
    if pages is not None and pages != facts.pages:
        if pages > facts.pages:
            difference.pages = pages - facts.pages
            facts.pages = pages
        else:
            fell = True
    size = status.size
    if size is not None and size != facts.size:
        if size > facts.size:
            difference.size = size - facts.size
            facts.size = size
        else:
            fell = True
    updated = status.last_updated_time
    if updated is not None and updated != facts.last_updated:
        if updated > facts.last_updated:
            facts.last_updated = updated
        else:
            fell = True
    return fell


def _note_signs(facts: Facts, job: CrawlJob) -> None:
    metadata, status = job.metadata, job.status
    for moment in (
        metadata.creation_timestamp,
        status.last_updated_time,
        status.last_active_time,
        job.spec.paused_at,
        metadata.deletion_timestamp,
    ):
        if moment is not None and moment > facts.last_sign:
            facts.last_sign = moment


def _compare_state(  # noqa: PLR0913 - one comparison, split off for its length alone
    facts: Facts,
    job: CrawlJob,
    now: float,
    happenings: list[Happening],
    *,
    fell: bool,
    first_seen: bool,
) -> None:
    state = derived.state(job)
    if state in (facts.state, UNKNOWN_STATE):
        facts.stepping_back = False
        return
    if state == facts.previous_state and fell and not facts.stepping_back:
        facts.stepping_back = True  # an older status, unless the next one says the same
        return
    facts.stepping_back = False
    happenings.append(StateEntered(now, state, facts.state))
    facts.previous_state, facts.state = facts.state, state
    if state in RUNNING and not facts.started:
        facts.started = True
        if not first_seen:
            happenings.append(_started(facts, job, now))


def _started(facts: Facts, job: CrawlJob, now: float) -> Started:
    """Browsertrix sets ``lastUpdatedTime`` at the first run (``increment_pod_exec_time``)."""
    at = job.status.last_updated_time
    if facts.created is None:
        return Started(now, None)
    if at is None or not facts.created <= at <= now:
        at = now
    return Started(at, max(0.0, at - facts.created))


def _compare_wishes(
    facts: Facts, job: CrawlJob, now: float, happenings: list[Happening], *, first_seen: bool
) -> None:
    """What users asked for; the spec, unlike the status, is never written over by older values."""
    spec = job.spec
    if spec.paused_at != facts.paused_at and not _is_unreadable(job, _PAUSED_AT):
        _compare_pause(facts, job, now, happenings)
    if spec.restart_time is not None and spec.restart_time != facts.forced_restart:
        facts.forced_restart = spec.restart_time
        happenings.append(RestartDue(spec.restart_time, "", "forced"))
    for what, before, after in (
        ("scale", facts.scale, spec.scale),
        ("browserWindows", facts.browser_windows, spec.browser_windows),
    ):
        if after is not None and before is not None and after != before and not first_seen:
            happenings.append(Scaled(now, what, before, after))
    if spec.scale is not None:
        facts.scale = spec.scale
    if spec.browser_windows is not None:
        facts.browser_windows = spec.browser_windows
    deleted = job.metadata.deletion_timestamp
    if deleted is not None and facts.cancel_asked is None and not derived.has_ended(job):
        facts.cancel_asked = deleted
        happenings.append(Canceled(deleted))


def _compare_pause(facts: Facts, job: CrawlJob, now: float, happenings: list[Happening]) -> None:
    paused_at = job.spec.paused_at
    if facts.paused_at is not None:
        if paused_at is None:
            resumed_at = _resumed_at(facts.paused_at, job, now)
            seconds = resumed_at - facts.paused_at
            facts.paused_seconds += seconds
            happenings.append(Resumed(resumed_at, seconds))
        else:
            happenings.append(Resumed(paused_at, None))
    if paused_at is not None:
        happenings.append(Paused(paused_at))
    facts.paused_at = paused_at


def _resumed_at(paused_at: float, job: CrawlJob, now: float) -> float:
    """When ``pausedAt`` was cleared, as the API server noted it: the same for every exporter.

    The time of noticing stands where it noted nothing, or a moment that is still to come.
    """
    changed_at = derived.spec_changed_at(job)
    if changed_at is None or changed_at > now + _CLOCK_SKEW:
        changed_at = now
    return max(paused_at, changed_at)


def _is_unreadable(job: CrawlJob, path: str) -> bool:
    return bool(job.problems) and any(path.startswith(problem.field) for problem in job.problems)


def _compare_ending(facts: Facts, job: CrawlJob, now: float, difference: Difference) -> None:
    told = endings.stated_ending(facts, job, now)
    if told is None:
        return
    if facts.ending is None:
        _end(facts, told, difference.happenings)
        difference.ending_changed = True
    else:
        merged = endings.merged(facts.ending, told)
        if merged != facts.ending:
            facts.ending = merged
            difference.ending_changed = True


def _end(facts: Facts, ending: Ending, happenings: list[Happening]) -> None:
    facts.ending = ending
    paused = _cut_pause(facts, ending.finished)
    if ending.state == "stopped_pause_expired":
        happenings.append(PauseExpired(ending.finished))
    lasted = None if facts.created is None else max(0.0, ending.finished - facts.created)
    happenings.append(Finished(ending.finished, ending.state, ending.stop_reason, lasted, paused))


def _cut_pause(facts: Facts, finished: float) -> float | None:
    """End the pause with the crawl; its length in seconds, None where there was none."""
    if facts.paused_at is None:
        return None
    seconds = max(0.0, finished - facts.paused_at)
    facts.paused_seconds += seconds
    facts.paused_at = None
    return seconds

"""How a crawl ended, when the last status seen is not always the best one.

The status written at the end can carry an older stop reason than one seen before, the same end is
seen in several changes, and some objects are deleted without an end. The rules here do not depend
on the order in which statuses arrive, so two exporters that saw the same ones agree.
"""

from typing import Final

from exporter.history.baseline import Baseline, Ending
from exporter.history.limits import limit_reached
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.crawljob.states import ENDED, UNKNOWN_STATE, UNKNOWN_STOP_REASON

_WEAKEST_FIRST: Final = (
    "",
    "paused",
    "paused_org_readonly",
    "paused_rate_limit_time_reached",
    "paused_time_quota_reached",
    "paused_storage_quota_reached",
    "time-limit",
    "size-limit",
    "stopped_org_readonly",
    "stopped_time_quota_reached",
    "stopped_storage_quota_reached",
    "stopped_by_user",
    "stopped_pause_expired",
)
"""A pause can be taken back, and Browsertrix itself clears its reason then, so any other reason is
stronger. A limit ends the crawl, but as ``complete``. A ``stopped_*`` becomes the state itself: it
is how Browsertrix explains that state. Within a group any fixed order will do."""

_STRENGTH: Final = {reason: index for index, reason in enumerate(_WEAKEST_FIRST)}
_NEW_REASON: Final = _STRENGTH["time-limit"] - 0.5
"""A newer release's reason is stronger than a pause, weaker than what is known to end a crawl."""
_NOT_KNOWN: Final = -1.0
"""A status that says that there was no reason is stronger than not to know."""


def stronger(one: str, other: str) -> str:
    """The stop reason that stands when both were seen; the order of the two makes no difference."""
    return max(one, other, key=lambda reason: (_strength(reason), reason))


def note_stop_reason(baseline: Baseline, job: CrawlJob) -> None:
    """Keep the strongest stop reason in the baseline, a pause's only while the pause lasts."""
    if job.spec.paused_at is None and derived.is_paused_state(baseline.stop_reason):
        baseline.stop_reason = ""
    reason = _standing_reason(job)
    if reason != baseline.stop_reason:
        baseline.stop_reason = stronger(baseline.stop_reason, reason)


def stated_ending(baseline: Baseline, job: CrawlJob, now: float) -> Ending | None:
    """The end as the status states it, with the strongest stop reason; None while it runs."""
    if not derived.has_ended(job):
        return None
    state = derived.state(job)
    reason = _explained(state, stronger(baseline.stop_reason, _standing_reason(job)))
    finished = job.status.finished
    return Ending(
        state,
        reason,
        _last_seen_alive(baseline, now) if finished is None else finished,
        stated=True,
        timed=finished is not None,
    )


DELETED: Final = "deleted"
"""Ours, of an end nobody saw. As a stop reason: the deletion had been asked for, and the crawl had
not ended. As a state: nothing is left of the crawl in Browsertrix, somebody has deleted it."""

_MOST_BEHIND: Final = 2 * 86_400.0
"""Seconds that our clock may be behind an object's timestamps and these be believed."""


def vanished_ending(baseline: Baseline, now: float, pause_limit: float) -> Ending:
    """The end of an object deleted without one: state ``unknown``, when it was found missing.

    Any earlier time would be a guess, and an alert on it could be over before it begins. Nor is it
    before the object itself says that it was there: a clock that was set back a day would date it
    so that nobody is notified once the clock is right again. The stop reason says what can be
    concluded: it was deleted unfinished (an organisation's crawls), or its pause had lasted for
    ``pause_limit`` (seconds) by then.
    """
    found = _found(baseline, now)
    reason = baseline.stop_reason
    if baseline.cancel_asked is not None:
        reason = DELETED
    elif baseline.paused_at is not None and baseline.paused_at + pause_limit <= found:
        reason = "stopped_pause_expired"
    return Ending(UNKNOWN_STATE, reason, found, False, timed=False)


def recorded_ending(baseline: Baseline, record: CrawlRecord, found: float) -> Ending | None:
    """The end of a crawl found missing, as Browsertrix's record states it; None while it has none.

    The record has no stop reason: the strongest one seen in the CrawlJob stands, or the limit that
    its figures prove it has reached. Without a time, or with one that is far ahead of ``found``, it
    is dated by that.
    """
    state, finished = record.state, record.finished
    if not state or (finished is None and state not in ENDED):
        return None
    timed = finished is not None and finished <= found + _MOST_BEHIND
    if finished is None or not timed:
        finished = found
    reason = _explained(state, _recorded_reason(baseline, record, finished))
    return Ending(state, reason, finished, stated=True, timed=timed)


def _recorded_reason(baseline: Baseline, record: CrawlRecord, finished: float) -> str:
    seen = baseline.stop_reason
    if record.state != "complete" or (seen and not derived.is_paused_state(seen)):
        return seen
    return limit_reached(baseline, record, finished) or seen


def deleted_ending(baseline: Baseline, found: float) -> Ending:
    """The end of a crawl whose object is gone and whose record is, too: dated as an unknown one.

    Where its deletion had been asked for before it ended (an organisation's crawls), that is how it
    ended, and there is no more to be found out.
    """
    if baseline.cancel_asked is not None:
        return vanished_ending(baseline, found, 0.0)
    return Ending(DELETED, "", _found(baseline, found), stated=False, timed=False)


def merged(known: Ending, stated: Ending) -> Ending:
    """An end that is stated again: the earliest timestamp, the strongest stop reason.

    The first state stands, unless that was none that ends a crawl and this one is.
    """
    state = stated.state if known.state not in ENDED and stated.state in ENDED else known.state
    reason = _explained(state, stronger(known.stop_reason, stated.stop_reason))
    finished, timed = known.finished, known.timed
    if stated.timed:
        finished = min(finished, stated.finished) if timed else stated.finished
        timed = True
    return Ending(state, reason, finished, known.stated, timed)


def _found(baseline: Baseline, now: float) -> float:
    found = max(now, baseline.last_seen_alive)
    return now if found > now + _MOST_BEHIND else found


def _strength(reason: str) -> float:
    return _NOT_KNOWN if reason == UNKNOWN_STOP_REASON else _STRENGTH.get(reason, _NEW_REASON)


def _explained(state: str, reason: str) -> str:
    """The stop reason that goes with the state: Browsertrix takes some states from the reason."""
    return state if state in _STRENGTH else reason


def _standing_reason(job: CrawlJob) -> str:
    """The stop reason, unless it is that of a pause which ``spec.pausedAt`` says is over.

    Browsertrix clears it with its next sync (``update_crawl_state``), before it can end a crawl.
    """
    reason = job.status.stop_reason or ""
    return "" if job.spec.paused_at is None and derived.is_paused_state(reason) else reason


def _last_seen_alive(baseline: Baseline, now: float) -> float:
    return baseline.last_seen_alive or now

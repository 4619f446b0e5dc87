"""How a crawl ended, when the last status seen is not always the last word.

The status written at the end can carry an older stop reason than one seen before, the same end is
seen in several events, and some objects go without an end. The rules here do not depend on the
order in which statuses arrive, so that two exporters that saw the same ones say the same.
"""

from typing import Final

from exporter.history.baseline import Baseline, Ending
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.crawljob.states import ENDED, UNKNOWN_STATE

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
is Browsertrix's last word. Within a group the order only has to be the same for everybody."""

_STRENGTH: Final = {word: index for index, word in enumerate(_WEAKEST_FIRST)}
_UNKNOWN_WORD: Final = _STRENGTH["time-limit"] - 0.5
"""A newer release's word says more than a pause, and less than what is known to end a crawl."""


def stronger(one: str, other: str) -> str:
    """The stop reason that stands when both were seen; the order of the two makes no difference."""
    return max(one, other, key=lambda word: (_STRENGTH.get(word, _UNKNOWN_WORD), word))


def note_stop_reason(baseline: Baseline, job: CrawlJob) -> None:
    """Remember the strongest stop reason, but a pause's only for as long as the pause lasts."""
    if job.spec.paused_at is None and derived.is_paused_state(baseline.stop_reason):
        baseline.stop_reason = ""
    word = _standing_reason(job)
    if word != baseline.stop_reason:
        baseline.stop_reason = stronger(baseline.stop_reason, word)


def stated_ending(baseline: Baseline, job: CrawlJob, now: float) -> Ending | None:
    """The end as the status tells it, with the stop reason that stands; None while it lives."""
    if not derived.has_ended(job):
        return None
    state = derived.state(job)
    reason = stronger(baseline.stop_reason, _standing_reason(job))
    if state in _STRENGTH:  # Browsertrix takes the state from the stop reason, so it knew better
        reason = state
    finished = job.status.finished
    return Ending(
        state,
        reason,
        _last_seen_alive(baseline, now) if finished is None else finished,
        stated=True,
        timed=finished is not None,
    )


def vanished_ending(baseline: Baseline, now: float) -> Ending:
    """The end that no status told: its outcome is unknown, its moment the last sign of life.

    So it ends where it went while nobody looked, and where it was deleted unfinished for good (an
    organisation's crawls). The sign is on the wire, the deletion's timestamp among them, so every
    exporter that saw the object's last status names the same moment; the time of noticing would
    differ with each exporter's downtime.
    """
    return Ending(
        UNKNOWN_STATE, baseline.stop_reason, _last_seen_alive(baseline, now), False, timed=False
    )


def merged(known: Ending, told: Ending) -> Ending:
    """What stands of an end told again: the earliest moment, the strongest stop reason.

    The state stands as first told, unless that was no word that ends a crawl and this is one.
    """
    state = told.state if known.state not in ENDED and told.state in ENDED else known.state
    reason = state if state in _STRENGTH else stronger(known.stop_reason, told.stop_reason)
    finished, timed = known.finished, known.timed
    if told.timed:
        finished = min(finished, told.finished) if timed else told.finished
        timed = True
    return Ending(state, reason, finished, known.stated, timed)


def _standing_reason(job: CrawlJob) -> str:
    """The stop reason, unless it is that of a pause which ``spec.pausedAt`` says is over.

    Browsertrix clears it with its next sync (``update_crawl_state``), before it can end a crawl.
    """
    word = job.status.stop_reason or ""
    return "" if job.spec.paused_at is None and derived.is_paused_state(word) else word


def _last_seen_alive(baseline: Baseline, now: float) -> float:
    return baseline.last_seen_alive or now

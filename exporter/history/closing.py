"""A crawl's end becomes part of its baseline, and events: stated, concluded, or told by its record.

An object that is deleted without a stated end leaves an end that nobody saw. What is made of it is
decided apart from finding it (``vanish``): ``conclude`` says what follows from the object alone,
``learn`` what Browsertrix's record of the crawl says. Pure, as ``comparison``.
"""

from exporter.history import endings
from exporter.history.baseline import Baseline, Ending
from exporter.history.difference import Difference, Unseen
from exporter.history.events import Finished, PauseExpired, Vanished
from exporter.resources.browsertrix.crawl_record import CrawlRecord


def end(baseline: Baseline, ending: Ending, difference: Difference) -> None:
    """The crawl is over, and it is known how."""
    baseline.ending = ending
    difference.ending_changed = difference.beyond_figures = True
    paused = _cut_pause(baseline, ending.finished)
    if ending.state == "stopped_pause_expired":
        difference.events.append(PauseExpired(ending.finished))
    lasted = None if baseline.created is None else max(0.0, ending.finished - baseline.created)
    difference.events.append(
        Finished(ending.finished, ending.state, ending.stop_reason, lasted, paused)
    )


def vanish(
    baseline: Baseline, now: float, difference: Difference, *, known_until: float | None = None
) -> None:
    """The object is deleted; where no end was observed, the difference has an ``unseen`` one.

    ``known_until`` is when it was known to exist last, where that is later than what it says.
    """
    baseline.deleted = difference.beyond_figures = True
    if baseline.ending is None:
        alive = max(baseline.last_seen_alive, known_until or 0.0)
        difference.unseen = Unseen(now, min(alive, now))


def conclude(
    baseline: Baseline, unseen: Unseen, difference: Difference, *, pause_limit: float
) -> None:
    """How it ended stays unknown. ``pause_limit`` in seconds."""
    _vanished(
        baseline, endings.vanished_ending(baseline, unseen.found, pause_limit), unseen, difference
    )


def learn(
    baseline: Baseline, record: CrawlRecord | None, unseen: Unseen, difference: Difference
) -> bool:
    """Take in what Browsertrix says, None for a deleted record; False where it knows no end yet.

    A record of another organisation is another crawl's.
    """
    if record is None:
        _vanished(baseline, endings.deleted_ending(baseline, unseen.found), unseen, difference)
        return True
    if record.oid not in {None, baseline.oid}:
        return False
    ending = endings.recorded_ending(baseline, record, unseen.found)
    if ending is None:
        return False
    end(baseline, ending, difference)
    return True


def _vanished(baseline: Baseline, ending: Ending, unseen: Unseen, difference: Difference) -> None:
    baseline.ending = ending
    difference.ending_changed = difference.beyond_figures = True
    _cut_pause(baseline, ending.finished)
    difference.events.append(Vanished(ending.finished, ending.stop_reason, unseen.known_until))


def _cut_pause(baseline: Baseline, finished: float) -> float | None:
    """End the pause with the crawl; its length in seconds, None where there was none."""
    if baseline.paused_at is None:
        return None
    seconds = max(0.0, finished - baseline.paused_at)
    baseline.paused_seconds += seconds
    baseline.paused_at = None
    return seconds

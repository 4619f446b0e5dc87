"""Which limit ended a crawl whose last status nobody saw, as far as figures prove it.

Browsertrix says so in the CrawlJob's stop reason alone, and calls such a crawl ``complete``; its
record of the crawl has no stop reason. But Browsertrix compares size and time with their limits at
each sync, so a crawl that has reached one of them, and was complete, was ended by it; and one that
certainly stayed below both was not. Pure, as ``comparison``.
"""

from exporter.history.baseline import Baseline
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.resources.crawljob import CrawlJob
from exporter.resources.crawljob.states import UNKNOWN_STOP_REASON


def note_limits(baseline: Baseline, job: CrawlJob) -> None:
    """Keep the limits the object has; a field that cannot be read changes nothing."""
    if job.spec.max_crawl_size is not None:
        baseline.size_limit = job.spec.max_crawl_size
    if job.spec.timeout is not None:
        baseline.time_limit = job.spec.timeout


def limit_reached(baseline: Baseline, record: CrawlRecord, finished: float) -> str:
    """The stop reason of a crawl that is complete, by the figures of its record.

    ``finished`` is when it ended at the latest, in seconds since 1970.

    ``size-limit`` or ``time-limit`` where it has reached that, empty where it can have reached
    neither, else ``UNKNOWN_STOP_REASON``.
    """
    too_large, too_long = _reached_size(baseline, record), _reached_time(baseline, record, finished)
    if too_large:
        return "size-limit"
    if too_long:
        return "time-limit"
    return UNKNOWN_STOP_REASON if None in {too_large, too_long} else ""


def _reached_size(baseline: Baseline, record: CrawlRecord) -> bool | None:
    """Whether it grew to its limit; None where that cannot be said."""
    limit = baseline.size_limit
    if not limit:
        return None if limit is None else False
    sizes = [size for size in (record.stats.size, record.file_size) if size is not None]
    return max(sizes) >= limit if sizes else None


def _reached_time(baseline: Baseline, record: CrawlRecord, finished: float) -> bool | None:
    """The same of the seconds with at least one pod, which are between two that are known.

    No less than the seconds of all its pods by the number of pods it can have had at once, no more
    than from its start to its end.
    """
    limit = baseline.time_limit
    if not limit:
        return None if limit is None else False
    seconds = record.crawl_exec_seconds
    if seconds is not None and seconds >= limit * _most_pods(baseline):
        return True
    started = record.started if baseline.created is None else baseline.created
    return False if started is not None and finished - started < limit else None


def _most_pods(baseline: Baseline) -> int:
    """At once, at most: each has one of the browser windows at least."""
    return max(1, baseline.scale or 0, baseline.browser_windows or 0)

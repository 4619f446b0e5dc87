"""What polls show of a workflow's runs that ended, beyond what Browsertrix says of the newest."""

from typing import Final

from exporter.metrics.catalog.polled import PastRuns
from exporter.resources.browsertrix import Workflow
from exporter.resources.crawljob.states import FAILED, SUCCESSFUL

_CANCELED: Final = "canceled"
_NOTHING: Final = PastRuns()


def past_runs(workflow: Workflow, before: PastRuns = _NOTHING) -> PastRuns:
    """Return what is known now, from a workflow as polled and what was known before.

    ``before`` is what this returned of the last poll, or nothing at all.
    """
    ended = None if workflow.is_crawl_running else workflow.last_crawl_time
    is_new = ended is not None and (before.ended is None or ended > before.ended)
    failures = _failures(workflow, before, is_new=is_new)
    crawls, successful = workflow.crawl_count, workflow.crawl_successful_count
    if not is_new:
        return PastRuns(
            before.ended,
            before.duration,
            before.size,
            before.pages,
            before.usual_pages,
            before.last_success,
            failures,
            crawls,
            successful,
        )
    pages = workflow.last_crawl_stats.done
    started = workflow.last_crawl_start_time
    return PastRuns(
        ended,
        None if started is None or ended is None else max(0.0, ended - started),
        workflow.last_crawl_size,
        pages,
        pages or before.usual_pages,
        ended if workflow.last_crawl_state in SUCCESSFUL else before.last_success,
        failures,
        crawls,
        successful,
    )


def _failures(workflow: Workflow, before: PastRuns, *, is_new: bool) -> int | None:
    """Count runs that failed in a row, those that began and ended between two polls as well."""
    crawls, successful = workflow.crawl_count, workflow.crawl_successful_count
    if before == _NOTHING:
        if successful == 0 and crawls is not None:
            return crawls  # none ever succeeded
        return _of_newest(workflow.last_crawl_state, None, 1) if is_new else None
    succeeded = _more(successful, before.successful)
    failed = max(0, _more(crawls, before.crawls) - succeeded)
    known = 0 if succeeded else before.failures
    if is_new:
        unseen = max(0, failed - 1) if not succeeded else 0
        return _of_newest(workflow.last_crawl_state, known, 1 + unseen)
    return known if succeeded or not failed else (known or 0) + failed


def _of_newest(state: str | None, known: int | None, failed: int) -> int | None:
    """What the count is once the newest run is seen to have ended."""
    if state in SUCCESSFUL:
        return 0
    others = failed - 1
    if state in FAILED and state != _CANCELED:
        others += 1
    return (known or 0) + others if others else known


def _more(now: int | None, before: int | None) -> int:
    """How many came; deleting crawls lowers the figure."""
    return 0 if now is None or before is None else max(0, now - before)

"""The families of workflows: when they ran and how it went, when they run, and how many there are.

Browsertrix tells of a workflow's newest run only, while one is under way of that one. What this
cannot say is remembered from one poll to the next; a restart forgets it.
"""

from collections.abc import Callable
from typing import Any, Final

from exporter.metrics.catalog.family import Family, Group, Kind, Sample, labelled
from exporter.metrics.catalog.polled import (
    WORKFLOW_LABELS,
    ScheduleFamily,
    WorkflowFamily,
    WorkflowView,
    one,
)
from exporter.resources.browsertrix import Workflow

_REMEMBERED: Final = "; remembered from polls while another run is under way, not through a restart"


def _workflow(
    name: str, text: str, source: str, value: Callable[[WorkflowView], Sample], **more: Any
) -> WorkflowFamily:
    return WorkflowFamily(
        name=f"browsertrix_workflow_{name}",
        help=text,
        source=f"workflows: {source}",
        samples=one(value),
        **more,
    )


def _info(view: WorkflowView) -> Sample:
    return (1.0, view.workflow.title if view.named else "")


def _running(view: WorkflowView) -> float | None:
    running = view.workflow.is_crawl_running
    return None if running is None else float(running)


WORKFLOW_FAMILIES: Final = (
    _workflow(
        "info",
        "1; what the workflow is called: its name, or else its first seed without query and "
        "password. Empty with --no-browsertrix.names.",
        "name, firstSeed",
        _info,
        kind=Kind.INFO,
        labels=(*WORKFLOW_LABELS, "name"),
    ),
    _workflow(
        "last_run_timestamp_seconds",
        "When the newest run of the workflow began, in seconds since 1970.",
        "lastCrawlStartTime",
        lambda view: view.workflow.last_crawl_start_time,
        unit="seconds",
    ),
    _workflow(
        "last_success_timestamp_seconds",
        "When the newest run that is known to have succeeded ended, in seconds since 1970. Where "
        "the newest run was none, it is remembered from polls, and absent after a restart.",
        "lastCrawlTime where lastCrawlState is a success",
        lambda view: view.past.last_success,
        unit="seconds",
    ),
    _workflow(
        "last_state",
        "1 for the state the newest run is in, or ended in.",
        "lastCrawlState",
        lambda view: labelled(view.workflow.last_crawl_state),
        labels=(*WORKFLOW_LABELS, "state"),
    ),
    _workflow(
        "running",
        "1 while a crawl of the workflow runs, waits or is paused, else 0.",
        "isCrawlRunning",
        _running,
    ),
    _workflow(
        "crawls",
        "Runs of the workflow that ended and were not deleted.",
        "crawlCount",
        lambda view: view.workflow.crawl_count,
    ),
    _workflow(
        "crawls_successful",
        "The same of those that ended well.",
        "crawlSuccessfulCount",
        lambda view: view.workflow.crawl_successful_count,
    ),
    _workflow(
        "consecutive_failures",
        "Runs that failed in a row, up to the newest that ended; a run that somebody canceled is "
        "neither a failure nor the end of them. Counted since the exporter began to look, so 1 "
        "after a restart, or all there are where none ever succeeded.",
        "lastCrawlState, crawlCount and crawlSuccessfulCount from poll to poll",
        lambda view: view.past.failures,
    ),
    _workflow(
        "last_duration_seconds",
        f"Seconds that the newest run that ended took{_REMEMBERED}.",
        "lastCrawlTime - lastCrawlStartTime",
        lambda view: view.past.duration,
        unit="seconds",
    ),
    _workflow(
        "last_size_bytes",
        f"Bytes that the newest run that ended archived{_REMEMBERED}.",
        "lastCrawlSize",
        lambda view: view.past.size,
        unit="bytes",
    ),
    _workflow(
        "last_pages",
        f"Pages that the newest run that ended archived{_REMEMBERED}.",
        "lastCrawlStats.done",
        lambda view: view.past.pages,
    ),
    _workflow(
        "usual_pages",
        "Pages of the newest run that ended and had any. Where the newest had none, it is "
        "remembered from polls, and absent after a restart.",
        "lastCrawlStats.done from poll to poll",
        lambda view: view.past.usual_pages,
    ),
    ScheduleFamily(
        name="browsertrix_workflow_scheduled_timestamp_seconds",
        help="When the workflow's schedule said it should have run last, in seconds since 1970. "
        "Absent where it has none, where Kubernetes refuses it, where it counts from no clock "
        "(@every), and where the workflow was changed since.",
        source="workflows: schedule, modified",
        timestamp=Workflow.scheduled_last,
        unit="seconds",
    ),
    ScheduleFamily(
        name="browsertrix_workflow_next_run_timestamp_seconds",
        help="When the workflow's schedule says that it runs next, in seconds since 1970.",
        source="workflows: schedule",
        timestamp=Workflow.runs_next,
        unit="seconds",
    ),
)

WORKFLOWS: Final = Family(
    name="browsertrix_workflows",
    help="Workflows that are not deleted, those with a schedule that Kubernetes takes, and others.",
    source="workflows: count",
    group=Group.ORGANISATION,
    labels=("oid", "kind"),
)
LEFT_OUT: Final = Family(
    name="browsertrix_workflows_left_out",
    help="Workflows without series that would have some, were --browsertrix.workflows.max larger.",
    source="workflows: count",
    group=Group.INSTALLATION,
)
WORKFLOW_COUNTS: Final = (WORKFLOWS, LEFT_OUT)

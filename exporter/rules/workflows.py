"""Workflows: a run that was missed, several that failed, one that came back empty.

All of it is asked of Browsertrix (``--browsertrix.url``, ``--browsertrix.workflows``), every few
minutes. A run that fails is an end and has its own alert at once; these are of what no single run
shows. Of a workflow that runs nothing is said before the run is over.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.names import WORKFLOW
from exporter.rules.promql import by, on
from exporter.rules.rule import (
    DURATION,
    AlertingRule,
    Dashboard,
    RecordingRule,
    RuleGroup,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_WORKFLOW: Final = ("oid", "cid")


def _of(metric: str, past: str = "") -> str:
    return f"max {by(*_WORKFLOW)} (browsertrix_workflow_{metric}{past})"


_RUNS: Final = f"{_of('running')} == 1"
_COUNTED: Final = "browsertrix_workflow_consecutive_failures"
FAILURES: Final = "oid_cid:browsertrix_workflow_consecutive_failures:max"
MISSED_RUN: Final = "oid_cid:browsertrix_workflow_missed_run:seconds"
EMPTY_RUN: Final = "oid_cid:browsertrix_workflow_empty_run:usual_pages"
"""Records, which the dashboard of workflows reads: so it shows what alerts are about."""
_SCHEDULED: Final = _of("scheduled_timestamp_seconds")


def _missed(at: Thresholds) -> tuple[RecordingRule, AlertingRule]:
    grace = format_duration(at.run_grace)
    started, lasted = _of("last_run_timestamp_seconds"), _of("last_duration_seconds")
    closed = "browsertrix_org_read_only == 1 or browsertrix_org_quota_reached == 1"
    return (
        RecordingRule(
            name=MISSED_RUN,
            description="Seconds since a workflow should have run by its schedule, of those that "
            f"did not within {grace}",
            labels=_WORKFLOW,
            # A run that was at work at that time was the reason for not beginning another one. When
            # a workflow that was changed since should have run is not served.
            expr=f"""\
time() - {_SCHEDULED} > {at.run_grace}
unless {on(*_WORKFLOW)} {_RUNS}
unless {on(*_WORKFLOW)} {started} >= {_SCHEDULED}
unless {on(*_WORKFLOW)} {started} + {lasted} >= {_SCHEDULED}
unless {on("oid")} ({closed})""",
        ),
        AlertingRule(
            name="BrowsertrixWorkflowMissedRun",
            severity=Severity.WARNING,
            summary="A scheduled workflow did not run",
            description=f"Workflow {WORKFLOW} should have run {DURATION} ago by its schedule, and "
            "did not.",
            condition=f"a scheduled run did not begin within {grace}, none was running then, and "
            "the organisation is not read-only and has its quotas not used up",
            expr=MISSED_RUN,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.WORKFLOW,
        ),
    )


def _failing(at: Thresholds) -> tuple[RecordingRule | AlertingRule, ...]:
    failures = f"max {by(*_WORKFLOW)} ({_COUNTED})"
    past = format_duration(at.bridge)
    none = f"min {by(*_WORKFLOW)} (min_over_time({_COUNTED}[{past}])) == 0"
    return (
        RecordingRule(
            name=FAILURES,
            description="Runs of a workflow that failed in a row, if any; at least so many after a "
            "restart of the exporter, which has forgotten those before the newest",
            labels=_WORKFLOW,
            expr=f"""\
max {by(*_WORKFLOW)} (
  {failures} > 0
  or
  label_replace(
    last_over_time({FAILURES}[{past}])
    and {failures} > 0
    unless {none},
    "remembered", "yes", "", ""
  )
)""",
        ),
        AlertingRule(
            name="BrowsertrixWorkflowFailingRepeatedly",
            severity=Severity.WARNING,
            summary="A workflow fails again and again",
            description=f"Workflow {WORKFLOW} has failed {{{{ $value }}}} times in a row.",
            condition=f"at least {at.run_failures} runs in a row failed",
            expr=f"{FAILURES} >= {at.run_failures}",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.WORKFLOW,
        ),
    )


def _empty(at: Thresholds) -> tuple[RecordingRule, AlertingRule]:
    return (
        RecordingRule(
            name=EMPTY_RUN,
            description="Pages that a workflow had before, of those whose last run is complete and "
            "has none",
            labels=_WORKFLOW,
            expr=f"""\
{_of("usual_pages")} >= {at.empty_pages}
and {_of("last_pages")} == 0
and {on(*_WORKFLOW)} {_of('last_state{state="complete"}')}
unless {on(*_WORKFLOW)} {_RUNS}""",
        ),
        AlertingRule(
            name="BrowsertrixWorkflowCameBackEmpty",
            severity=Severity.WARNING,
            summary="A workflow that had pages came back without any",
            description=f"Workflow {WORKFLOW} ended without a single page, and had {{{{ $value }}}}"
            " before: the site has moved, shuts crawlers out, or wants a login.",
            condition="the last run is complete and has no page, where an earlier one had "
            f"at least {at.empty_pages}",
            expr=EMPTY_RUN,
            keep_firing_for=at.bridge,
            dashboard=Dashboard.WORKFLOW,
        ),
    )


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-workflows",
        topic="Workflows",
        interval="5m",
        rules=(*_missed(at), *_failing(at), *_empty(at)),
    )

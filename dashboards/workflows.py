"""Workflows: which ran when and how it went, which did not run, and Browsertrix's background jobs.

All of it is what Browsertrix's own API says. What alerts are about is read from the records they
are made of (``exporter.rules.workflows``), names from those of ``exporter.rules.names``: whose name
is not known goes by its id, and what is renamed is one line, under the name it has at the end.
"""

from typing import Final

from dashboards.annotations import Annotation
from dashboards.background_jobs import BACKGROUND_JOBS
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_workflow
from dashboards.panels import Panel, Query, stat, state_timeline, text, time_series
from dashboards.promql import Selection, one_of, topk
from dashboards.tables import (
    HIDDEN_ORGANISATION,
    OWNER_COLUMN,
    Label,
    Value,
    table,
    to_dashboard,
)
from dashboards.variables import CLUSTER, KNOWN_ORGANISATION, Variable
from exporter.alerting.names import WORKFLOW_NAMES
from exporter.resources.crawljob.states import FAILED, PAUSED, RUNNING, SUCCESSFUL, WAITING
from exporter.rules.promql import by, on
from exporter.rules.workflows import EMPTY_RUN, FAILURES, MISSED_RUN
from exporter.web.colours import BAD, GOOD, OUTCOMES, QUIET, STATES, WARN

WORKFLOWS: Final = Selection(oid='oid=~"$oid"', cid='cid=~"$cid"')

_WORKFLOW: Final = ("oid", "cid")
_LAST_STATE: Final = "browsertrix_workflow_last_state"
_UNKNOWN: Final = "no workflow is known: --browsertrix.url turns this on"
_FAILURE: Final = frozenset({"failed", "failed_not_logged_in"})
_MOST: Final = 20
"""Lines of a panel over time."""

_CHOSEN: Final = Variable(
    name="cid",
    label="Workflow",
    query=f'query_result({WORKFLOW_NAMES}{{cluster=~"$cluster", oid=~"$oid"}})',
    regex='/cid="(?<value>[^"]+)|workflow="(?<text>[^"]+)/g',
)
_TO_WORKFLOW: Final = (
    "Look at this workflow",
    to_dashboard("browsertrix-workflows", oid="oid", cid="cid"),
)


def _of(metric: str, *matchers: str) -> str:
    return WORKFLOWS.merged(f"browsertrix_workflow_{metric}", *matchers, labels=_WORKFLOW)


def _recorded(record: str) -> str:
    """A record of every five minutes, which a look at five minutes may just miss."""
    return f"last_over_time({WORKFLOWS.matching(record, _WORKFLOW)}[10m])"


def _lines(expression: str) -> str:
    """Those of the workflows that ran last: the same all along, so that no line has gaps."""
    began = WORKFLOWS.selector("browsertrix_workflow_last_run_timestamp_seconds")
    latest = topk(_MOST, f"max {by(*_WORKFLOW)} ({began} @ end())")
    return with_workflow(f"({expression}) and {on(*_WORKFLOW)} {latest}")


def _count(expression: str) -> Query:
    return Query(expr=f"count({expression}) or vector(0)", instant=True)


_SCHEDULED: Final = WORKFLOWS.merged("browsertrix_workflows", 'kind="scheduled"')
_COLUMNS: Final = (
    Label(label="workflow", title="Workflow", link=_TO_WORKFLOW),
    OWNER_COLUMN,
    HIDDEN_ORGANISATION,
    Label(label="cid"),
)


def _when(title: str, metric: str, where: str = "") -> Value:
    expr = f"{_of(metric)} * 1000 {where}".rstrip()
    return Value(title=title, expr=expr, unit="dateTimeAsIso", width=165)


def _when_missed(title: str, metric: str) -> Value:
    return _when(title, metric, f"and {on(*_WORKFLOW)} {_recorded(MISSED_RUN)}")


def _run_by_run(title: str, description: str, metric: str, config: FieldConfig) -> Panel:
    return time_series(
        title,
        f"{description} of the newest run that ended: a step is a run. Of the {_MOST} workflows "
        "that ran last.",
        Query(expr=_lines(_of(metric)), legend="{{workflow}}"),
        config=config,
    )


_OUTCOMES: Final = (
    (SUCCESSFUL, "ended well", OUTCOMES["complete"]),
    (RUNNING, "running", STATES["running"]),
    (WAITING, "waiting", STATES["waiting_capacity"]),
    (PAUSED, "paused", STATES["paused"]),
    (FAILED - _FAILURE, "canceled or skipped", QUIET),
    (_FAILURE, "failed", BAD),
)
"""States together, from the least that somebody must look at to the most; each is a number."""


def _history() -> str:
    each = (
        f"{_of('last_state', one_of('state', states))} * {number}"
        for number, (states, _, _) in enumerate(_OUTCOMES)
    )
    return _lines(f" or {on(*_WORKFLOW)} ".join(each))


_NOW: Final = row(
    "Now",
    line(
        3,
        text(
            "Where this comes from",
            "All of it is what Browsertrix's own API says, asked every few minutes. It is empty "
            "until the exporter is told where that is: `--browsertrix.url`, and a superadmin's "
            "password or token in a file (docs/browsertrix-api.md). `--no-browsertrix.workflows` "
            "turns workflows off again, and `--no-browsertrix.names` shows ids instead of names.",
        ),
    ),
    line(
        4,
        stat(
            "Scheduled",
            "Workflows with a schedule, of the organisations chosen.",
            Query(expr=f"sum({_SCHEDULED})"),
        ),
        stat(
            "Missed their run",
            "Scheduled workflows that should have run and did not: as the alert has it.",
            _count(_recorded(MISSED_RUN)),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Failing in a row",
            "Workflows whose last two runs at least have failed.",
            _count(f"{_recorded(FAILURES)} > 1"),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Came back empty",
            "Workflows whose last run is complete without a page, and that had pages before: as "
            "the alert has it.",
            _count(_recorded(EMPTY_RUN)),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Running now",
            "Workflows a crawl of which runs, waits or is paused.",
            Query(expr=f"sum({_of('running')})"),
        ),
        stat(
            "Left out",
            "Workflows of all organisations that are missing here, for want of a larger "
            "--browsertrix.workflows.max.",
            Query(expr=f"sum({WORKFLOWS.merged('browsertrix_workflows_left_out')})", instant=True),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
    ),
)
_LISTS: Final = row(
    "Which",
    line(
        11,
        table(
            "Workflows",
            "Those with a schedule or a run within 90 days; what ran last is on top. Failures are "
            "those in a row; duration, size and pages those of the newest run that ended.",
            *_COLUMNS,
            Value(expr=with_workflow(_of("info"))),
            Label(label="state", title="Last state", colours=STATES, width=200),
            Value(expr=f"topk by (cluster, oid, cid) (1, {WORKFLOWS.merged(_LAST_STATE)})"),
            _when("Last run", "last_run_timestamp_seconds"),
            _when("Last success", "last_success_timestamp_seconds"),
            Value(
                title="Failures",
                expr=_of("consecutive_failures"),
                width=85,
                decimals=0,
                thresholds=((None, GOOD), (1, WARN), (2, BAD)),
            ),
            Value(title="Duration", expr=_of("last_duration_seconds"), unit="s", width=95),
            Value(title="Size", expr=_of("last_size_bytes"), unit="bytes", width=90),
            Value(title="Pages", expr=_of("last_pages"), unit="none", width=80),
            _when("Next run", "next_run_timestamp_seconds"),
            Value(title="Runs", expr=_of("crawls"), unit="none", width=70),
            Value(title="Successful", expr=_of("crawls_successful"), unit="none", width=95),
            sort="Last run",
            config=FieldConfig(no_value=_UNKNOWN),
        ),
    ),
    line(
        7,
        table(
            "Missed runs",
            "Scheduled workflows that did not run within the time the alert gives them: what is "
            "overdue longest is on top. Organisations that are read-only or have used up a quota "
            "are left out.",
            *_COLUMNS,
            Value(
                title="Overdue",
                expr=with_workflow(_recorded(MISSED_RUN)),
                unit="s",
                width=110,
                thresholds=((None, WARN), (86400, BAD)),
            ),
            _when_missed("Should have run", "scheduled_timestamp_seconds"),
            _when_missed("Last run", "last_run_timestamp_seconds"),
            _when_missed("Next run", "next_run_timestamp_seconds"),
            sort="Overdue",
            config=FieldConfig(no_value="no run was missed"),
        ),
    ),
)


_RUNS: Final = row(
    "Run by run",
    line(
        8,
        _run_by_run(
            "Duration", "How long it took,", "last_duration_seconds", FieldConfig(unit="s", min=0)
        ),
        _run_by_run("Size", "Bytes", "last_size_bytes", FieldConfig(unit="bytes", min=0)),
        _run_by_run("Pages", "Pages", "last_pages", FieldConfig(min=0, decimals=0)),
    ),
    line(
        9,
        state_timeline(
            "State of the newest run",
            "Teal ended well, green runs, blue waits, purple is paused, grey was canceled or "
            f"skipped, red failed. Of the {_MOST} workflows that ran last.",
            Query(expr=_history(), legend="{{workflow}}"),
            config=FieldConfig(
                thresholds=tuple(
                    (number or None, colour) for number, (_, _, colour) in enumerate(_OUTCOMES)
                ),
                mappings={str(number): what for number, (_, what, _) in enumerate(_OUTCOMES)},
            ),
            by_value=True,
        ),
    ),
)


_RUN_BEGAN: Final = (
    f"{_of('last_run_timestamp_seconds')} "
    f"and {on(*_WORKFLOW)} {_of('last_state', one_of('state', _FAILURE))}"
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-workflows",
    title="Browsertrix / Workflows",
    description="Which workflows ran, failed or did not run, and background jobs.",
    variables=(CLUSTER, KNOWN_ORGANISATION, _CHOSEN),
    annotations=(
        Annotation(
            name="Failed runs",
            expr=f"({with_workflow(_RUN_BEGAN)}) * 1000",
            colour=BAD,
            title="A run began that failed",
            text="{{workflow}} of {{organisation}}",
            tags="cid",
            use_value_for_time=True,
        ),
    ),
    rows=(_NOW, _LISTS, _RUNS, BACKGROUND_JOBS),
    time_from="now-7d",
)

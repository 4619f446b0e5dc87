"""Browsertrix's background jobs: what failed, what runs, and for how long; a row of panels."""

from typing import Final

from dashboards.dashboard import line, row
from dashboards.fields import BAD_FROM_ONE, FieldConfig
from dashboards.names import with_organisation
from dashboards.panels import Query, stat, time_series
from dashboards.promql import Selection
from dashboards.tables import HIDDEN_ORGANISATION, OWNER_COLUMN, Label, Value, table
from exporter.rules import Thresholds
from exporter.rules.promql import by
from exporter.web.colours import BAD, GOOD, WARN

_SELECTED: Final = Selection(oid='oid=~"$oid"')
_JOBS: Final = "browsertrix_background_jobs"
_UNFINISHED: Final = "browsertrix_background_jobs_oldest_unfinished_timestamp_seconds"
_OF_JOBS: Final = ("oid", "type")
_HOLD: Final = Thresholds().job_hold
"""Seconds after which the alert fires, where nobody set another."""


def _jobs(*matchers: str, labels: tuple[str, ...] = ()) -> str:
    return _SELECTED.merged(_JOBS, *matchers, labels=labels)


_FAILED_JOBS: Final = _jobs('state="failed"', labels=_OF_JOBS)
_AGE: Final = f"time() - {_SELECTED.merged(_UNFINISHED, merge='min')}"
BACKGROUND_JOBS: Final = row(
    "Background jobs",
    line(
        8,
        stat(
            "Failed jobs",
            "Background jobs that failed and were not done again since.",
            Query(expr=f"sum({_FAILED_JOBS}) or vector(0)"),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Oldest unfinished",
            "How long the job that was begun first has run; red from when its alert fires, if "
            "nobody set that otherwise, orange from half of it.",
            Query(expr=f"max({_AGE})", instant=True),
            FieldConfig(
                unit="s",
                thresholds=((None, GOOD), (_HOLD / 2, WARN), (_HOLD, BAD)),
                no_value="none runs",
            ),
        ),
        time_series(
            "Jobs by type",
            "Background jobs that run or failed, of the organisations chosen.",
            Query(
                expr=f"sum by (state, type) ({_jobs()})",
                legend="{{state}}: {{type}}",
            ),
            config=FieldConfig(min=0, decimals=0),
        ),
        table(
            "Jobs by organisation",
            "An empty organisation: the job is about all of them.",
            Label(label="type", title="Job"),
            OWNER_COLUMN,
            HIDDEN_ORGANISATION,
            Value(expr=with_organisation(f"sum {by(*_OF_JOBS)} ({_jobs()})")),
            Value(
                title="Failed",
                expr=_FAILED_JOBS,
                width=80,
                decimals=0,
                thresholds=BAD_FROM_ONE,
            ),
            Value(
                title="Running",
                expr=_jobs('state="running"', labels=_OF_JOBS),
                width=85,
                decimals=0,
            ),
            Value(title="Oldest", expr=_AGE, unit="s", width=110),
            sort="Failed",
            config=FieldConfig(no_value="no job runs or failed"),
        ),
        widths=(3, 4, 8, 9),
    ),
)

"""The families of Browsertrix's background jobs."""

from typing import Final

from exporter.metrics.catalog.family import Family, Group

BACKGROUND_JOBS: Final = Family(
    name="browsertrix_background_jobs",
    help="Background jobs that run, and that failed and were not done again since. Without oid "
    "where they are about all organisations.",
    source="jobs: count by type and success",
    group=Group.ORGANISATION,
    labels=("oid", "state", "type"),
)
OLDEST_UNFINISHED: Final = Family(
    name="browsertrix_background_jobs_oldest_unfinished_timestamp_seconds",
    help="When the oldest of the jobs that run was started, in seconds since 1970.",
    source="jobs: the least started",
    group=Group.ORGANISATION,
    labels=("oid", "type"),
    unit="seconds",
)
BACKGROUND_JOB_FAMILIES: Final = (BACKGROUND_JOBS, OLDEST_UNFINISHED)

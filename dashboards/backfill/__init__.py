"""A real Prometheus, backfilled with hours of simulated history, to run every query on.

``scenarios`` says which crawls there are, ``history`` writes what would have been scraped while
they ran, ``past`` what was recorded in the days before, and ``prometheus`` makes blocks of that and
serves them. Used by tests and pictures only.
"""

from dashboards.backfill.history import History, write_history
from dashboards.backfill.prometheus import (
    Backfill,
    ProgramMissingError,
    Prometheus,
    backfill,
    backfilled_prometheus,
)

__all__ = [
    "Backfill",
    "History",
    "ProgramMissingError",
    "Prometheus",
    "backfill",
    "backfilled_prometheus",
    "write_history",
]

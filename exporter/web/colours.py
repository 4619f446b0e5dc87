"""The colours of states, roles and reasons: the same on every dashboard and on the status page.

Green runs, blue waits, purple is paused, teal ended well, red failed, grey was called off. Within
a group the shades differ, so that each state keeps a colour of its own wherever it appears.
"""

from collections.abc import Mapping
from typing import Final

GOOD: Final = "#73BF69"
NOTICE: Final = "#5794F2"
WARN: Final = "#FF9830"
BAD: Final = "#F2495C"
QUIET: Final = "#8E9BAA"

STATES: Final[Mapping[str, str]] = {
    # running
    "running": "#73BF69",
    "pending-wait": "#B5E0A9",
    "generate-wacz": "#37872D",
    "uploading-wacz": "#56A64B",
    "rate-limited": "#FADE2A",
    # waiting
    "starting": "#8AB8FF",
    "waiting_capacity": "#5794F2",
    "waiting_org_limit": "#3274D9",
    "waiting_dedupe_index": "#1F60C4",
    # paused
    "paused": "#B877D9",
    "paused_storage_quota_reached": "#8F3BB8",
    "paused_time_quota_reached": "#A352CC",
    "paused_org_readonly": "#CA95E5",
    "paused_rate_limit_time_reached": "#DEB6F2",
    # ended well
    "complete": "#2EB0A6",
    "stopped_by_user": "#6ED0E0",
    # ended before its time
    "stopped_pause_expired": "#E0529C",
    "stopped_storage_quota_reached": "#F29191",
    "stopped_time_quota_reached": "#F2A291",
    "stopped_org_readonly": "#F2B391",
    "stopped_quota_reached": "#F2C491",
    "skipped_storage_quota_reached": "#FA6400",
    "skipped_time_quota_reached": "#FF780A",
    "skipped_quota_reached": "#FFB357",
    # failed, or called off
    "failed": "#F2495C",
    "failed_not_logged_in": "#C4162A",
    "canceled": "#8E9BAA",
    # neither a crawl nor known
    "processing-upload": "#705DA0",
    "unknown": "#C8C8C8",
}
"""By state. Grafana colours the states of a newer Browsertrix by itself."""

TRANSITIONS: Final[Mapping[str, str]] = {
    "pausing": "#D9A8F0",
    "resuming": "#9FD89A",
    "stopping": "#FFB357",
    "canceling": "#A9B4C0",
}
"""A paler shade of the state that the transition leads to."""

OUTCOMES: Final[Mapping[str, str]] = {
    "complete": STATES["complete"],
    "stopped": STATES["stopped_pause_expired"],
    "failed": STATES["failed"],
    "canceled": STATES["canceled"],
    "skipped": STATES["skipped_time_quota_reached"],
    "other": STATES["unknown"],
}

ROLES: Final[Mapping[str, str]] = {
    "crawler": "#5794F2",
    "redis": "#B877D9",
    "job": "#5794F2",
    "qa-job": "#B877D9",
}
"""Of pods and of crawls."""

EXIT_REASONS: Final[Mapping[str, str]] = {
    "done": "#2EB0A6",
    "interrupt": "#5794F2",
    "oom": "#F2495C",
    "evicted": "#FF9830",
    "other": "#C8C8C8",
}

RESTART_REASONS: Final[Mapping[str, str]] = {
    "newMemory": "#B877D9",
    "newCpu": "#5794F2",
    "evicted": EXIT_REASONS["evicted"],
    "forced": "#8E9BAA",
}

PHASES: Final[Mapping[str, str]] = {
    "Running": STATES["running"],
    "Pending": STATES["waiting_capacity"],
    "Succeeded": STATES["complete"],
    "Failed": STATES["failed"],
    "Unknown": STATES["unknown"],
}
"""Of pods."""

SEVERITIES: Final[Mapping[str, str]] = {"critical": BAD, "warning": WARN, "info": NOTICE}

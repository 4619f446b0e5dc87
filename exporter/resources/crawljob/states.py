"""The values Browsertrix writes for where a crawl stands and why it stopped.

Both are open sets: a newer Browsertrix may bring new ones, and they are passed on, never
dropped. What is known here is grouped, so that zeros can be served for states that no crawl is in.
Source: Browsertrix 1.10 to 1.24 (``backend/btrixcloud/models.py``, ``operator/models.py``).
"""

from typing import Final

RUNNING: Final = frozenset(
    {"running", "pending-wait", "generate-wacz", "uploading-wacz", "rate-limited"}
)
WAITING: Final = frozenset(
    {"starting", "waiting_capacity", "waiting_org_limit", "waiting_dedupe_index"}
)
PAUSED: Final = frozenset(
    {
        "paused",
        "paused_storage_quota_reached",
        "paused_time_quota_reached",
        "paused_org_readonly",
        "paused_rate_limit_time_reached",
    }
)
FAILED: Final = frozenset(
    {
        "canceled",
        "failed",
        "failed_not_logged_in",
        "skipped_storage_quota_reached",
        "skipped_time_quota_reached",
        "skipped_quota_reached",  # before 1.12
    }
)
SUCCESSFUL: Final = frozenset(
    {
        "complete",
        "stopped_by_user",
        "stopped_pause_expired",
        "stopped_storage_quota_reached",
        "stopped_time_quota_reached",
        "stopped_org_readonly",
        "stopped_quota_reached",  # before 1.12
    }
)
UPLOAD: Final = frozenset({"processing-upload"})

ENDED: Final = FAILED | SUCCESSFUL
KNOWN_STATES: Final = tuple(sorted(RUNNING | WAITING | PAUSED | FAILED | SUCCESSFUL | UPLOAD))

KNOWN_STOP_REASONS: Final = (
    "stopped_by_user",
    "paused",
    "stopped_pause_expired",
    "time-limit",
    "size-limit",
    "stopped_storage_quota_reached",
    "stopped_time_quota_reached",
    "stopped_org_readonly",
    "paused_storage_quota_reached",
    "paused_time_quota_reached",
    "paused_rate_limit_time_reached",
    "paused_org_readonly",
)

STATE_BEFORE_FIRST_STATUS: Final = "starting"
"""What Browsertrix itself reads where a status has no state yet (its ``CrawlStatus`` default)."""

UNKNOWN_STATE: Final = "unknown"
"""Ours: a state that could not be read, and the end of a crawl that was not observed."""
UNKNOWN_STOP_REASON: Final = "unknown"
"""Ours: it may have ended by a limit, and nobody saw whether it did."""

KNOWN_EXIT_REASONS: Final = ("done", "oom", "interrupt")
KNOWN_RESTART_REASONS: Final = ("newMemory", "newCpu", "evicted", "forced")

EXIT_CODES: Final = {
    0: "success",
    1: "generic error",
    3: "out of space",
    4: "invalid configuration",
    8: "redis unavailable",
    9: "failed",
    10: "browser crashed",
    11: "interrupted",
    12: "failed-pages limit",
    13: "interrupted (forced)",
    14: "size limit",
    15: "time limit",
    16: "disk-use limit",
    17: "fatal error",
    18: "rate limited",
    21: "proxy error",
    22: "upload failed",
    137: "out of memory",
}
"""Exit codes of the crawler and what they mean. Source: browsertrix-crawler, ``constants.ts``."""

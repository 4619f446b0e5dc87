"""Metrics that the dashboards ask for and the catalog does not have yet; to be removed with it.

Those of the history room (issue 3), as ``exporter.history.tallies`` names them.
"""

from typing import Final

PENDING: Final[dict[str, tuple[str, ...]]] = {
    "browsertrix_crawls_finished_total": ("namespace", "state", "stop_reason"),
    "browsertrix_crawl_states_entered_total": ("namespace", "state"),
    "browsertrix_crawl_pauses_total": ("namespace",),
    "browsertrix_crawl_resumes_total": ("namespace",),
    "browsertrix_crawls_vanished_total": ("namespace",),
    "browsertrix_pod_exits_total": ("namespace", "role", "reason"),
    "browsertrix_pod_evictions_total": ("namespace", "role"),
    "browsertrix_pod_oom_kills_total": ("namespace", "role"),
    "browsertrix_pod_restarts_total": ("namespace", "reason"),
    "browsertrix_org_exec_seconds_total": ("namespace", "oid", "role"),
    "browsertrix_org_pages_total": ("namespace", "oid", "role"),
    "browsertrix_org_bytes_total": ("namespace", "oid", "role"),
    "browsertrix_crawl_duration_seconds_bucket": ("namespace", "outcome", "le"),
    "browsertrix_crawl_wait_seconds_bucket": ("namespace", "le"),
    "browsertrix_crawl_pause_length_seconds_bucket": ("namespace", "le"),
    "browsertrix_crawl_paused_seconds": ("namespace", "oid", "crawl"),
    "browsertrix_exporter_ledger_failing": (),
    "browsertrix_exporter_ledger_writes_total": (),
    "browsertrix_exporter_ledger_failures_total": (),
}
"""Labels by sample name."""

"""The counters and histograms of history, as a user queries them."""

from typing import Final

FINISHED: Final = "browsertrix_crawls_finished_total"
STATES_ENTERED: Final = "browsertrix_crawl_states_entered_total"
PAUSES: Final = "browsertrix_crawl_pauses_total"
RESUMES: Final = "browsertrix_crawl_resumes_total"
VANISHED: Final = "browsertrix_crawls_vanished_total"
POD_EXITS: Final = "browsertrix_pod_exits_total"
POD_EVICTIONS: Final = "browsertrix_pod_evictions_total"
POD_OOM_KILLS: Final = "browsertrix_pod_oom_kills_total"
POD_RESTARTS: Final = "browsertrix_pod_restarts_total"
EXEC_SECONDS: Final = "browsertrix_org_exec_seconds_total"
PAGES: Final = "browsertrix_org_pages_total"
BYTES: Final = "browsertrix_org_bytes_total"
DURATION: Final = "browsertrix_crawl_duration_seconds"
WAIT: Final = "browsertrix_crawl_wait_seconds"
PAUSE_LENGTH: Final = "browsertrix_crawl_pause_length_seconds"

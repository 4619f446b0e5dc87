"""Defaults that the packages share with the options: what they do when nothing is set."""

from typing import Final

DEFAULT_PORT: Final = 10937
"""No exporter in Prometheus' list of port allocations uses it."""
DEFAULT_TELEMETRY_PATH: Final = "/metrics"

DEFAULT_HOOK_PORT: Final = 9878
DEFAULT_RESYNC_PERIOD: Final = 60.0
"""Seconds until metacontroller calls again about a CrawlJob that does not change."""

DEFAULT_IDLE_LIMIT: Final = 90.0
"""Seconds without a byte. Bookmarks come about every 60."""

DEFAULT_USAGE_INTERVAL: Final = 15.0
"""Seconds: metrics-server's own ``--metric-resolution``."""

DEFAULT_PAUSE_LIMIT: Final = 7 * 24 * 3600.0
"""Seconds. Browsertrix's ``PAUSED_CRAWL_LIMIT_MINUTES`` default (10080); not in the object."""

DEFAULT_BROWSERTRIX_INTERVAL: Final = 60.0
"""Seconds between two lists of Browsertrix's organisations."""
DEFAULT_MAX_WORKFLOWS: Final = 2000

DEFAULT_RETENTION: Final = 86400.0
"""Seconds a finished crawl is served after its object is deleted, and an event is kept."""
DEFAULT_MAX_FINISHED: Final = 100_000

DEFAULT_RUNBOOKS: Final = (
    "https://github.com/browsertrix-exporter/browsertrix-exporter/blob/main/docs/runbooks"
)
"""The folder of this repository."""

DEFAULT_CLUSTER_LABEL: Final = "cluster"
"""As kube-prometheus-stack's users, Thanos and Mimir call it."""

"""Every number of the alerts, each with its reason: the one place to tune them.

Durations are written as in PromQL (``30m``, ``4h``); a ``…_HOLD`` is an alert's ``for``, which
Prometheus itself calls the hold duration. After a change: ``python -m alerts``. How long an event
alert is active stands, with its reason, in ``exporter/alerting/event_alerts.py``: the exporter,
which can post event alerts by itself, needs it too.
"""

from typing import Final

from exporter.alerting import event_alerts
from exporter.alerting.event_alerts import format_duration

# Lost scrapes -------------------------------------------------------------------------------

BRIDGE: Final = "5m"
"""How long a lost scrape may hide a condition. A restart of the exporter costs one or two scrapes,
and Prometheus itself looks back 5 minutes; conditions with a ``for`` of 30m or more look over such
a gap, shorter ones keep firing through it."""

# Ended as …: browsertrix-ended --------------------------------------------------------------

ENDED_WINDOW_SECONDS: Final = event_alerts.ENDED_SECONDS
ENDED_WINDOW: Final = format_duration(ENDED_WINDOW_SECONDS)

FAILURE_RATIO: Final = 0.5
FAILURES: Final = 5
"""Failed crawls of the last hour, as a share and in number. A site that is down fails one workflow;
half of all crawls failing is the cluster, the proxy or the storage. Five, since of two crawls
one failing is no rate."""

# Paused: browsertrix-paused -----------------------------------------------------------------

PAUSE_DAY_SECONDS: Final = 86_400
PAUSE_HOUR_SECONDS: Final = 3_600
"""Warnings before a paused crawl is given up. A day is a working day to find the owner in; the hour
pages, for it is the last chance."""
PAUSE_HOLD: Final = "5m"
"""Browsertrix writes ``pausedAt`` and the state in separate steps; five minutes let them settle."""

# Limits: browsertrix-limits -----------------------------------------------------------------

LIMIT_NEAR: Final = 0.9
"""Share of the size or time limit from which to warn. A crawl that ends at its limit is
``complete`` to Browsertrix: nothing else says that pages are missing."""
LIMIT_NEAR_HOLD: Final = "5m"
SIZE_HORIZON: Final = "4h"
SIZE_HORIZON_SECONDS: Final = 4 * 3600
"""Half a working day: time to raise the limit or narrow the scope."""
TIME_HORIZON: Final = "1h"
TIME_HORIZON_SECONDS: Final = 3600
"""Elapsed time runs at one second a second, so a longer look ahead would only repeat the limit."""
PREDICTION_WINDOW: Final = "1h"
PREDICTION_SAMPLES: Final = 10
PREDICTION_AGE: Final = "20m"
PREDICTION_LEVEL: Final = 0.5
PREDICTION_HOLD: Final = "10m"
"""A line through two samples pages at 3 a.m.: a prediction needs ten, the first of them 20 minutes
old (rules can be evaluated more often than exporters are scraped), half the limit used, a rising
line, and all that for ten minutes. Crawls grow in bursts as archive files are closed."""

# Pods: browsertrix-pods ---------------------------------------------------------------------

MEMORY_NEAR: Final = 0.95
MEMORY_HOLD: Final = "10m"
"""Browsertrix's auto-resize acts at 0.90 and needs a few minutes; above that it did not help."""
CPU_NEAR: Final = 0.95
CPU_HOLD: Final = "30m"
"""Browsers use all they get for minutes on end; half an hour means that it slows the crawl."""
STORAGE_NEAR: Final = 0.8
STORAGE_HOLD: Final = "5m"
"""The crawler stops itself at 90 % of its disk (``disk_utilization_threshold``)."""
EVICTED_WINDOW: Final = format_duration(event_alerts.EVICTED_SECONDS)
EVICTED_BRIDGE: Final = "2m"
"""``evicted`` is true until the replacement is seen, which can be one scrape only; the bridge must
be longer than the interval of the rules' evaluation, so that none is missed."""
EVICTION_STORM: Final = 5
EVICTION_STORM_WINDOW: Final = "15m"
"""One eviction is Kubernetes at work; five in a quarter of an hour are a node in trouble."""
EXIT_WINDOW_SECONDS: Final = event_alerts.EXIT_SECONDS
EXIT_WINDOW: Final = format_duration(EXIT_WINDOW_SECONDS)
EVICTION_OF_EXIT_WINDOW: Final = "2h"
"""An evicted pod's exit shows as out of memory and stays in the status; evictions are looked back
on for longer than exits, so that such an exit is never taken for one."""
REDIS_OOM_WINDOW: Final = "15m"
CRASHES: Final = 3
CRASHES_WINDOW: Final = "1h"
"""Browsertrix restarts a crashed crawler up to a thousand times; three times an hour means that it
crashes on the same page again and again."""
CRASH_LOOP_HOLD: Final = "15m"
"""Kubernetes waits up to 5 minutes between restarts: a quarter of an hour is several of them."""
RESTART_HOLD: Final = "30m"
"""Before it restarts, a crawler is given time to finish its page and to commit its data."""

# Stuck: browsertrix-stuck -------------------------------------------------------------------

CAPACITY_HOLD: Final = "30m"
"""A cluster autoscaler brings a node in ten minutes; crawls have waited here for 13 days unseen."""
ORG_LIMIT_HOLD: Final = "12h"
"""Waiting in an organisation's own queue is what its limit is for; overnight is worth knowing."""
DEDUPE_INDEX_HOLD: Final = "1h"
"""An index is restored from its backup in minutes."""
STARTING_HOLD: Final = "15m"
"""Browsertrix itself calls a start slow after 150 s; large images are pulled in ten minutes."""
PROGRESS_WINDOW: Final = "30m"
PROGRESS_SAMPLES: Final = 10
PROGRESS_HOLD: Final = "30m"
"""Together an hour without one page. Pages with long behaviours take up to 10 minutes."""
PAUSING_HOLD: Final = "30m"
RESUMING_HOLD: Final = "30m"
"""Pausing ends pages at work and uploads what there is; resuming needs a node, as starting does."""
STOPPING_HOLD: Final = "1h"
"""Stopping writes and uploads the last archive files."""
UPLOADING_HOLD: Final = "2h"
"""Sessions are at most 10 GB: two hours are 1.4 MB/s."""
NOT_DELETED_SECONDS: Final = 900
NOT_DELETED_HOLD: Final = "5m"
"""Browsertrix removes a finished CrawlJob after 30 to 40 s, longer only while pods drain."""
RATE_LIMITED_SECONDS: Final = 3600
RATE_LIMITED_HOLD: Final = "5m"
"""Browsertrix pauses a crawl rate limited for 12 hours (``rate_limit_max_duration_minutes``)."""

# The exporter itself: browsertrix-exporter --------------------------------------------------

DOWN_HOLD: Final = "5m"
NOT_SYNCED_HOLD: Final = "5m"
"""A restart with 10,000 CrawlJobs takes 5 seconds, with pulling an image a minute or two."""
WATCH_STALE_SECONDS: Final = 300
WATCH_HOLD: Final = "5m"
"""The API server sends a bookmark about every minute, and the exporter reconnects after 90 s
without one."""
MALFORMED_HOLD: Final = "15m"
UNUSABLE_WINDOW: Final = "1h"
TASK_RESTARTS: Final = 3
TASK_WINDOW: Final = "30m"
"""One odd answer may end a part once; its next run is not answered the same."""
LEDGER_HOLD: Final = "5m"
"""Writing is tried again at least every 30 s, so five minutes are ten failures."""
DELIVERY_HOLD: Final = "5m"
"""A restart of Alertmanager takes less; well within the hour for which an event is posted."""
SCRAPE_SECONDS: Final = 5
SCRAPE_QUANTILE: Final = 0.9
SCRAPE_WINDOW: Final = "15m"
SCRAPE_HOLD: Final = "15m"
"""Half of Prometheus's usual ``scrape_timeout`` of 10 s; beyond it every scrape is lost."""

"""Recording rules: what is queried most, and what several alerts stand on.

Names are level:metric:operation, as Prometheus recommends. All merge a pair of exporters, so their
series have no ``instance``. Those that alerts stand on are in the alerts' own groups: there they
are evaluated right before them.
"""

from typing import Final

from alerts.promql import by, on
from alerts.rule import RecordingRule, RuleGroup
from alerts.thresholds import EVICTED_BRIDGE, EVICTION_OF_EXIT_WINDOW, EVICTION_STORM_WINDOW
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS

_NO_CRASHES: Final = (0, 11, 13, 14, 15, 18)
"""Exit codes that are no crashes: ends and restarts on request, the size and the time limit, and
rate limited (Browsertrix lets Kubernetes' growing delay slow such a crawl down). Any other is one,
also those of newer releases. Source: browsertrix-crawler's exit codes, ``log_crashes``."""


def _usage(resource: str, unit: str) -> RecordingRule:
    """Usage over all pods whose usage is known; one of unknown usage counts on neither side."""
    used = f"browsertrix_pod_{resource}_used_{unit}"
    allocated = f"browsertrix_pod_{resource}_allocated_{unit}"
    return RecordingRule(
        name=f"namespace:browsertrix_pod_{resource}_usage:ratio",
        description=f"{resource.upper() if resource == 'cpu' else resource.capitalize()} used over "
        "allocated, of the pods whose usage is known",
        labels=("namespace",),
        expr=f"""\
sum by (namespace) (max {by(*POD_LABELS)} ({used}))
/
sum by (namespace) (
  max {by(*POD_LABELS)} ({allocated})
  and {on(*POD_LABELS)} {used}
)""",
    )


CRAWLS: Final = (
    RecordingRule(
        name="namespace_state:browsertrix_crawls:max",
        description="Crawls by state, zeros included",
        labels=("namespace", "state"),
        expr="max by (namespace, state) (browsertrix_crawls)",
    ),
    RecordingRule(
        name="namespace_oid_state:browsertrix_crawl_state:count",
        description="Crawls by organisation and state",
        labels=("namespace", "oid", "state"),
        expr=f"""\
count by (namespace, oid, state) (
  max {by(*CRAWL_LABELS, "state")} (browsertrix_crawl_state)
)""",
    ),
)

LIMITS: Final = (
    RecordingRule(
        name="crawl:browsertrix_crawl_size_limit:ratio",
        description="Archived bytes over the size limit, of crawls that have one",
        labels=CRAWL_LABELS,
        expr=f"""\
max {by(*CRAWL_LABELS)} (browsertrix_crawl_size_bytes)
/ (max {by(*CRAWL_LABELS)} (browsertrix_crawl_size_limit_bytes) > 0)""",
    ),
    RecordingRule(
        name="crawl:browsertrix_crawl_timeout:ratio",
        description="Elapsed seconds over the time limit, of crawls that have one",
        labels=CRAWL_LABELS,
        expr=f"""\
max {by(*CRAWL_LABELS)} (browsertrix_crawl_elapsed_seconds)
/ (max {by(*CRAWL_LABELS)} (browsertrix_crawl_timeout_seconds) > 0)""",
    ),
)

ENDS: Final = (
    RecordingRule(
        name="namespace_state:browsertrix_crawls_finished:increase1h",
        description="Crawls that finished within the last hour, by state",
        labels=("namespace", "state"),
        expr="""\
sum by (namespace, state) (
  max by (namespace, state, stop_reason) (increase(browsertrix_crawls_finished_total[1h]))
)""",
    ),
    RecordingRule(
        name="namespace_state:browsertrix_crawls_finished:increase1d",
        description="Crawls that finished within the last day, by state",
        labels=("namespace", "state"),
        expr="""\
sum by (namespace, state) (
  max by (namespace, state, stop_reason) (increase(browsertrix_crawls_finished_total[1d]))
)""",
    ),
    RecordingRule(
        name="namespace:browsertrix_crawls_failed:increase1h",
        description="Crawls that failed within the last hour",
        labels=("namespace",),
        expr="""\
sum by (namespace) (
  namespace_state:browsertrix_crawls_finished:increase1h{state=~"failed|failed_not_logged_in"}
)""",
    ),
    RecordingRule(
        name="namespace:browsertrix_crawls_failed:ratio1h",
        description="Failed over finished crawls of the last hour; canceled and skipped ones are "
        "neither",
        labels=("namespace",),
        expr="""\
namespace:browsertrix_crawls_failed:increase1h
/ (
  sum by (namespace) (
    namespace_state:browsertrix_crawls_finished:increase1h{state!~"canceled|skipped_.*"}
  ) > 0
)""",
    ),
)

USAGE: Final = (
    _usage("memory", "bytes"),
    _usage("cpu", "cores"),
    _usage("storage", "bytes"),
)

PODS: Final = (
    RecordingRule(
        name="namespace_role:browsertrix_pod_evictions:increase15m",
        description="Evictions within a quarter of an hour, by the role of the pod",
        labels=("namespace", "role"),
        expr="max by (namespace, role) "
        f"(increase(browsertrix_pod_evictions_total[{EVICTION_STORM_WINDOW}]))",
    ),
    RecordingRule(
        name="pod:browsertrix_pod_evicted:max",
        description="1 for a pod that is or just was evicted; no series for all others, which "
        "makes it cheap to look back on",
        labels=POD_LABELS,
        expr=f"""\
max {by(*POD_LABELS)} (max_over_time(browsertrix_pod_evicted[{EVICTED_BRIDGE}])) == 1""",
    ),
    RecordingRule(
        name="pod:browsertrix_pod_oom_exit_timestamp_seconds:max",
        description="When the pod's last exit was, if that was for want of memory and no eviction",
        labels=POD_LABELS,
        expr=f"""\
max {by(*POD_LABELS)} (
  browsertrix_pod_exit_timestamp_seconds
  and {on(*POD_LABELS)} browsertrix_pod_info{{exit_reason="oom"}}
)
unless last_over_time(pod:browsertrix_pod_evicted:max[{EVICTION_OF_EXIT_WINDOW}])""",
    ),
    RecordingRule(
        name="pod:browsertrix_pod_out_of_space_exit_timestamp_seconds:max",
        description="When the pod's last exit was, if that was for want of disk space",
        labels=POD_LABELS,
        expr=f"""\
max {by(*POD_LABELS)} (
  browsertrix_pod_exit_timestamp_seconds
  and {on(*POD_LABELS)} browsertrix_pod_exit_code == 3
)""",
    ),
)

CRASHES: Final = (
    RecordingRule(
        name="pod:browsertrix_pod_crash_timestamp_seconds:max",
        description="When the pod's last exit was, if that was a crash; never stepping back",
        labels=POD_LABELS,
        expr=f"""\
max {by(*POD_LABELS)} (
  max_over_time(browsertrix_pod_exit_timestamp_seconds[10m])
  and {on(*POD_LABELS)} (
    browsertrix_pod_exit_code {" ".join(f"!= {code}" for code in _NO_CRASHES)}
  )
)""",
    ),
)

GROUP: Final = RuleGroup(
    name="browsertrix-records",
    topic="Recording rules",
    interval="1m",
    rules=(*CRAWLS, *USAGE),
)

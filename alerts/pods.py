"""Pods: near their allocation, evicted, out of memory or space, crashing, not restarted.

Browsertrix never removes a pod from a status, and its last exit stays there: alerts on exits go by
the exit's timestamp, so that one of last week does not fire today.
"""

from typing import Final

from alerts import thresholds as at
from alerts.promql import by, on
from alerts.recordings import CRASHES, PODS
from alerts.rule import PERCENT, POD, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.alerting.event_alerts import EVICTED, OOM_KILLED, OUT_OF_SPACE, EventAlert
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS


def _near(  # noqa: PLR0913 - a table's row, each column by its name
    name: str, *, severity: Severity, resource: str, what: str, level: float, for_: str
) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=severity,
        summary=f"A pod has nearly used up its {what}",
        description=f"{POD} uses {PERCENT} of the {what} it was given.",
        condition=f"more than {level:.0%} of the {what} allocated is used",
        expr=f"max {by(*POD_LABELS)} (browsertrix_pod_{resource}_usage_ratio) > {level}",
        for_=for_,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.PODS,
    )


def _exited(event: EventAlert, record: str) -> AlertingRule:
    return AlertingRule.for_event(
        event, f"last_over_time({record}[{at.EXIT_WINDOW}]) > time() - {at.EXIT_WINDOW_SECONDS}"
    )


_NEAR: Final = (
    _near(
        "BrowsertrixPodMemoryNearLimit",
        severity=Severity.WARNING,
        resource="memory",
        what="memory",
        level=at.MEMORY_NEAR,
        for_=at.MEMORY_HOLD,
    ),
    _near(
        "BrowsertrixPodCPUNearLimit",
        severity=Severity.INFO,
        resource="cpu",
        what="CPU",
        level=at.CPU_NEAR,
        for_=at.CPU_HOLD,
    ),
    _near(
        "BrowsertrixPodStorageNearLimit",
        severity=Severity.WARNING,
        resource="storage",
        what="storage",
        level=at.STORAGE_NEAR,
        for_=at.STORAGE_HOLD,
    ),
)

_EVENTS: Final = (
    AlertingRule.for_event(
        EVICTED, f"last_over_time(pod:browsertrix_pod_evicted:max[{at.EVICTED_WINDOW}]) == 1"
    ),
    _exited(OOM_KILLED, "pod:browsertrix_pod_oom_exit_timestamp_seconds:max"),
    _exited(OUT_OF_SPACE, "pod:browsertrix_pod_out_of_space_exit_timestamp_seconds:max"),
)

_FLEET: Final = (
    AlertingRule(
        name="BrowsertrixPodEvictionStorm",
        severity=Severity.CRITICAL,
        summary="Many pods are being evicted",
        description="About {{ $value | humanize }} pods in {{ $labels.namespace }} were evicted "
        f"within {at.EVICTION_STORM_WINDOW}.",
        condition=f"at least {at.EVICTION_STORM} evictions in a namespace within "
        f"{at.EVICTION_STORM_WINDOW}",
        expr=f"""\
round(sum by (namespace) (namespace_role:browsertrix_pod_evictions:increase15m))
>= {at.EVICTION_STORM}""",
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.FLEET,
    ),
    AlertingRule(
        name="BrowsertrixRedisOOMKilled",
        severity=Severity.WARNING,
        summary="The redis of a crawl was killed for want of memory",
        description="A redis pod in {{ $labels.namespace }} was killed because it used more "
        "memory than it may. Redis holds the crawl's queue.",
        condition=f"a redis pod out of memory, within the last {at.REDIS_OOM_WINDOW}",
        # By namespace: a status has no time of a redis pod's exit, so only the counter dates it.
        expr="max by (namespace) "
        f'(increase(browsertrix_pod_oom_kills_total{{role="redis"}}[{at.REDIS_OOM_WINDOW}])) > 0',
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.FLEET,
    ),
)

_CRASHING: Final = (
    AlertingRule(
        name="BrowsertrixPodCrashLoop",
        severity=Severity.WARNING,
        summary="A crawler crashes as soon as it is started",
        description=f"{POD} waits longer and longer to be restarted after crashes "
        "(CrashLoopBackOff).",
        condition="waiting to be restarted after crashes (`backoffWait`), unless rate limited",
        # A rate limited crawl exits and waits in backoff on purpose: that is its delay.
        expr=f"""\
max {by(*POD_LABELS)} (max_over_time(browsertrix_pod_backoff[{at.BRIDGE}])) == 1
unless {on(*CRAWL_LABELS)}
last_over_time(browsertrix_crawl_rate_limited_timestamp_seconds[{at.BRIDGE}])""",
        for_=at.CRASH_LOOP_HOLD,
        dashboard=Dashboard.PODS,
    ),
    AlertingRule(
        name="BrowsertrixCrawlerCrashedRepeatedly",
        severity=Severity.WARNING,
        summary="A crawler crashes again and again",
        description=f"{POD} crashed {{{{ $value }}}} times more within {at.CRASHES_WINDOW}.",
        condition=f"at least {at.CRASHES} more exits with a code that is a crash within "
        f"{at.CRASHES_WINDOW}",
        expr="changes(pod:browsertrix_pod_crash_timestamp_seconds:max"
        f"[{at.CRASHES_WINDOW}]) >= {at.CRASHES}",
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.PODS,
    ),
    AlertingRule(
        name="BrowsertrixPodRestartPendingTooLong",
        severity=Severity.WARNING,
        summary="A pod should be restarted and is not",
        description=f"{POD} has been waiting to be restarted ({{{{ $labels.reason }}}}) for more "
        f"than {at.RESTART_HOLD}.",
        condition="a restart is pending",
        expr=f"""\
max {by(*POD_LABELS, "reason")} (
  max_over_time(browsertrix_pod_restart_pending[{at.BRIDGE}])
) == 1""",
        for_=at.RESTART_HOLD,
        dashboard=Dashboard.PODS,
    ),
)

EVENT_ALERTS: Final = RuleGroup(
    name="browsertrix-pod-events",
    topic="Pods: what happened",
    rules=(*PODS, *_EVENTS, *_FLEET),
)
CONDITIONS: Final = RuleGroup(
    name="browsertrix-pods",
    topic="Pods: how they are",
    interval="1m",
    rules=(*CRASHES, *_NEAR, *_CRASHING),
)

"""Pods: near their allocation, evicted, out of memory or space, crashing, not restarted.

Browsertrix never removes a pod from a status, and its last exit stays there: alerts on what
happened go by timestamps, so that an exit of last week does not fire today. Whether an exit was an
eviction, for want of memory or a crash is decided by the exporter, which saw the statuses before
it: an eviction shows as out of memory.
"""

from typing import Final

from exporter.alerting.event_alerts import (
    EVICTED,
    OOM_KILLED,
    OUT_OF_SPACE,
    EventAlert,
    format_duration,
)
from exporter.alerting.template import listed
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS
from exporter.rules.conditions import current, now_in_state, overdue
from exporter.rules.promql import EXPORTER, by, on
from exporter.rules.recordings import storms
from exporter.rules.rule import DURATION, PERCENT, POD, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds


def _near(  # noqa: PLR0913 - a table's row, each column by its name
    at: Thresholds,
    name: str,
    *,
    severity: Severity,
    resource: str,
    summary: str,
    of: str,
    level: float,
    hold: int = 0,
    near: str = "",
    where: str = "",
) -> AlertingRule:
    near = near or f"browsertrix_pod_{resource}_usage_ratio > {level}"
    return AlertingRule(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{POD} uses {PERCENT} of {of}.",
        condition=f"more than {level:.0%} of {of} is used{where}",
        # Compared first: the few that are near are looked at further, not all pods.
        expr=f"max {by(*POD_LABELS)} ({current(f'({near})')})",
        for_=hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.PODS,
    )


def _happened(event: EventAlert, series: str) -> AlertingRule:
    window = format_duration(event.window)
    return AlertingRule.for_event(
        event,
        f"max {by(*POD_LABELS)} (last_over_time({series}[{window}])) > time() - {event.window}",
    )


_REDIS: Final = 'pod=~"redis-.+"'
_NOT_REDIS: Final = 'pod!~"redis-.+"'
_OOM_KILLED: Final = "browsertrix_pod_oom_killed_timestamp_seconds"
_SPACE_WINDOW: Final = format_duration(OUT_OF_SPACE.window)
_EVENTS: Final = (
    _happened(EVICTED, "browsertrix_pod_evicted_timestamp_seconds"),
    _happened(OOM_KILLED, f"{_OOM_KILLED}{{{_NOT_REDIS}}}"),
    AlertingRule.for_event(
        OUT_OF_SPACE,
        f"""\
max {by(*POD_LABELS)} (
  last_over_time(browsertrix_pod_exit_timestamp_seconds{{{_NOT_REDIS}}}[{_SPACE_WINDOW}])
  and {on(*EXPORTER, *POD_LABELS)}
  (last_over_time(browsertrix_pod_exit_code[{_SPACE_WINDOW}]) == 3)
) > time() - {OUT_OF_SPACE.window}""",
    ),
)


def _storm(  # noqa: PLR0913 - as above
    at: Thresholds, name: str, *, what: str, were: str, said: str, number: int
) -> AlertingRule:
    window = format_duration(at.storm_window)
    record = f"namespace_role:browsertrix_pod_{what}:increase{window}"
    return AlertingRule(
        name=name,
        severity=Severity.CRITICAL,
        summary=f"Many pods {were}",
        description="About {{ $value | humanize }} pods in {{ $labels.namespace }} "
        f"{said} within {window}.",
        condition=f"at least {number} {what.replace('_', ' ')} in a namespace within {window}",
        expr=f"round(sum {by('namespace')} ({record}))\n>= {number}",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.FLEET,
    )


def events(at: Thresholds) -> RuleGroup:
    """What happened to pods, with these thresholds."""
    window = format_duration(at.redis_oom_window)
    return RuleGroup(
        name="browsertrix-pod-events",
        topic="Pods: what happened",
        rules=(
            *storms(at),
            *_EVENTS,
            _storm(
                at,
                "BrowsertrixPodEvictionStorm",
                what="evictions",
                were="are being evicted",
                said="were evicted",
                number=at.eviction_storm,
            ),
            _storm(
                at,
                "BrowsertrixPodOOMStorm",
                what="oom_kills",
                were="are being killed for want of memory",
                said="were killed for want of memory",
                number=at.oom_storm,
            ),
            AlertingRule(
                name="BrowsertrixRedisOOMKilled",
                severity=Severity.WARNING,
                summary="The redis of a crawl was killed for want of memory",
                description="A redis pod in {{ $labels.namespace }} was killed because it used "
                "more memory than it may. Redis holds the crawl's queue."
                + listed(
                    f"count by (crawl) ({_OOM_KILLED}{{$of,{_REDIS}}} "
                    f"> time() - {at.redis_oom_window})",
                    "crawl",
                    of=("namespace",),
                    text=f" Killed within {window}: that of {{}}.",
                ),
                condition=f"a redis pod out of memory, within the last {window}",
                # By namespace: a status has no time of a redis pod's exit, so only the counter
                # dates it.
                expr=f"max {by('namespace')} "
                f'(increase(browsertrix_pod_oom_kills_total{{role="redis"}}[{window}])) > 0',
                keep_firing_for=at.bridge,
                dashboard=Dashboard.FLEET,
            ),
        ),
    )


def conditions(at: Thresholds) -> RuleGroup:
    """How pods are, with these thresholds."""
    crashes = f"browsertrix_pod_crashed_timestamp_seconds[{format_duration(at.crashes_window)}]"
    return RuleGroup(
        name="browsertrix-pods",
        topic="Pods: how they are",
        interval="1m",
        rules=(
            _near(
                at,
                "BrowsertrixPodMemoryNearLimit",
                severity=Severity.WARNING,
                resource="memory",
                summary="A pod has nearly used up its memory",
                of="its memory",
                level=at.memory_near,
                hold=at.memory_hold,
                where=": of its limit or, where that is unknown, of what Browsertrix gave it",
                # It is killed at its limit, which may be twice what Browsertrix gave it.
                near=f"""
  browsertrix_pod_memory_used_bytes / browsertrix_pod_memory_limit_bytes > {at.memory_near}
  or
  (browsertrix_pod_memory_usage_ratio unless browsertrix_pod_memory_limit_bytes) > {at.memory_near}
""",
            ),
            _near(
                at,
                "BrowsertrixPodCPUNearLimit",
                severity=Severity.INFO,
                resource="cpu",
                # A request: Browsertrix sets no limit of CPU.
                summary="A pod uses nearly all the CPU it asked for",
                of="the CPU it asked for",
                level=at.cpu_near,
                hold=at.cpu_hold,
            ),
            _near(
                at,
                "BrowsertrixPodStorageNearLimit",
                severity=Severity.WARNING,
                resource="storage",
                summary="A pod has nearly used up its storage",
                of="the storage it was given",
                level=at.storage_near,
            ),
            AlertingRule(
                name="BrowsertrixPodCrashLoop",
                severity=Severity.WARNING,
                summary="A crawler crashes as soon as it is started",
                description=f"{POD} has been waiting longer and longer to be restarted after "
                f"crashes (CrashLoopBackOff) for {DURATION}.",
                condition="waiting to be restarted after crashes (`backoffWait`) for more than "
                f"{format_duration(at.crash_loop)}, and not rate limited",
                # A rate limited crawl exits and waits in backoff on purpose: that is its delay.
                expr=overdue(
                    "browsertrix_pod_backoff_since_timestamp_seconds",
                    at.crash_loop,
                    labels=POD_LABELS,
                )
                + f"\nunless {now_in_state('rate-limited')}\nunless {on(*CRAWL_LABELS)} "
                f"({current('browsertrix_crawl_rate_limited_timestamp_seconds')})",
                keep_firing_for=at.bridge,
                dashboard=Dashboard.PODS,
            ),
            AlertingRule(
                name="BrowsertrixCrawlerCrashedRepeatedly",
                severity=Severity.WARNING,
                summary="A pod crashes again and again",
                description=f"{POD} crashed {{{{ $value }}}} times more within "
                f"{format_duration(at.crashes_window)}.",
                condition=f"at least {at.crashes} more crashes within "
                f"{format_duration(at.crashes_window)}; an eviction is none",
                # A pair counts alike; one that came late has counted fewer.
                expr=f"max {by(*POD_LABELS)} (changes({crashes})) >= {at.crashes}",
                keep_firing_for=at.bridge,
                dashboard=Dashboard.PODS,
            ),
            AlertingRule(
                name="BrowsertrixPodRestartPendingTooLong",
                severity=Severity.WARNING,
                summary="A pod should be restarted and is not",
                description=f"{POD} has been waiting to be restarted ({{{{ $labels.reason }}}}) "
                f"for {DURATION}.",
                condition="a restart is pending for more than "
                f"{format_duration(at.restart_pending)}",
                expr=overdue(
                    "browsertrix_pod_restart_pending_since_timestamp_seconds",
                    at.restart_pending,
                    labels=(*POD_LABELS, "reason"),
                ),
                keep_firing_for=at.bridge,
                dashboard=Dashboard.PODS,
            ),
        ),
    )

"""Recording rules: what is queried most, and what several alerts stand on.

Names are level:metric:operation, as Prometheus recommends. But for those on single exporters all
merge a pair of them, so their series have no ``instance``. Those that alerts stand on are in the
alerts' own groups, where they are evaluated right before them.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS, SHARD
from exporter.rules.conditions import BLIND_SINCE, OUTDATED, current
from exporter.rules.promql import EXPORTER, added, added_growth, by, on
from exporter.rules.rule import RecordingRule, RuleGroup
from exporter.rules.thresholds import Thresholds

_HOUR: Final = 3600
_COUNTED: Final = 'state!~"canceled|skipped_.*|unknown"'
_FAILED: Final = 'state=~"failed|failed_not_logged_in"'

# -- exporters: which of them may be believed -----------------------------------------------------

LAST_SYNC: Final = "instance_namespace:browsertrix_exporter_last_sync_timestamp_seconds:max"
LAST_EVENT: Final = "instance_namespace:browsertrix_exporter_last_event_timestamp_seconds:max"
_OF_NAMESPACE: Final = (*EXPORTER, "namespace", SHARD)


def _by_namespace(name: str, metric: str, description: str) -> RecordingRule:
    """What a watch says of its scope, for each namespace: a scope is one, or ``*`` for all."""
    crawljobs = 'source=~"|crawljobs"'  # of the watches of other sources nothing is said here
    return RecordingRule(
        name=name,
        description=f"{description}, for each namespace it watches",
        labels=_OF_NAMESPACE,
        expr=f"""\
max {by(*_OF_NAMESPACE)} (
  label_replace({metric}{{{crawljobs}, scope!="*"}}, "namespace", "$1", "scope", "(.+)")
)
or
max {by(*_OF_NAMESPACE)} (browsertrix_crawls) * 0
+ {on(*EXPORTER)} group_left ()
max {by(*EXPORTER)} ({metric}{{{crawljobs}, scope="*"}})""",
    )


def exporters(at: Thresholds) -> RuleGroup:
    """Which exporters are in sync, by namespace; first, as all alerts on crawls read them."""
    return RuleGroup(
        name="browsertrix-exporters",
        topic="Exporters",
        rules=(
            _by_namespace(
                LAST_SYNC,
                "browsertrix_exporter_last_sync_timestamp_seconds",
                "When each exporter was last in sync",
            ),
            _by_namespace(
                LAST_EVENT,
                "browsertrix_exporter_last_event_timestamp_seconds",
                "When each exporter last saw a CrawlJob change",
            ),
            RecordingRule(
                name=OUTDATED,
                description="By how many seconds an exporter is behind another one of the same "
                "namespace and shard, if by more than "
                f"{format_duration(at.outdated_after)}: what it says of crawls is not believed",
                labels=_OF_NAMESPACE,
                expr=f"""\
(
  max {by("namespace", SHARD)} ({LAST_SYNC})
  - {on("namespace", SHARD)} group_right ()
  {LAST_SYNC}
) > {at.outdated_after}""",
            ),
            RecordingRule(
                name=BLIND_SINCE,
                description="When an exporter was last in sync, if that is more than "
                f"{format_duration(at.blind_after)} ago: no alert begins on what it says since",
                labels=_OF_NAMESPACE,
                expr=f"{LAST_SYNC} < time() - {at.blind_after}",
            ),
        ),
    )


# -- crawls ---------------------------------------------------------------------------------------


def _usage(resource: str, unit: str) -> RecordingRule:
    """Usage over all pods whose usage is known; one of unknown usage counts on neither side."""
    used = current(f"browsertrix_pod_{resource}_used_{unit}")
    allocated = current(f"browsertrix_pod_{resource}_allocated_{unit}")
    return RecordingRule(
        name=f"namespace:browsertrix_pod_{resource}_usage:ratio",
        description=f"{resource.upper() if resource == 'cpu' else resource.capitalize()} used over "
        "allocated, of the pods whose usage is known",
        labels=("namespace",),
        expr=f"""\
sum {by("namespace")} (max {by(*POD_LABELS)} ({used}))
/
sum {by("namespace")} (
  max {by(*POD_LABELS)} ({allocated})
  and {on(*POD_LABELS)} ({used})
)""",
    )


def _tenths(resource: str) -> RecordingRule:
    """How many pods are how full; each is looked at once, for all who look at dashboards."""
    ratio = f"max {by(*POD_LABELS)} ({current(f'browsertrix_pod_{resource}_usage_ratio')})"
    return RecordingRule(
        name=f"oid_le:browsertrix_pod_{resource}_usage:count",
        description=f"Pods by organisation and how much of their {resource} is used, up to each "
        "tenth; 1.1 is all beyond",
        labels=("namespace", "oid", "le"),
        expr=f"""\
count_values {by("namespace", "oid")} ("le",
  clamp_max(ceil({ratio} * 10) / 10, 1.1)
)""",
    )


TENTHS: Final = (_tenths("memory"), _tenths("cpu"), _tenths("storage"))

CRAWLS: Final = (
    RecordingRule(
        name="namespace_state:browsertrix_crawls:sum",
        description="Crawls by state, zeros included",
        labels=("namespace", "state"),
        expr=added(current("browsertrix_crawls"), "namespace", "state"),
    ),
    RecordingRule(
        name="namespace_oid_state:browsertrix_crawl_state:count",
        description="Crawls by organisation and state",
        labels=("namespace", "oid", "state"),
        expr=f"""\
count {by("namespace", "oid", "state")} (
  max {by(*CRAWL_LABELS, "state")} ({current("browsertrix_crawl_state")})
)""",
    ),
)


def limits(at: Thresholds) -> tuple[RecordingRule, ...]:
    """The share of a limit that is used, of crawls that predictions can be made of."""
    level = at.prediction_level / 2

    def used(name: str, of: str, value: str, limit: str) -> RecordingRule:
        return RecordingRule(
            name=f"crawl:{name}:ratio",
            description=f"{of}, of crawls that have used at least {level:.0%}",
            labels=CRAWL_LABELS,
            expr=f"""\
max {by(*CRAWL_LABELS)} ({value})
/ (max {by(*CRAWL_LABELS)} ({limit}) > 0)
>= {level}""",
        )

    return (
        used(
            "browsertrix_crawl_size_limit_used",
            "Archived bytes over the size limit",
            "browsertrix_crawl_size_bytes",
            "browsertrix_crawl_size_limit_bytes",
        ),
        used(
            "browsertrix_crawl_timeout_used",
            "Elapsed seconds over the time limit",
            "browsertrix_crawl_elapsed_seconds",
            "browsertrix_crawl_timeout_seconds",
        ),
    )


def _finished(matchers: str) -> str:
    """Crawls that finished within the hour, a pair merged.

    Of the series: neither a restart nor a new address of the exporter counts one twice, as it would
    in a counter's rate.
    """
    series = f"browsertrix_crawl_finished_timestamp_seconds{{{matchers}}}"
    return f"max {by(*CRAWL_LABELS)} ({series}) > time() - {_HOUR}"


ENDS: Final = (
    RecordingRule(
        name="namespace:browsertrix_crawls_failed:count1h",
        description="Crawls that failed within the last hour",
        labels=("namespace",),
        expr=f"count {by('namespace')} ({_finished(_FAILED)})",
    ),
    RecordingRule(
        name="namespace:browsertrix_orgs_failed:count1h",
        description="Organisations of which crawls failed within the last hour",
        labels=("namespace",),
        expr=f"""\
count {by("namespace")} (
  count {by("namespace", "oid")} ({_finished(_FAILED)})
)""",
    ),
    RecordingRule(
        name="namespace:browsertrix_crawls_failed:ratio1h",
        description="Failed over finished crawls of the last hour; canceled and skipped ones are "
        "neither, nor those whose end nobody saw",
        labels=("namespace",),
        expr=f"""\
namespace:browsertrix_crawls_failed:count1h
/ {on("namespace")}
count {by("namespace")} ({_finished(_COUNTED)})""",
    ),
)

PODS: Final = (
    RecordingRule(
        name="oid:browsertrix_pods:count",
        description="Pods that exist, by organisation",
        labels=("namespace", "oid"),
        expr=f"""\
count {by("namespace", "oid")} (
  max {by(*POD_LABELS)} ({current("browsertrix_pod_memory_allocated_bytes")})
)""",
    ),
)

USAGE: Final = (
    _usage("memory", "bytes"),
    _usage("cpu", "cores"),
    _usage("storage", "bytes"),
)


def storms(at: Thresholds) -> tuple[RecordingRule, ...]:
    """How many pods came to harm at once."""
    window = format_duration(at.storm_window)
    return tuple(
        RecordingRule(
            name=f"namespace_role:browsertrix_pod_{what}:increase{window}",
            description=f"{said} within {window}, by the role of the pod",
            labels=("namespace", "role"),
            expr=added_growth(
                f"increase(browsertrix_pod_{what}_total[{window}])", "namespace", "role"
            ),
        )
        for what, said in (("evictions", "Evictions"), ("oom_kills", "OOM kills"))
    )


GROUP: Final = RuleGroup(
    name="browsertrix-records",
    topic="Recording rules",
    interval="1m",
    rules=(*CRAWLS, *PODS, *USAGE, *TENTHS),
)

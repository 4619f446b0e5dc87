"""Pods: how full they are, which were evicted or killed, and what Browsertrix does about it."""

from typing import Final

from dashboards.annotations import Annotation
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, USAGE, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_names
from dashboards.panels import Query, heatmap, stat, time_series
from dashboards.pod_rows import nodes_and_volumes, starting
from dashboards.promql import Selection, exit_reasons, memory_of_limit, one_of, sum_by, topk
from dashboards.tables import POD_COLUMNS, Label, Value, table
from dashboards.variables import CLUSTER, CRAWLS, NAMESPACE, ORGANISATION
from exporter.resources.identity import POD_LABELS
from exporter.rules.promql import by, on
from exporter.web.colours import BAD, EXIT_REASONS, GOOD, RESTART_REASONS, ROLES, WARN

PODS: Final = Selection(
    namespace='namespace=~"$namespace"', oid='oid=~"$oid"', crawl='crawl=~"$crawl"'
)

_BAR_INTERVAL: Final = "10m"
"""The shortest time that a bar stands for: events are rare, and a bar per scrape is unreadable."""


def _counted(metric: str) -> Query:
    return Query(expr=sum_by(PODS.increase(metric, over="$__range")), instant=True)


def _pods_where(series: str) -> Query:
    """Of what few pods have; compared before pods are merged."""
    return Query(expr=f"count(max {by(*POD_LABELS)} ({series} > 0)) or vector(0)")


_BY_ORG: Final = 'cluster=~"$cluster", namespace=~"$namespace", oid=~"$oid"'


def _recorded(record: str, *matchers: str) -> str:
    """A recorded count, summed over the organisations selected; of their crawls all."""
    return f"sum({record}{{{', '.join((_BY_ORG, *matchers))}}})"


def _filled(resource: str) -> Query:
    """How many pods are filled up to each tenth."""
    counts = f"oid_le:browsertrix_pod_{resource}_usage:count{{{_BY_ORG}}}"
    return Query(expr=f"sum by (le) ({counts})", legend="{{le}}")


def _fuller(resource: str, *tenths: str) -> Query:
    """How many pods are filled beyond nine tenths, say: the tenths are named by their ends."""
    record = f"oid_le:browsertrix_pod_{resource}_usage:count"
    return Query(expr=f"{_recorded(record, one_of('le', tenths))} or vector(0)")


_FULLEST: Final = {
    resource: topk(10, PODS.merged(f"browsertrix_pod_{resource}_usage_ratio"))
    for resource in ("memory", "cpu", "storage")
}
_OF_LIMIT: Final = Value(
    title="Of limit",
    expr=f"{memory_of_limit(PODS)} and {on(*POD_LABELS)} {_FULLEST['memory']}",
    unit="percentunit",
    decimals=0,
    width=80,
    thresholds=USAGE,
)


_NOW: Final = row(
    "Now",
    line(
        4,
        stat(
            "Pods",
            "Crawler and redis pods that exist.",
            Query(expr=f"{_recorded('oid:browsertrix_pods:count')} or vector(0)"),
        ),
        stat(
            "Nearly out of memory",
            "Pods that use more than nine tenths of their memory. With auto-resize Browsertrix "
            "gives such pods more; otherwise they are about to be killed.",
            _fuller("memory", "1", "1.1"),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Nearly out of space",
            "Pods that use more than eight tenths of their volume. At nine the crawler uploads "
            "what it has and is started again.",
            _fuller("storage", "0.9", "1", "1.1"),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Restart pending",
            "Pods that Browsertrix is about to restart: for more memory or CPU, after an eviction, "
            "or because somebody asked for it.",
            _pods_where(PODS.selector("browsertrix_pod_restart_pending")),
        ),
        stat(
            "Held back",
            "Pods that crashed again and again, and that Kubernetes lets wait before the next try.",
            _pods_where(PODS.selector("browsertrix_pod_backoff")),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Evictions",
            "Pods thrown out by their nodes within the time shown.",
            _counted("browsertrix_pod_evictions_total"),
            FieldConfig(decimals=0, thresholds=WARN_FROM_ONE),
        ),
        stat(
            "OOM kills",
            "Pods killed for want of memory within the time shown, evicted ones not among them.",
            _counted("browsertrix_pod_oom_kills_total"),
            FieldConfig(decimals=0, thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Exits",
            "Pods that ended within the time shown, for whatever reason.",
            _counted("browsertrix_pod_exits_total"),
            FieldConfig(decimals=0),
        ),
    ),
)

_FILLED: Final = row(
    "How full",
    line(
        9,
        heatmap(
            "Memory",
            "How many pods use up to each tenth of their memory; 110 % is all beyond. Many in the "
            "upper rows: the allocation is too small for these sites.",
            _filled("memory"),
            FieldConfig(unit="percentunit"),
        ),
        heatmap(
            "CPU",
            "How many pods use up to each tenth of their CPU; 110 % is all beyond. Browsers take "
            "what they get, so high is usual and slow.",
            _filled("cpu"),
            FieldConfig(unit="percentunit"),
        ),
        heatmap(
            "Storage",
            "How many pods use up to each tenth of their volume; 110 % is all beyond.",
            _filled("storage"),
            FieldConfig(unit="percentunit"),
        ),
    ),
    line(
        9,
        *(
            table(
                title,
                description,
                *POD_COLUMNS,
                Value(
                    title="Used",
                    expr=with_names(_FULLEST[resource]),
                    unit="percentunit",
                    decimals=0,
                    width=140,
                    thresholds=USAGE,
                    bar=1,
                ),
                *more,
                sort="Used",
            )
            for title, description, resource, more in (
                (
                    "Fullest memory",
                    "The pods with the least memory left, and how near they are to their limit.",
                    "memory",
                    (_OF_LIMIT,),
                ),
                ("Busiest CPU", "The pods with the least CPU left.", "cpu", ()),
                ("Fullest storage", "The pods with the least space left.", "storage", ()),
            )
        ),
    ),
)

_LAST_EXITS: Final = topk(20, PODS.merged("browsertrix_pod_exit_timestamp_seconds"))

_EXITS: Final = row(
    "Exits and restarts",
    line(
        8,
        *(
            time_series(
                title,
                description,
                Query(expr=sum_by(PODS.step_increase(metric), by) + " > 0", legend=f"{{{{{by}}}}}"),
                config=FieldConfig(min=0, decimals=0, colours=colours),
                stacked=True,
                bars=True,
                min_interval=_BAR_INTERVAL,
            )
            for title, description, metric, by, colours in (
                (
                    "Evictions over time",
                    "Pods thrown out by their nodes, by role. Several at once: a node in trouble.",
                    "browsertrix_pod_evictions_total",
                    "role",
                    ROLES,
                ),
                (
                    "Exits by reason",
                    "Pods that ended, evicted ones counted as such and not as out of memory.",
                    "browsertrix_pod_exits_total",
                    "reason",
                    EXIT_REASONS,
                ),
                (
                    "Restarts by reason",
                    "Restarts that Browsertrix decided on, by reason.",
                    "browsertrix_pod_restarts_total",
                    "reason",
                    RESTART_REASONS,
                ),
            )
        ),
    ),
    line(
        9,
        table(
            "Last exits",
            "The pods that exited last, of crawls that there are, and why. 137 is out of memory or "
            "evicted, 3 out of space, 11 and 13 a restart on request.",
            *POD_COLUMNS,
            Label(label="exit_reason", title="Reason", width=110, colours=EXIT_REASONS),
            Value(
                title="Exited",
                expr=with_names(
                    f"{_LAST_EXITS} * {on(*POD_LABELS)} group_left (exit_reason) "
                    f"{exit_reasons(PODS)} * 1000"
                ),
                unit="dateTimeAsIso",
                width=170,
            ),
            Value(
                title="Code",
                expr=f"{PODS.merged('browsertrix_pod_exit_code')} "
                f"and {on(*POD_LABELS)} {_LAST_EXITS}",
                unit="none",
                width=70,
                thresholds=((None, GOOD), (1, WARN), (11, GOOD), (16, WARN), (137, BAD)),
            ),
            sort="Exited",
            config=FieldConfig(no_value="no pod exited"),
        ),
        table(
            "Pending resizes",
            "Pods that Browsertrix wants to give more, or less, than they have: they are restarted "
            "for it. Longer than half an hour: the restart does not come.",
            *POD_COLUMNS,
            Value(
                title="Memory now",
                expr=f"{PODS.merged('browsertrix_pod_memory_allocated_bytes')} "
                f"and {on(*POD_LABELS)} {PODS.merged('browsertrix_pod_memory_target_bytes')}",
                unit="bytes",
                width=120,
            ),
            Value(
                title="Memory wanted",
                expr=with_names(PODS.merged("browsertrix_pod_memory_target_bytes")),
                unit="bytes",
                width=130,
            ),
            sort="Memory wanted",
            config=FieldConfig(no_value="no resize is pending"),
        ),
        widths=(14, 10),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-pods",
    title="Browsertrix / Pods",
    description="How full pods are, which were thrown out or killed, and what Browsertrix does "
    "about it.",
    variables=(CLUSTER, NAMESPACE, ORGANISATION, CRAWLS),
    annotations=(
        Annotation(
            name="Evictions",
            expr=PODS.merged("browsertrix_pod_evicted") + " > 0",
            colour=WARN,
            title="Pod evicted",
            text="{{pod}}",
            tags="namespace",
        ),
        Annotation(
            name="OOM kills",
            # An evicted pod shows as out of memory, too.
            expr=f"({PODS.merged('browsertrix_pod_exit_timestamp_seconds')} "
            f"and {on(*POD_LABELS)} "
            + PODS.merged("browsertrix_pod_info", 'exit_reason="oom"', labels=POD_LABELS)
            + f" unless {on(*POD_LABELS)} "
            f"max_over_time({PODS.selector('browsertrix_pod_evicted')}[2h]) == 1) * 1000",
            colour=BAD,
            title="Pod killed: out of memory",
            text="{{pod}}",
            tags="namespace",
            use_value_for_time=True,
        ),
    ),
    rows=(_NOW, starting(PODS), _FILLED, nodes_and_volumes(PODS), _EXITS),
)

"""One crawl: where it stands, what holds it back, what happened to its pods.

Figures are the last within the time shown, so that a deleted crawl can still be looked at. Long,
as one file holds one dashboard, panel by panel in the order they are seen.
"""

from typing import Final

from dashboards import pending
from dashboards.annotations import Annotation
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import USAGE, FieldConfig
from dashboards.names import ORGANISATIONS, WORKFLOWS
from dashboards.panels import Panel, Query, label_stat, stat, state_timeline, time_series
from dashboards.promql import (
    LABELS,
    Selection,
    exit_reasons,
    memory_of_limit,
    volume_fill,
    with_role_and_index,
)
from dashboards.tables import Label, Value, table
from dashboards.variables import CLUSTER, NAMESPACE, ONE_CRAWL, ORGANISATION
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS
from exporter.rules.promql import on
from exporter.web.colours import (
    BAD,
    EXIT_REASONS,
    GOOD,
    NOTICE,
    PHASES,
    QUIET,
    STATES,
    TRANSITIONS,
    WARN,
)

ONE: Final = Selection(namespace='namespace=~"$namespace"', crawl='crawl="$crawl"')

_COUNTDOWN: Final = ((None, BAD), (3600, WARN), (86400, GOOD))
_FINISHED: Final = "browsertrix_crawl_finished_timestamp_seconds"


def _figure(metric: str) -> str:
    return f"max({ONE.last(metric)})"


def _share(part: str, whole: str) -> str:
    return f"{_figure(part)} / ({_figure(whole)} > 0)"


def _current(metric: str, label: str) -> str:
    """The label's value now or, if the crawl has been deleted, the one it ended with."""
    now = ONE.merged(metric, labels=(label,))
    ended = ONE.last(_FINISHED, f'{label}!=""', labels=(label,))
    return f"topk(1, {now} or {ended})"


def _whose(names: str, name: str, of: tuple[str, ...]) -> Query:
    """The name of what the crawl is of, or else its id; also of a crawl that has been deleted."""
    crawl = ONE.last("browsertrix_crawl_info", labels=(*CRAWL_LABELS, "cid"))
    named = f"{crawl} * {on(*of)} group_left ({name}) {names}"
    shown, otherwise = (
        f'count by (shown) (label_replace({series}, "shown", "$1", "{label}", "(.*)"))'
        for series, label in ((named, name), (crawl, of[-1]))
    )
    return Query(expr=f"{shown} or on () {otherwise}", legend="{{shown}}", instant=True)


_STANDS: Final = row(
    "Where it stands",
    line(
        3,
        label_stat(
            "Workflow",
            "The workflow that the crawl is a run of, by name; by id where no names are known.",
            _whose(WORKFLOWS, "workflow", ("oid", "cid")),
        ),
        label_stat(
            "Organisation",
            "The organisation that it is of, by name; by id where no names are known.",
            _whose(ORGANISATIONS, "organisation", ("oid",)),
        ),
    ),
    line(
        4,
        label_stat(
            "State",
            "The state Browsertrix has the crawl in or, when it is gone, the one it ended with.",
            Query(
                expr=_current("browsertrix_crawl_state", "state"),
                legend="{{state}}",
                instant=True,
            ),
            FieldConfig(colours=STATES),
        ),
        label_stat(
            "Stop reason",
            "Why it stops, pauses or has stopped. A size or time limit shows only here: the state "
            "says complete.",
            Query(
                expr=_current("browsertrix_crawl_stop_reason", "stop_reason"),
                legend="{{stop_reason}}",
                instant=True,
            ),
            FieldConfig(no_value="none", colours=STATES, thresholds=((None, WARN),)),
        ),
        stat(
            "Age",
            "Time since the crawl was created, until its end if it has ended.",
            Query(
                expr=f"(max({ONE.last(_FINISHED)}) or vector(time()))"
                f" - {_figure('browsertrix_crawl_created_timestamp_seconds')}",
                instant=True,
            ),
            FieldConfig(unit="s"),
        ),
        stat(
            "Pages done",
            "Pages crawled over pages found. More are found while crawling, so it can fall.",
            Query(
                expr=_share("browsertrix_crawl_pages_done", "browsertrix_crawl_pages_found"),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=((None, NOTICE), (1, GOOD))),
        ),
        stat(
            "Of size limit",
            "Bytes archived over the crawl's size limit. At the limit it is ended, and called "
            "complete.",
            Query(
                expr=_share("browsertrix_crawl_size_bytes", "browsertrix_crawl_size_limit_bytes"),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=USAGE, no_value="no limit"),
        ),
        stat(
            "Of time limit",
            "Elapsed time over the crawl's time limit. At the limit it is ended, and called "
            "complete.",
            Query(
                expr=_share(
                    "browsertrix_crawl_elapsed_seconds", "browsertrix_crawl_timeout_seconds"
                ),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=USAGE, no_value="no limit"),
        ),
        stat(
            "Pause ends in",
            "Until Browsertrix gives up the paused crawl: what it has is kept, its queue is lost.",
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_pause_expires_timestamp_seconds')})"
                " - time()",
                instant=True,
            ),
            FieldConfig(unit="s", thresholds=_COUNTDOWN, no_value="not paused"),
        ),
        stat(
            "Paused in all",
            "Time paused, summed over all pauses the exporter has seen.",
            Query(expr=_figure("browsertrix_crawl_paused_seconds"), instant=True),
            FieldConfig(unit="s", no_value="never"),
        ),
    ),
    line(
        6,
        state_timeline(
            "States",
            "When it was in which state, and on its way to another.",
            Query(
                expr=ONE.merged("browsertrix_crawl_state", labels=("state",)), legend="{{state}}"
            ),
            Query(
                expr=ONE.merged("browsertrix_crawl_transition", labels=("transition",)),
                legend="{{transition}}",
            ),
            config=FieldConfig(colours={**STATES, **TRANSITIONS}),
        ),
    ),
)

_PROGRESS: Final = row(
    "Progress and limits",
    line(
        8,
        time_series(
            "Pages",
            "Pages found and pages done. Two lines that run apart: it finds faster than it crawls.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_pages_found')})", legend="found"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_pages_done')})", legend="done"),
            config=FieldConfig(min=0, colours={"found": NOTICE, "done": GOOD}),
        ),
        time_series(
            "Pages per minute",
            "How fast it crawls, over ten minutes. Zero for long while running is a crawl that is "
            "stuck.",
            Query(
                expr="60 * clamp_min("
                f"max(deriv({ONE.selector('browsertrix_crawl_pages_done')}[10m])), 0)",
                legend="pages per minute",
            ),
            config=FieldConfig(min=0, colours={"pages per minute": GOOD}),
        ),
        time_series(
            "Archived",
            "Bytes archived, those not uploaded yet, and the limit if there is one.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_size_bytes')})", legend="archived"),
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_size_pending_bytes')})",
                legend="not uploaded",
            ),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_size_limit_bytes')})", legend="limit"),
            config=FieldConfig(
                unit="bytes",
                min=0,
                colours={"archived": GOOD, "not uploaded": NOTICE, "limit": BAD},
            ),
            dashed="^limit$",
        ),
    ),
    line(
        8,
        time_series(
            "Time",
            "Elapsed time (what the limit is held against), execution time summed over its pods "
            "(what is billed), and the limit if there is one.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_elapsed_seconds')})", legend="elapsed"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_exec_seconds')})", legend="execution"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_timeout_seconds')})", legend="limit"),
            config=FieldConfig(
                unit="s", min=0, colours={"elapsed": GOOD, "execution": NOTICE, "limit": BAD}
            ),
            dashed="^limit$",
        ),
        time_series(
            "Pauses",
            "Seconds of the current pause, and of all pauses together.",
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_pause_duration_seconds')})",
                legend="this pause",
            ),
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_paused_seconds')})", legend="all pauses"
            ),
            config=FieldConfig(
                unit="s", min=0, colours={"this pause": STATES["paused"], "all pauses": QUIET}
            ),
        ),
        time_series(
            "Crawlers",
            "Crawler pods that exist, and that Browsertrix wants.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_scale')})", legend="there"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_desired_scale')})", legend="wanted"),
            config=FieldConfig(min=0, decimals=0, colours={"there": GOOD, "wanted": NOTICE}),
            dashed="^wanted$",
        ),
    ),
)


def _by_pod(expression: str, what: str = "") -> Query:
    """A series for each pod, by its role and number."""
    return Query(
        expr=with_role_and_index(expression, ONE),
        legend=f"{{{{role}}}} {{{{index}}}} {what}".strip(),
    )


def _usage(  # noqa: PLR0913 - a table's row
    title: str, description: str, resource: str, measure: str, unit: str, *, limited: bool = False
) -> Panel:
    """Each pod's use of a resource; what was set aside for it, and its limit, dashed."""
    used, allocated, asked, limit = (
        ONE.merged(f"browsertrix_pod_{resource}_{what}_{measure}")
        if f"browsertrix_pod_{resource}_{what}_{measure}" in LABELS
        else ""
        for what in ("used", "allocated", "request", "limit")
    )
    if asked:
        allocated = f"({allocated} or {on(*POD_LABELS)} {asked})"
    return time_series(
        title,
        description,
        _by_pod(used),
        _by_pod(allocated, "allocated"),
        *([_by_pod(limit, "limit")] if limited else []),
        config=FieldConfig(unit=unit, min=0),
        dashed="(allocated|limit)$",
    )


def _last_of(metric: str, label: str) -> Value:
    """A column's values that are a label: of each pod the last within the time shown."""
    at = f"max_over_time(timestamp({ONE.selector(metric)})[$__range:1m])"
    return Value(expr=f"topk by (pod) (1, max by (pod, {label}) ({at}))")


_VOLUME_FILL: Final = volume_fill(ONE)

_PODS: Final = row(
    "Pods",
    line(
        9,
        _usage(
            "Memory",
            "Memory in use; allocated, which its node sets aside, and the limit (dashed). A pod "
            "that reaches its limit is killed; one beyond its allocation may be evicted.",
            "memory",
            "bytes",
            "bytes",
            limited=True,
        ),
        _usage(
            "CPU",
            "Cores in use, and allocated (dashed), which is no limit.",
            "cpu",
            "cores",
            "short",
        ),
        _usage(
            "Storage",
            "Of a crawler the bytes archived and not uploaded yet, of redis its files; and the "
            "volume (dashed).",
            "storage",
            "bytes",
            "bytes",
        ),
        time_series(
            "Volumes",
            "How full each pod's volume is, as its node's kubelet says; unknown where Prometheus "
            "does not scrape kubelets.",
            _by_pod(_VOLUME_FILL),
            config=FieldConfig(
                unit="percentunit", min=0, max=1, thresholds=((None, GOOD), (0.9, BAD))
            ),
            show_thresholds=True,
        ),
        widths=(9, 5, 5, 5),
    ),
    line(
        7,
        time_series(
            "Pods by phase",
            "Its pods by what Kubernetes says of them. Failed ones are evicted, as a rule.",
            Query(expr=ONE.count("browsertrix_pod_phase", labels=("phase",)), legend="{{phase}}"),
            config=FieldConfig(min=0, decimals=0, colours=PHASES),
            stacked=True,
        ),
        state_timeline(
            "What pods wait for",
            "When which pod found no node (and what most nodes lacked), its container waited, or "
            "it was evicted and not replaced yet.",
            _by_pod(ONE.merged(pending.UNSCHEDULABLE), "no node: {{reason}}"),
            _by_pod(ONE.merged(pending.WAITING), "{{reason}}"),
            _by_pod(ONE.merged("browsertrix_pod_evicted_for"), "evicted: {{resource}}"),
            config=FieldConfig(no_value="no pod waits"),
        ),
        widths=(8, 16),
    ),
    line(
        7,
        table(
            "Its pods now",
            "Every pod that exists: where it runs, how often its container was started again, "
            "and how full it is. Of limit is memory: at 100% it is killed.",
            Label(label="pod", title="Pod"),
            Label(label="phase", title="Phase", width=90, colours=PHASES),
            Label(label="node", title="Node", width=140),
            Value(expr=ONE.merged("browsertrix_pod_phase", labels=("pod", "phase"))),
            Value(
                expr=ONE.merged("browsertrix_pod_placement_info", labels=("pod", "node")),
            ),
            Value(
                title="Restarts",
                expr=ONE.merged("browsertrix_pod_container_restarts", labels=("pod",)),
                unit="none",
                width=80,
                thresholds=((None, GOOD), (1, WARN), (5, BAD)),
            ),
            *(
                Value(
                    title=title,
                    expr=f"max by (pod) ({expression})",
                    unit="percentunit",
                    width=130,
                    decimals=0,
                    thresholds=USAGE,
                    bar=1,
                )
                for title, expression in (
                    ("Memory", ONE.selector("browsertrix_pod_memory_usage_ratio")),
                    ("Of limit", memory_of_limit(ONE)),
                    ("CPU", ONE.selector("browsertrix_pod_cpu_usage_ratio")),
                    ("Storage", ONE.selector("browsertrix_pod_storage_usage_ratio")),
                    ("Volume", _VOLUME_FILL),
                )
            ),
            config=FieldConfig(no_value="no pod exists, or nobody may list pods"),
        ),
    ),
    line(
        7,
        table(
            "Its pods and their ends",
            "Every pod the crawl has or had, with its last exit. 137 is out of memory or evicted, "
            "3 out of space, 11 and 13 a restart on request.",
            Label(label="pod", title="Pod"),
            Label(label="role", title="Role", width=80),
            Label(label="exit_reason", title="Last exit", width=110, colours=EXIT_REASONS),
            Label(label="resource", title="Evicted for", width=110),
            Value(
                expr="topk by (pod) (1, max by (pod, role, exit_reason) (max_over_time("
                f"timestamp({ONE.selector('browsertrix_pod_info')})[$__range:1m])))",
            ),
            Value(
                title="Exit code",
                expr=ONE.last("browsertrix_pod_exit_code", labels=("pod",)),
                unit="none",
                width=90,
                thresholds=((None, GOOD), (1, WARN), (11, NOTICE), (16, WARN), (137, BAD)),
            ),
            Value(
                title="Exited",
                expr=ONE.last("browsertrix_pod_exit_timestamp_seconds", labels=("pod",))
                + " * 1000",
                unit="dateTimeAsIso",
                width=170,
            ),
            Value(
                title="Evicted",
                expr=ONE.last("browsertrix_pod_evicted", labels=("pod",)),
                unit="none",
                width=80,
                thresholds=((None, GOOD), (1, BAD)),
                mappings={"0": "no", "1": "yes"},
            ),
            _last_of("browsertrix_pod_evicted_for", "resource"),
        ),
    ),
)

_EXIT: Final = ONE.merged("browsertrix_pod_exit_timestamp_seconds")

DASHBOARD: Final = Dashboard(
    uid="browsertrix-crawl",
    title="Browsertrix / Crawl",
    description="One crawl: where it stands, what holds it back, what happened to its pods.",
    variables=(CLUSTER, NAMESPACE, ORGANISATION, ONE_CRAWL),
    annotations=(
        Annotation(
            name="Exits",
            expr=f"{_EXIT} * {on(*POD_LABELS)} group_left (exit_reason) {exit_reasons(ONE)} * 1000",
            colour=NOTICE,
            title="Pod exited",
            text="{{pod}}: {{exit_reason}}",
            tags="exit_reason",
            use_value_for_time=True,
        ),
        Annotation(
            name="Evictions",
            expr=ONE.merged("browsertrix_pod_evicted") + " > 0",
            colour=BAD,
            title="Pod evicted",
            text="{{pod}}",
            tags="pod",
        ),
        Annotation(
            name="Restarts",
            expr=ONE.merged("browsertrix_pod_restart_pending") + " > 0",
            colour=WARN,
            title="Restart pending",
            text="{{pod}}: {{reason}}",
            tags="reason",
        ),
        Annotation(
            name="Pauses",
            expr=ONE.merged("browsertrix_crawl_paused_timestamp_seconds") + " * 1000",
            colour=STATES["paused"],
            title="Paused",
            text="{{crawl}}",
            tags="namespace",
            use_value_for_time=True,
        ),
        Annotation(
            name="End",
            expr=ONE.merged(_FINISHED) + " * 1000",
            colour=STATES["complete"],
            title="Finished: {{state}}",
            text="{{stop_reason}}",
            tags="state,stop_reason",
            use_value_for_time=True,
        ),
    ),
    rows=(_STANDS, _PROGRESS, _PODS),
)

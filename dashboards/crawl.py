"""One crawl: where it stands, what holds it back, what happened to its pods.

Figures are the last within the time shown, so that a crawl that is gone can still be looked at.
"""

from typing import Final

from dashboards.frame import NAMESPACE, ONE_CRAWL, ORGANISATION, Annotation, Dashboard, line, row
from dashboards.panels import FILLING, FieldConfig, Panel, Query, lines, number, timeline, word
from dashboards.promql import POD, Selection, exit_reasons, named_pods
from dashboards.tables import Label, Value, rows
from exporter.web.colours import (
    BAD,
    GOOD,
    NOTICE,
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


def _standing(metric: str, label: str) -> str:
    """The word that stands now or, when the crawl is gone, the one it ended with."""
    now = ONE.merged(metric, by=(label,))
    ended = ONE.last(_FINISHED, f'{label}!=""', by=(label,))
    return f"topk(1, {now} or {ended})"


_STANDS: Final = row(
    "Where it stands",
    line(
        4,
        word(
            "State",
            "The state Browsertrix has the crawl in or, when it is gone, the one it ended with.",
            Query(
                expr=_standing("browsertrix_crawl_state", "state"),
                legend="{{state}}",
                instant=True,
            ),
            FieldConfig(colours=STATES),
        ),
        word(
            "Stop reason",
            "Why it stops, pauses or has stopped. A size or time limit shows only here: the state "
            "says complete.",
            Query(
                expr=_standing("browsertrix_crawl_stop_reason", "stop_reason"),
                legend="{{stop_reason}}",
                instant=True,
            ),
            FieldConfig(no_value="none", colours=STATES, thresholds=((None, WARN),)),
        ),
        number(
            "Age",
            "Time since the crawl was created, until its end if it has ended.",
            Query(
                expr=f"(max({ONE.last(_FINISHED)}) or vector(time()))"
                f" - {_figure('browsertrix_crawl_created_timestamp_seconds')}",
                instant=True,
            ),
            FieldConfig(unit="s"),
        ),
        number(
            "Pages done",
            "Pages crawled over pages found. More are found while crawling, so it can fall.",
            Query(
                expr=_share("browsertrix_crawl_pages_done", "browsertrix_crawl_pages_found"),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=((None, NOTICE), (1, GOOD))),
        ),
        number(
            "Of size limit",
            "Bytes archived over the crawl's size limit. At the limit it is ended, and called "
            "complete.",
            Query(
                expr=_share("browsertrix_crawl_size_bytes", "browsertrix_crawl_size_limit_bytes"),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=FILLING, no_value="no limit"),
        ),
        number(
            "Of time limit",
            "Elapsed time over the crawl's time limit. At the limit it is ended, and called "
            "complete.",
            Query(
                expr=_share(
                    "browsertrix_crawl_elapsed_seconds", "browsertrix_crawl_timeout_seconds"
                ),
                instant=True,
            ),
            FieldConfig(unit="percentunit", decimals=0, thresholds=FILLING, no_value="no limit"),
        ),
        number(
            "Pause ends in",
            "Until Browsertrix gives up the paused crawl: what it has is kept, its queue is lost.",
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_pause_expires_timestamp_seconds')})"
                " - time()",
                instant=True,
            ),
            FieldConfig(unit="s", thresholds=_COUNTDOWN, no_value="not paused"),
        ),
        number(
            "Paused in all",
            "Time paused, summed over all pauses the exporter has seen.",
            Query(expr=_figure("browsertrix_crawl_paused_seconds"), instant=True),
            FieldConfig(unit="s", no_value="never"),
        ),
    ),
    line(
        6,
        timeline(
            "States",
            "When it was in which state, and on its way to another.",
            Query(expr=ONE.merged("browsertrix_crawl_state", by=("state",)), legend="{{state}}"),
            Query(
                expr=ONE.merged("browsertrix_crawl_transition", by=("transition",)),
                legend="{{transition}}",
            ),
            look=FieldConfig(colours={**STATES, **TRANSITIONS}),
        ),
    ),
)

_PROGRESS: Final = row(
    "Progress and limits",
    line(
        8,
        lines(
            "Pages",
            "Pages found and pages done. Two lines that run apart: it finds faster than it crawls.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_pages_found')})", legend="found"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_pages_done')})", legend="done"),
            look=FieldConfig(low=0, colours={"found": NOTICE, "done": GOOD}),
        ),
        lines(
            "Pages per minute",
            "How fast it crawls, over ten minutes. Zero for long while running is a crawl that is "
            "stuck.",
            Query(
                expr="60 * clamp_min("
                f"max(deriv({ONE.of('browsertrix_crawl_pages_done')}[10m])), 0)",
                legend="pages per minute",
            ),
            look=FieldConfig(low=0, colours={"pages per minute": GOOD}),
        ),
        lines(
            "Archived",
            "Bytes archived, those not uploaded yet, and the limit if there is one.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_size_bytes')})", legend="archived"),
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_size_pending_bytes')})",
                legend="not uploaded",
            ),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_size_limit_bytes')})", legend="limit"),
            look=FieldConfig(
                unit="bytes",
                low=0,
                colours={"archived": GOOD, "not uploaded": NOTICE, "limit": BAD},
            ),
            limits="^limit$",
        ),
    ),
    line(
        8,
        lines(
            "Time",
            "Elapsed time (what the limit is held against), execution time summed over its pods "
            "(what is billed), and the limit if there is one.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_elapsed_seconds')})", legend="elapsed"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_exec_seconds')})", legend="execution"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_timeout_seconds')})", legend="limit"),
            look=FieldConfig(
                unit="s", low=0, colours={"elapsed": GOOD, "execution": NOTICE, "limit": BAD}
            ),
            limits="^limit$",
        ),
        lines(
            "Pauses",
            "Seconds of the current pause, and of all pauses together.",
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_pause_duration_seconds')})",
                legend="this pause",
            ),
            Query(
                expr=f"max({ONE.merged('browsertrix_crawl_paused_seconds')})", legend="all pauses"
            ),
            look=FieldConfig(
                unit="s", low=0, colours={"this pause": STATES["paused"], "all pauses": QUIET}
            ),
        ),
        lines(
            "Crawlers",
            "Crawler pods that exist, and that Browsertrix wants.",
            Query(expr=f"max({ONE.merged('browsertrix_crawl_scale')})", legend="there"),
            Query(expr=f"max({ONE.merged('browsertrix_crawl_desired_scale')})", legend="wanted"),
            look=FieldConfig(low=0, decimals=0, colours={"there": GOOD, "wanted": NOTICE}),
            limits="^wanted$",
        ),
    ),
)


def _usage(title: str, description: str, resource: str, measure: str, unit: str) -> Panel:
    """A pod's use of something against what it was given."""
    used = ONE.merged(f"browsertrix_pod_{resource}_used_{measure}")
    given = ONE.merged(f"browsertrix_pod_{resource}_allocated_{measure}")
    return lines(
        title,
        description,
        Query(expr=named_pods(used, ONE), legend="{{role}} {{index}}"),
        Query(expr=named_pods(given, ONE), legend="{{role}} {{index}} allocated"),
        look=FieldConfig(unit=unit, low=0),
        limits="allocated$",
    )


_PODS: Final = row(
    "Pods",
    line(
        9,
        _usage(
            "Memory",
            "Memory in use, and allocated (dashed). A pod that reaches its allocation is killed. "
            "Unknown for crawlers where Browsertrix does not measure it (auto-resize off).",
            "memory",
            "bytes",
            "bytes",
        ),
        _usage(
            "CPU",
            "Cores in use, and allocated (dashed). Unknown for crawlers where Browsertrix does not "
            "measure it (auto-resize off).",
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
    ),
    line(
        7,
        rows(
            "Its pods",
            "Every pod the crawl has or had, with its last exit. 137 is out of memory or evicted, "
            "3 out of space, 11 and 13 a restart on request.",
            Label(label="pod", title="Pod"),
            Label(label="role", title="Role", width=80),
            Label(label="exit_reason", title="Last exit", width=110),
            Value(
                expr="topk by (pod) (1, max by (pod, role, exit_reason) (max_over_time("
                f"timestamp({ONE.of('browsertrix_pod_info')})[$__range:1m])))",
            ),
            Value(
                title="Exit code",
                expr=ONE.last("browsertrix_pod_exit_code", by=("pod",)),
                unit="none",
                width=90,
                thresholds=((None, GOOD), (1, WARN), (11, NOTICE), (16, WARN), (137, BAD)),
            ),
            Value(
                title="Exited",
                expr=ONE.last("browsertrix_pod_exit_timestamp_seconds", by=("pod",)) + " * 1000",
                unit="dateTimeAsIso",
                width=170,
            ),
            Value(
                title="Evicted",
                expr=ONE.last("browsertrix_pod_evicted", by=("pod",)),
                unit="none",
                width=80,
                thresholds=((None, GOOD), (1, BAD)),
                words={"0": "no", "1": "yes"},
            ),
            *(
                Value(
                    title=title,
                    expr=ONE.merged(f"browsertrix_pod_{resource}_usage_ratio", by=("pod",)),
                    unit="percentunit",
                    width=140,
                    decimals=0,
                    thresholds=FILLING,
                    bar=1,
                )
                for title, resource in (
                    ("Memory", "memory"),
                    ("CPU", "cpu"),
                    ("Storage", "storage"),
                )
            ),
        ),
    ),
)

_EXIT: Final = ONE.merged("browsertrix_pod_exit_timestamp_seconds")

BOARD: Final = Dashboard(
    uid="browsertrix-crawl",
    title="Browsertrix / Crawl",
    description="One crawl: where it stands, what holds it back, what happened to its pods.",
    variables=(NAMESPACE, ORGANISATION, ONE_CRAWL),
    events=(
        Annotation(
            name="Exits",
            expr=f"{_EXIT} * on ({', '.join(POD)}) group_left (exit_reason) "
            f"{exit_reasons(ONE)} * 1000",
            colour=NOTICE,
            title="Pod exited",
            text="{{pod}}: {{exit_reason}}",
            tags="exit_reason",
            dated=True,
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
            dated=True,
        ),
        Annotation(
            name="End",
            expr=ONE.merged(_FINISHED) + " * 1000",
            colour=STATES["complete"],
            title="Finished: {{state}}",
            text="{{stop_reason}}",
            tags="state,stop_reason",
            dated=True,
        ),
    ),
    rows=(_STANDS, _PROGRESS, _PODS),
)

"""The fleet: what all crawls together are doing, and which deserve a look.

Long, as one file holds one dashboard, panel by panel in the order they are seen.
"""

from typing import Final

from dashboards import pending
from dashboards.annotations import Annotation
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, USAGE, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_last_names, with_names, with_organisation
from dashboards.panels import Query, bar_gauge, stat, time_series
from dashboards.promql import Selection, histogram_quantile, one_of, sum_by, topk
from dashboards.tables import (
    CRAWL_COLUMNS,
    HIDDEN_ORGANISATION,
    ORGANISATION_COLUMN,
    OWNED_CRAWL_COLUMNS,
    TO_CRAWL,
    Label,
    Value,
    table,
)
from dashboards.variables import CLUSTER, NAMESPACE
from exporter.resources.crawljob.states import PAUSED, RUNNING, WAITING
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import by, on
from exporter.web.colours import BAD, GOOD, OUTCOMES, QUIET, ROLES, SEVERITIES, STATES, WARN

FLEET: Final = Selection(namespace='namespace=~"$namespace"')

_FAILED: Final = one_of("state", ("failed", "failed_not_logged_in"))
_COUNTED: Final = 'state!~"canceled|skipped_.*"'
_FAILURE_STEPS: Final = ((None, GOOD), (0.1, WARN), (0.5, BAD))
_FINISHED: Final = "browsertrix_crawls_finished_total"


def _now(states: frozenset[str]) -> Query:
    return Query(expr=sum_by(FLEET.merged("browsertrix_crawls", one_of("state", states))))


def _failure_share(over: str) -> str:
    failed = sum_by(FLEET.increase(_FINISHED, _FAILED, over=over))
    finished = sum_by(FLEET.increase(_FINISHED, _COUNTED, over=over))
    return f"{failed} / ({finished} > 0)"


_AGE: Final = (
    f"time() - {FLEET.merged('browsertrix_crawl_created_timestamp_seconds')}"
    f" unless {on(*CRAWL_LABELS)}"
    f" {FLEET.merged('browsertrix_crawl_finished_timestamp_seconds', labels=CRAWL_LABELS)}"
)
_WAITING: Final = "time() - " + FLEET.merged(
    "browsertrix_crawl_state_since_timestamp_seconds",
    one_of("state", WAITING),
    labels=CRAWL_LABELS,
    merge="min",
)
_LEFT: Final = FLEET.merged("browsertrix_crawl_pause_expires_timestamp_seconds") + " - time() > 0"
_CUT_SHORT: Final = (
    'stop_reason=~"size-limit|time-limit|stopped_.*quota_reached|stopped_pause_expired|'
    'stopped_org_readonly"'
)
_ENDED: Final = "browsertrix_crawl_finished_timestamp_seconds"
_LEFT_STEPS: Final = ((None, BAD), (3600, WARN), (86400, GOOD))

_FIRST: Final = row(
    "What is being lost",
    line(
        8,
        table(
            "Paused, by time left",
            "Crawls that are paused, those that are given up first on top. Then what they have "
            "found and not crawled is lost: resume them, or stop them if they are done.",
            *OWNED_CRAWL_COLUMNS,
            Value(
                title="Left",
                expr=with_names(f"bottomk(20, {_LEFT})"),
                unit="s",
                thresholds=_LEFT_STEPS,
            ),
            sort="Left",
            ascending=True,
            config=FieldConfig(no_value="no crawl is paused"),
        ),
        table(
            "Cut short",
            "Crawls that ended within the time shown because of a size or time limit, a quota, a "
            "pause that lasted too long or a read-only organisation: pages are missing.",
            *OWNED_CRAWL_COLUMNS,
            Label(label="stop_reason", title="Why"),
            Value(
                title="Ended",
                expr=with_last_names(
                    f"topk(20, {FLEET.last(_ENDED, _CUT_SHORT)} > time() - $__range_s) * 1000",
                    FLEET,
                ),
                unit="dateTimeAsIso",
            ),
            sort="Ended",
            config=FieldConfig(no_value="no crawl was cut short"),
        ),
        widths=(10, 14),
    ),
)

_NOW: Final = row(
    "Now",
    line(
        4,
        stat(
            "Running",
            "Crawls that are crawling, writing or uploading their archive.",
            _now(RUNNING),
        ),
        stat(
            "Waiting",
            "Crawls that wait to be started: for a node, for their organisation's other crawls, or "
            "for a deduplication index.",
            _now(WAITING),
            FieldConfig(thresholds=((None, GOOD), (5, WARN), (20, BAD))),
        ),
        stat(
            "Paused",
            "Crawls paused by a user or by a quota. They keep their volumes, count towards their "
            "organisation's limit, and are given up after a week.",
            _now(PAUSED),
        ),
        stat(
            "Longest wait",
            "How long the crawl that waits longest has been waiting. Hours mean that no node is "
            "coming.",
            Query(expr=f"max({_WAITING})", instant=True),
            FieldConfig(
                unit="s", thresholds=((None, GOOD), (1800, WARN), (14400, BAD)), no_value="none"
            ),
        ),
        stat(
            "Finished",
            "Crawls that ended within the time shown, however they ended.",
            Query(expr=sum_by(FLEET.increase(_FINISHED, over="$__range")), instant=True),
            FieldConfig(decimals=0),
        ),
        stat(
            "Failed",
            "Share of the crawls that ended within the time shown and failed. Canceled and skipped "
            "ones count on neither side.",
            Query(expr=_failure_share("$__range"), instant=True),
            FieldConfig(
                unit="percentunit", thresholds=_FAILURE_STEPS, decimals=0, no_value="none ended"
            ),
        ),
        stat(
            "Pods evicted",
            "Pods thrown out by their nodes within the time shown.",
            Query(
                expr=sum_by(FLEET.increase("browsertrix_pod_evictions_total", over="$__range")),
                instant=True,
            ),
            FieldConfig(decimals=0, thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Malformed",
            "CrawlJobs with a field that cannot be read. What it would say is missing here; the "
            "exporter's log names object and field.",
            Query(expr=sum_by(FLEET.merged("browsertrix_malformed_crawljobs"))),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
    ),
    line(
        4,
        stat(
            "Pods pending",
            "Pods of crawls that have no node yet, or whose container was not started yet.",
            pending.number(FLEET, "browsertrix_pod_phase", 'phase="Pending"'),
        ),
        stat(
            "Pods without a node",
            "Pods that fit on no node: an autoscaler brings one within minutes, if it can.",
            pending.number(FLEET, pending.UNSCHEDULABLE),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Pods without an image",
            "Pods whose image cannot be pulled: a wrong name, a registry that is down, or no "
            "right to it.",
            pending.number(FLEET, pending.WAITING, pending.NO_IMAGE),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Volumes not bound",
            "Claims of crawls without a volume: one is made once its pod has a node.",
            pending.number(FLEET, "browsertrix_volume_phase", 'phase!="Bound"'),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Operator silent for",
            "Since Browsertrix's operator last wrote the status of a crawl at work, in the "
            "namespace where that is longest ago. It does about every minute; while it does not, "
            "no crawl ends and no pause expires.",
            Query(
                expr="time() - min("
                f"{FLEET.merged('browsertrix_operator_last_status_timestamp_seconds')})",
                instant=True,
            ),
            FieldConfig(
                unit="s",
                thresholds=((None, GOOD), (180, WARN), (600, BAD)),
                no_value="no crawl is at work",
            ),
        ),
        stat(
            "Sources missing",
            "What the exporter should follow and cannot: crawls, pods, usage or volumes. What "
            "such a source would say is unknown here; see the exporter's dashboard.",
            Query(
                expr=f"count({FLEET.merged('browsertrix_exporter_source_up')} == 0) or vector(0)"
            ),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
    ),
    line(
        9,
        time_series(
            "Crawls by state",
            "Every crawl there is, by the state Browsertrix has it in.",
            Query(
                expr=sum_by(FLEET.merged("browsertrix_crawls"), "state") + " > 0",
                legend="{{state}}",
            ),
            config=FieldConfig(colours=STATES, min=0, decimals=0),
            stacked=True,
        ),
        bar_gauge(
            "By state now",
            "How many crawls are in each state at the end of the time shown.",
            Query(
                expr=f"sort_desc({sum_by(FLEET.merged('browsertrix_crawls'), 'state')} > 0)",
                legend="{{state}}",
                instant=True,
            ),
            FieldConfig(colours=STATES, min=0, decimals=0),
        ),
        widths=(17, 7),
    ),
)

_ENDS: Final = row(
    "Ends and waits",
    line(
        8,
        time_series(
            "Finished crawls",
            "Crawls that ended, by how. A size or time limit counts as complete: Browsertrix says "
            "so too.",
            Query(
                expr=sum_by(FLEET.step_increase(_FINISHED), "state") + " > 0",
                legend="{{state}}",
            ),
            config=FieldConfig(colours=STATES, min=0, decimals=0),
            stacked=True,
            bars=True,
            min_interval="10m",
        ),
        time_series(
            "Failure rate",
            "Share of the crawls ended within an hour that failed. Beyond half it is the cluster, "
            "a proxy or the storage rather than a site.",
            Query(expr=_failure_share("1h"), legend="failed"),
            config=FieldConfig(
                unit="percentunit",
                min=0,
                max=1,
                thresholds=_FAILURE_STEPS,
                colours={"failed": BAD},
            ),
            show_thresholds=True,
        ),
        time_series(
            "Time waited before running",
            "Of the crawls that began to run within an hour: half waited less than the lower line, "
            "nine in ten less than the upper one.",
            *(
                Query(
                    expr=histogram_quantile(
                        share, FLEET.increase("browsertrix_crawl_wait_seconds_bucket", over="1h")
                    ),
                    legend=legend,
                )
                for share, legend in ((0.5, "half"), (0.9, "nine in ten"))
            ),
            config=FieldConfig(unit="s", min=0, colours={"half": GOOD, "nine in ten": WARN}),
        ),
    ),
    line(
        8,
        time_series(
            "Waiting crawls",
            "Crawls that wait, by what for.",
            Query(
                expr=sum_by(FLEET.merged("browsertrix_crawls", one_of("state", WAITING)), "state"),
                legend="{{state}}",
            ),
            config=FieldConfig(colours=STATES, min=0, decimals=0),
            stacked=True,
        ),
        pending.by_reason(FLEET),
        time_series(
            "How long crawls last",
            "Of the crawls that ended within an hour: half lasted less than this, from creation to "
            "end, by how they ended.",
            Query(
                expr=histogram_quantile(
                    0.5,
                    FLEET.increase("browsertrix_crawl_duration_seconds_bucket", over="1h"),
                    "outcome",
                ),
                legend="{{outcome}}",
            ),
            config=FieldConfig(unit="s", min=0, colours=OUTCOMES),
        ),
        table(
            "Longest waits",
            "The crawls that wait now, and for how long they have been waiting.",
            *CRAWL_COLUMNS,
            Value(
                title="Waiting",
                expr=with_names(topk(10, _WAITING)),
                unit="s",
                width=100,
                thresholds=((None, GOOD), (1800, WARN), (14400, BAD)),
            ),
            sort="Waiting",
            config=FieldConfig(no_value="no crawl waits"),
        ),
    ),
)

_WORK: Final = row(
    "Work",
    line(
        8,
        *(
            time_series(
                title,
                description,
                Query(expr=sum_by(FLEET.rate(metric), "role"), legend="{{role}}"),
                config=FieldConfig(unit=unit, min=0, colours=ROLES),
                stacked=True,
            )
            for title, description, metric, unit in (
                (
                    "Pages per second",
                    "Pages crawled, by crawls (job) and QA runs (qa-job).",
                    "browsertrix_org_pages_total",
                    "short",
                ),
                (
                    "Bytes per second",
                    "Bytes archived, by crawls (job) and QA runs (qa-job).",
                    "browsertrix_org_bytes_total",
                    "Bps",
                ),
                (
                    "Execution minutes per minute",
                    "What organisations are billed on. About as many pods are at work.",
                    "browsertrix_org_exec_seconds_total",
                    "short",
                ),
            )
        ),
    ),
)


_CRAWLS: Final = row(
    "Which crawls",
    line(
        10,
        table(
            "Largest",
            "Crawls by bytes archived so far.",
            *CRAWL_COLUMNS,
            Value(
                title="Size",
                expr=with_names(topk(10, FLEET.merged("browsertrix_crawl_size_bytes"))),
                unit="bytes",
                width=110,
            ),
            sort="Size",
        ),
        table(
            "Fullest",
            "Crawls by their fullest pod: memory in use over memory allocated. Unknown where "
            "neither metrics-server nor Browsertrix measures it.",
            *CRAWL_COLUMNS,
            Value(
                title="Memory",
                expr=with_names(
                    topk(
                        10, FLEET.merged("browsertrix_pod_memory_usage_ratio", labels=CRAWL_LABELS)
                    )
                ),
                unit="percentunit",
                width=140,
                decimals=0,
                thresholds=USAGE,
                bar=1,
            ),
            sort="Memory",
        ),
        table(
            "Oldest",
            "Crawls by time since their creation, ended ones aside.",
            *CRAWL_COLUMNS,
            Value(title="Age", expr=with_names(topk(10, _AGE)), unit="s", width=110),
            sort="Age",
        ),
    ),
    line(
        6,
        table(
            "Alerts firing",
            "Alerts of this project's rules that fire now; docs/runbooks says what to do about "
            "each. Empty as well where the rules are not installed.",
            Label(label="alertname", title="Alert", width=330),
            Label(label="severity", title="Severity", width=90, colours=SEVERITIES),
            Label(label="namespace", title="Namespace", width=120),
            Label(label="crawl", title="Crawl", link=TO_CRAWL),
            HIDDEN_ORGANISATION,
            ORGANISATION_COLUMN,
            Value(
                expr=with_organisation(
                    f"max {by('alertname', 'severity', 'namespace', 'oid', 'crawl')} "
                    '(ALERTS{alertstate="firing", alertname=~"Browsertrix.+", '
                    'cluster=~"$cluster", namespace=~"$namespace|"})'
                ),
            ),
            config=FieldConfig(no_value="no alert fires"),
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-fleet",
    title="Browsertrix / Fleet",
    description="What all crawls together are doing, and which of them deserve a look.",
    variables=(CLUSTER, NAMESPACE),
    annotations=(
        Annotation(
            name="Failed crawls",
            expr=FLEET.merged("browsertrix_crawl_finished_timestamp_seconds", _FAILED) + " * 1000",
            colour=BAD,
            title="Crawl failed",
            text="{{crawl}}: {{state}}",
            tags="namespace,state",
            use_value_for_time=True,
        ),
        Annotation(
            name="Evictions",
            expr=FLEET.merged("browsertrix_pod_evicted_timestamp_seconds") + " * 1000",
            colour=WARN,
            title="Pod evicted",
            text="{{pod}}",
            tags="namespace",
            use_value_for_time=True,
        ),
        Annotation(
            name="Exporter restarts",
            expr="(process_start_time_seconds and on (job, instance) "
            "browsertrix_exporter_build_info) * 1000",
            colour=QUIET,
            title="Exporter started",
            text="{{instance}}",
            tags="job",
            use_value_for_time=True,
            enabled=False,
        ),
    ),
    rows=(_FIRST, _NOW, _ENDS, _WORK, _CRAWLS),
)

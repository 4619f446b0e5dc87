"""The exporter itself: whether what the other dashboards show is complete and current.

Long, as one file holds one dashboard, panel by panel in the order they are seen.
"""

from typing import Final

from dashboards.annotations import Annotation
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, WARN_FROM_ONE, FieldConfig
from dashboards.panels import Query, label_stat, stat, state_timeline, time_series
from dashboards.promql import Selection
from dashboards.tables import Label, Value, table
from dashboards.variables import Variable, label_values
from exporter.rules.promql import added
from exporter.web.colours import BAD, GOOD, NOTICE, QUIET, WARN

_EXPORTER: Final = "browsertrix_exporter_"
OWN: Final = Selection(job='job=~"$job"', instance='instance=~"$instance"')


_OF_SHARD: Final = "by (source, scope) (max by (source, scope, shard)"
"""A pair of one shard is merged; what is made of the shards stands before it."""


def _of(name: str) -> str:
    return OWN.selector(f"{_EXPORTER}{name}")


def _crawljobs(name: str) -> str:
    """Of the watches of CrawlJobs, on which all else depends."""
    return OWN.selector(f"{_EXPORTER}{name}", 'source=~"|crawljobs"')


def _rate(name: str, *by: str) -> str:
    labels = ", ".join(("instance", *by))
    return f"sum by ({labels}) (rate({_of(name)}[$__rate_interval]))"


def _count(name: str, *by: str, only: str = "") -> str:
    """By how much a counter grows from one point to the next, all exporters together."""
    grouping = f" by ({', '.join(by)})" if by else ""
    series = OWN.selector(f"{_EXPORTER}{name}", *filter(None, [only]))
    return f"sum{grouping} (clamp_min({series} - {series} offset $__interval, 0))"


def _process(name: str) -> str:
    """A series that every process serves, of exporters only, whatever their job is called."""
    return f"{OWN.selector(name)} and on (job, instance) {_of('build_info')}"


_NOW: Final = row(
    "Can it be believed",
    line(
        4,
        stat(
            "Synced",
            "Whether every scope's CrawlJobs were listed completely. Before that, nothing of it is "
            "served.",
            Query(expr=f"min({_crawljobs('synced')})"),
            FieldConfig(
                thresholds=((None, BAD), (1, GOOD)),
                mappings={"0": "no", "1": "yes"},
                no_value="no exporter",
            ),
        ),
        stat(
            "Last heard",
            "Since the CrawlJobs were last known to be current. The API server says so about every "
            "minute, even if nothing happens.",
            Query(
                expr="time() - min(max by (scope, shard) "
                f"({_crawljobs('last_sync_timestamp_seconds')}))",
                instant=True,
            ),
            FieldConfig(unit="s", thresholds=((None, GOOD), (120, WARN), (300, BAD))),
        ),
        stat(
            "CrawlJobs",
            "CrawlJobs that are held and served.",
            Query(expr=f"sum(max by (scope, shard) ({_crawljobs('objects')}))"),
        ),
        stat(
            "Malformed",
            "CrawlJobs with a field that cannot be read; the log names object and field.",
            Query(expr=f"sum({added('browsertrix_malformed_crawljobs', 'namespace')})"),
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        stat(
            "Ledger",
            "Whether what happens can be written down. If not, it is forgotten with a restart; the "
            "log says why.",
            Query(expr=f"max({_of('ledger_failing')})"),
            FieldConfig(
                thresholds=BAD_FROM_ONE, mappings={"0": "writing", "1": "failing"}, no_value="none"
            ),
        ),
        stat(
            "Slowest scrapes",
            "Nine in ten scrapes are faster than this. Prometheus gives up after ten seconds, by "
            "default.",
            Query(
                expr="histogram_quantile(0.9, sum by (le) "
                f"(rate({_of('scrape_duration_seconds_bucket')}[$__range])))",
                instant=True,
            ),
            FieldConfig(unit="s", thresholds=((None, GOOD), (1, WARN), (5, BAD))),
        ),
        stat(
            "Up for",
            "Since the youngest exporter was started.",
            Query(expr=f"time() - max({_process('process_start_time_seconds')})", instant=True),
            FieldConfig(unit="s"),
        ),
        label_stat(
            "Version",
            "The version of the exporter.",
            Query(
                expr=f"max by (version) ({_of('build_info')})", legend="{{version}}", instant=True
            ),
        ),
    ),
)

_SOURCES: Final = row(
    "Sources",
    line(
        7,
        table(
            "What is followed",
            "Each source in each namespace: whether it is vouched for, and what is held of it. "
            "Where it is not, the status page and the log say why, and what to do.",
            Label(label="source", title="Source"),
            Label(label="scope", title="Namespace"),
            Value(
                title="Up",
                expr=f"min {_OF_SHARD} ({_of('source_up')}))",
                width=70,
                thresholds=((None, BAD), (1, GOOD)),
                mappings={"0": "no", "1": "yes"},
            ),
            Value(
                title="Objects",
                expr=f"sum {_OF_SHARD} ({_of('objects')}))",
                unit="none",
                width=90,
            ),
            Value(
                title="Last heard",
                expr=f"time() - min {_OF_SHARD} ({_of('last_sync_timestamp_seconds')}))",
                unit="s",
                width=100,
                thresholds=((None, GOOD), (120, WARN), (300, BAD)),
            ),
            sort="Objects",
            config=FieldConfig(no_value="no exporter"),
        ),
        state_timeline(
            "Sources up",
            "When each source vouched for its content (green), and when it did not (red): then "
            "what it would say is not served. CrawlJobs last known stay.",
            Query(
                expr=f"min {_OF_SHARD} ({_of('source_up')}))",
                legend="{{source}} of {{scope}}",
            ),
            config=FieldConfig(
                thresholds=((None, BAD), (1, GOOD)), mappings={"0": "no", "1": "yes"}
            ),
            by_value=True,
        ),
    ),
)

_WATCH: Final = row(
    "The watches",
    line(
        8,
        time_series(
            "Events per second",
            "What the API server told, by type. Bookmarks come about every minute; a line at zero "
            "while crawls run is a watch that hears nothing.",
            Query(
                expr=f"sum by (type) (rate({_of('watch_events_total')}[$__rate_interval]))",
                legend="{{type}}",
            ),
            config=FieldConfig(
                min=0,
                colours={
                    "ADDED": GOOD,
                    "MODIFIED": NOTICE,
                    "DELETED": QUIET,
                    "BOOKMARK": "#CA95E5",
                    "ERROR": BAD,
                },
            ),
        ),
        time_series(
            "Reconnects",
            "Watches that were left, by reason. Ended is the server's own timeout, every few "
            "minutes, and normal.",
            Query(
                expr=_count("watch_reconnects_total", "reason") + " > 0",
                legend="{{reason}}",
            ),
            config=FieldConfig(min=0, decimals=0, colours={"ended": GOOD}),
            stacked=True,
            bars=True,
            min_interval="5m",
        ),
        time_series(
            "Lists",
            "Complete lists of what is watched, and lists that failed, by reason. After the first "
            "each list means a watch that could not be taken up where it stopped. Usage, which is "
            "listed every few seconds, only where that fails.",
            Query(expr=_count("lists_total", only='source!="usage"'), legend="listed"),
            Query(
                expr=_count("list_failures_total", "source", "reason") + " > 0",
                legend="{{source}} failed: {{reason}}",
            ),
            config=FieldConfig(min=0, decimals=0, colours={"listed": NOTICE}),
            bars=True,
            min_interval="5m",
        ),
    ),
    line(
        8,
        time_series(
            "Since the last sign of life",
            "Time since each source's content was last known to be current, and since a CrawlJob "
            "was last seen to change.",
            Query(
                expr=f"time() - min {_OF_SHARD} ({_of('last_sync_timestamp_seconds')}))",
                legend="{{source}} of {{scope}} current",
            ),
            Query(
                expr=f"time() - max by (scope) ({_crawljobs('last_event_timestamp_seconds')})",
                legend="crawljobs of {{scope}} changed",
            ),
            config=FieldConfig(unit="s", min=0, thresholds=((None, GOOD), (300, BAD))),
            show_thresholds=True,
        ),
        time_series(
            "Objects by exporter",
            "Objects held, by exporter and source. A pair says the same.",
            Query(
                expr=f"sum by (instance, source) ({_of('objects')})",
                legend="{{instance}} {{source}}",
            ),
            config=FieldConfig(min=0),
        ),
        time_series(
            "Not as expected",
            "What came over the watch and was of no use: older than what is known, no event, too "
            "long a line, or an object that cannot be read at all.",
            *(
                Query(expr=_count(f"{name}_total"), legend=legend)
                for name, legend in (
                    ("stale_events", "stale"),
                    ("garbage_lines", "garbage"),
                    ("skipped_lines", "too long"),
                    ("unusable_objects", "unusable"),
                )
            ),
            config=FieldConfig(
                min=0,
                decimals=0,
                colours={"stale": QUIET, "garbage": WARN, "too long": "#FADE2A", "unusable": BAD},
            ),
            bars=True,
            stacked=True,
            min_interval="5m",
        ),
    ),
)

_NOT_ASKED: Final = "--browsertrix.url is not set"
_ASKED: Final = "browsertrix_last_success_timestamp_seconds"

_CLIENT: Final = row(
    "What Browsertrix is asked",
    line(
        7,
        stat(
            "Login",
            "Whether Browsertrix takes the login or the token, and its user is a superadmin. "
            "Refused: nothing is asked until the file changes, for five wrong passwords lock the "
            "account. Names, quotas, workflows and jobs are unknown meanwhile.",
            Query(expr=f"max({_of('browsertrix_login_refused')})"),
            FieldConfig(
                thresholds=BAD_FROM_ONE,
                mappings={"0": "accepted", "1": "refused"},
                no_value=_NOT_ASKED,
            ),
        ),
        stat(
            "Pause limit",
            "Whether --pause-limit, where it is given, is what Browsertrix says. If it differs, "
            "figures and alerts on pauses that expire come at the wrong time.",
            Query(expr=f"max({_of('pause_limit_differs')})"),
            FieldConfig(
                thresholds=WARN_FROM_ONE,
                mappings={"0": "as in Browsertrix", "1": "differs"},
                no_value=_NOT_ASKED,
            ),
        ),
        table(
            "What is asked for",
            "Each source: whether what it said last still counts, how many there are of it, and "
            "when it was last asked with success. Workflows are asked for every ten minutes or so, "
            "counts of archived items every hour.",
            Label(label="source", title="Source"),
            Value(
                title="Up",
                expr=f"max by (source) ({_of('source_up')}) and on (source) {_of(_ASKED)}",
                width=60,
                thresholds=((None, BAD), (1, GOOD)),
                mappings={"0": "no", "1": "yes"},
            ),
            Value(
                title="Items",
                expr=f"max by (source) ({_of('objects')}) and on (source) {_of(_ASKED)}",
                unit="none",
                width=80,
            ),
            Value(
                title="Asked",
                expr=f"time() - max by (source) ({_of(_ASKED)})",
                unit="s",
                width=90,
            ),
            sort="Items",
            config=FieldConfig(no_value=_NOT_ASKED),
        ),
        time_series(
            "Requests per second",
            "Requests sent to Browsertrix, by what was asked for.",
            Query(
                expr=f"sum by (endpoint) (rate({_of('browsertrix_requests_total')}"
                "[$__rate_interval])) > 0",
                legend="{{endpoint}}",
            ),
            config=FieldConfig(min=0, no_value=_NOT_ASKED),
            stacked=True,
        ),
        time_series(
            "Failed requests",
            "Requests to Browsertrix that failed, by what was asked for and why.",
            Query(
                expr=_count("browsertrix_request_failures_total", "endpoint", "reason") + " > 0",
                legend="{{endpoint}}: {{reason}}",
            ),
            config=FieldConfig(min=0, decimals=0, no_value="none failed"),
            bars=True,
            stacked=True,
            min_interval="5m",
        ),
        widths=(3, 3, 6, 6, 6),
    ),
)

_NOT_CALLED: Final = "metacontroller does not feed it"

_HOOKS: Final = row(
    "What metacontroller calls",
    line(
        7,
        stat(
            "Last call",
            "Since metacontroller last called the exporter that has waited longest, of whatever "
            "object. It calls of every CrawlJob once a minute; where nobody calls, the other "
            "dashboards show the past.",
            Query(expr=f"time() - min({_of('hook_last_request_timestamp_seconds')})", instant=True),
            FieldConfig(
                unit="s",
                thresholds=((None, GOOD), (180, WARN), (600, BAD)),
                no_value=_NOT_CALLED,
            ),
        ),
        stat(
            "Ends not on disk",
            "Crawls that were released to be deleted and have no end on disk, since the exporter "
            "was started: the ledger could not be written for ten minutes, or the CrawlJob not be "
            "read. Only with --metacontroller.finalize is one held until then.",
            Query(expr=f"sum({_of('hook_unrecorded_releases_total')})"),
            FieldConfig(thresholds=BAD_FROM_ONE, no_value=_NOT_CALLED),
        ),
        time_series(
            "Since the last call",
            "Time since metacontroller last called, by exporter.",
            Query(
                expr=f"time() - max by (instance) ({_of('hook_last_request_timestamp_seconds')})",
                legend="{{instance}}",
            ),
            config=FieldConfig(
                unit="s",
                min=0,
                thresholds=((None, GOOD), (600, BAD)),
                no_value=_NOT_CALLED,
            ),
            show_thresholds=True,
        ),
        time_series(
            "Calls per second",
            "Calls by hook and what became of them. Outdated is what a resync says of a CrawlJob "
            "that has not changed; waiting is one that is not released yet: Browsertrix's "
            "operator is not through with it, or its end is not on disk.",
            Query(
                expr=f"sum by (hook, outcome) (rate({_of('hook_requests_total')}"
                "[$__rate_interval])) > 0",
                legend="{{hook}} {{outcome}}",
            ),
            config=FieldConfig(min=0, no_value=_NOT_CALLED),
            stacked=True,
        ),
        time_series(
            "Refused calls",
            "Calls that were answered with a status of 4xx, by hook: no call of metacontroller's, "
            "or without the password or certificate. None is a path that no hook has.",
            Query(
                expr=_count("hook_requests_total", "hook", only='outcome="refused"') + " > 0",
                legend="{{hook}}",
            ),
            config=FieldConfig(min=0, decimals=0, no_value="none refused"),
            bars=True,
            stacked=True,
            min_interval="5m",
        ),
        widths=(3, 3, 6, 6, 6),
    ),
)

_CONTENT: Final = row(
    "What could not be read",
    line(
        6,
        table(
            "Fields that could not be read",
            "By field, since the exporter was started; each counts once for its object. The log "
            "names the objects.",
            Label(label="field", title="Field"),
            Value(
                title="Problems",
                expr=f"max by (field) ({_of('parse_problems_total')}) > 0",
                width=110,
                unit="none",
                thresholds=WARN_FROM_ONE,
            ),
            sort="Problems",
            config=FieldConfig(no_value="every field could be read"),
        ),
        table(
            "Words nobody knew",
            "By field, since the exporter was started: values that a newer Browsertrix writes. "
            "They are served as they are.",
            Label(label="field", title="Field"),
            Value(
                title="Values",
                expr=f"max by (field) ({_of('unknown_values_total')}) > 0",
                width=110,
                unit="none",
                thresholds=WARN_FROM_ONE,
            ),
            sort="Values",
            config=FieldConfig(no_value="every word is known"),
        ),
        time_series(
            "Writes to the ledger",
            "Transactions a second, written and failed. The exporter goes on from memory "
            "while it cannot write.",
            Query(expr=_rate("ledger_writes_total"), legend="{{instance}} written"),
            Query(expr=_rate("ledger_write_failures_total"), legend="{{instance}} failed"),
            config=FieldConfig(min=0),
        ),
    ),
)

_COST: Final = row(
    "What it costs",
    line(
        8,
        time_series(
            "Scrape duration",
            "From request to last byte: half of all scrapes, and 99 in a hundred, are faster.",
            *(
                Query(
                    expr=f"histogram_quantile({share}, sum by (le) "
                    f"(rate({_of('scrape_duration_seconds_bucket')}[$__rate_interval])))",
                    legend=legend,
                )
                for share, legend in ((0.5, "half"), (0.99, "99 in a hundred"))
            ),
            config=FieldConfig(
                unit="s",
                min=0,
                thresholds=((None, GOOD), (5, BAD)),
                colours={"half": GOOD, "99 in a hundred": WARN},
            ),
        ),
        time_series(
            "Scrape size",
            "Bytes of the last scrape before compression.",
            Query(expr=f"max by (instance) ({_of('scrape_size_bytes')})", legend="{{instance}}"),
            config=FieldConfig(unit="bytes", min=0),
        ),
        time_series(
            "CPU",
            "Cores that the exporter uses.",
            Query(
                expr=f"rate({OWN.selector('process_cpu_seconds_total')}[$__rate_interval])"
                f" and on (job, instance) {_of('build_info')}",
                legend="{{instance}}",
            ),
            config=FieldConfig(min=0),
        ),
        time_series(
            "Memory",
            "Resident memory; it grows with the number of CrawlJobs and stays flat over days.",
            Query(expr=_process("process_resident_memory_bytes"), legend="{{instance}}"),
            config=FieldConfig(unit="bytes", min=0),
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-exporter",
    title="Browsertrix / Exporter",
    description="Whether what the other dashboards show can be believed, and what that costs.",
    variables=(
        Variable(
            name="job", label="Job", query=label_values("browsertrix_exporter_build_info", "job")
        ),
        Variable(
            name="instance",
            label="Instance",
            query=label_values('browsertrix_exporter_build_info{job=~"$job"}', "instance"),
        ),
    ),
    annotations=(
        Annotation(
            name="Restarts",
            expr=f"({_process('process_start_time_seconds')}) * 1000",
            colour=NOTICE,
            title="Exporter started",
            text="{{instance}}",
            tags="job",
            use_value_for_time=True,
        ),
        Annotation(
            name="Not synced",
            expr=f"{_of('synced')} == bool 0",
            colour=BAD,
            title="Not synced",
            text="{{instance}} {{scope}}",
            tags="scope",
        ),
    ),
    rows=(_NOW, _SOURCES, _WATCH, _CLIENT, _HOOKS, _CONTENT, _COST),
    time_from="now-3h",
)

"""The exporter itself: whether what the other dashboards show can be believed."""

from typing import Final

from dashboards.frame import Annotation, Dashboard, Variable, line, of_labels, row
from dashboards.panels import (
    ANY_IS_BAD,
    ANY_IS_WORTH_A_LOOK,
    FieldConfig,
    Query,
    lines,
    number,
    word,
)
from dashboards.promql import Selection
from dashboards.tables import Label, Value, rows
from exporter.web.colours import BAD, GOOD, NOTICE, QUIET, WARN

_EXPORTER: Final = "browsertrix_exporter_"
OWN: Final = Selection(job='job=~"$job"', instance='instance=~"$instance"')


def _of(name: str) -> str:
    return OWN.of(f"{_EXPORTER}{name}")


def _rate(name: str, *by: str) -> str:
    labels = ", ".join(("instance", *by))
    return f"sum by ({labels}) (rate({_of(name)}[$__rate_interval]))"


def _count(name: str, *by: str) -> str:
    """How often something happened between a point and the one before."""
    grouping = f" by ({', '.join(by)})" if by else ""
    return f"sum{grouping} (clamp_min({_of(name)} - {_of(name)} offset $__interval, 0))"


def _process(name: str) -> str:
    """A series that every process has, of exporters only: a job can be called anything."""
    return f"{OWN.of(name)} and on (job, instance) {_of('build_info')}"


_NOW: Final = row(
    "Can it be believed",
    line(
        4,
        number(
            "Synced",
            "Whether every scope's CrawlJobs were listed completely. Before that, nothing of it is "
            "served.",
            Query(expr=f"min({_of('synced')})"),
            FieldConfig(
                thresholds=((None, BAD), (1, GOOD)),
                words={"0": "no", "1": "yes"},
                no_value="no exporter",
            ),
        ),
        number(
            "Last heard",
            "Since the content was last known to be current. The API server says so about every "
            "minute, even if nothing happens.",
            Query(
                expr=f"time() - min(max by (scope) ({_of('last_sync_timestamp_seconds')}))",
                instant=True,
            ),
            FieldConfig(unit="s", thresholds=((None, GOOD), (120, WARN), (300, BAD))),
        ),
        number(
            "CrawlJobs",
            "CrawlJobs that are held and served.",
            Query(expr=f"sum(max by (scope) ({_of('objects')}))"),
        ),
        number(
            "Malformed",
            "CrawlJobs with a field that cannot be read; the log names object and field.",
            Query(expr="sum(max by (namespace) (browsertrix_malformed_crawljobs))"),
            FieldConfig(thresholds=ANY_IS_BAD),
        ),
        number(
            "Ledger",
            "Whether what happens can be written down. If not, it is forgotten with a restart; the "
            "log says why.",
            Query(expr=f"max({_of('ledger_failing')})"),
            FieldConfig(
                thresholds=ANY_IS_BAD, words={"0": "writing", "1": "failing"}, no_value="none"
            ),
        ),
        number(
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
        number(
            "Up for",
            "Since the youngest exporter was started.",
            Query(expr=f"time() - max({_process('process_start_time_seconds')})", instant=True),
            FieldConfig(unit="s"),
        ),
        word(
            "Version",
            "The version of the exporter.",
            Query(
                expr=f"max by (version) ({_of('build_info')})", legend="{{version}}", instant=True
            ),
        ),
    ),
)

_WATCH: Final = row(
    "The watch",
    line(
        8,
        lines(
            "Events per second",
            "What the API server told, by type. Bookmarks come about every minute; a line at zero "
            "while crawls run is a watch that hears nothing.",
            Query(
                expr=f"sum by (type) (rate({_of('watch_events_total')}[$__rate_interval]))",
                legend="{{type}}",
            ),
            look=FieldConfig(
                low=0,
                colours={
                    "ADDED": GOOD,
                    "MODIFIED": NOTICE,
                    "DELETED": QUIET,
                    "BOOKMARK": "#CA95E5",
                    "ERROR": BAD,
                },
            ),
        ),
        lines(
            "Reconnects",
            "Watches that were left, by reason. Ended is the server's own timeout, every few "
            "minutes, and normal.",
            Query(
                expr=_count("watch_reconnects_total", "reason") + " > 0",
                legend="{{reason}}",
            ),
            look=FieldConfig(low=0, decimals=0, colours={"ended": GOOD}),
            stacked=True,
            bars=True,
            every="5m",
        ),
        lines(
            "Lists",
            "Complete lists of all CrawlJobs, and lists that failed, by reason. After the first "
            "each list means a watch that could not be taken up where it stopped.",
            Query(expr=_count("lists_total"), legend="listed"),
            Query(
                expr=_count("list_failures_total", "reason") + " > 0",
                legend="failed: {{reason}}",
            ),
            look=FieldConfig(low=0, decimals=0, colours={"listed": NOTICE}),
            bars=True,
            every="5m",
        ),
    ),
    line(
        8,
        lines(
            "Since the last sign of life",
            "Time since each scope's content was last known to be current, and since a CrawlJob "
            "was last seen to change.",
            Query(
                expr=f"time() - max by (scope) ({_of('last_sync_timestamp_seconds')})",
                legend="{{scope}} current",
            ),
            Query(
                expr=f"time() - max by (scope) ({_of('last_event_timestamp_seconds')})",
                legend="{{scope}} changed",
            ),
            look=FieldConfig(unit="s", low=0, thresholds=((None, GOOD), (300, BAD))),
            show_limits=True,
        ),
        lines(
            "CrawlJobs by exporter",
            "CrawlJobs held, by exporter and scope. A pair says the same.",
            Query(
                expr=f"sum by (instance, scope) ({_of('objects')})",
                legend="{{instance}} {{scope}}",
            ),
            look=FieldConfig(low=0),
        ),
        lines(
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
            look=FieldConfig(
                low=0,
                decimals=0,
                colours={"stale": QUIET, "garbage": WARN, "too long": "#FADE2A", "unusable": BAD},
            ),
            bars=True,
            stacked=True,
            every="5m",
        ),
    ),
)

_CONTENT: Final = row(
    "What could not be read",
    line(
        6,
        rows(
            "Fields that could not be read",
            "By field, since the exporter was started; each counts once for its object. The log "
            "names the objects.",
            Label(label="field", title="Field"),
            Value(
                title="Problems",
                expr=f"max by (field) ({_of('parse_problems_total')}) > 0",
                width=110,
                unit="none",
                thresholds=ANY_IS_WORTH_A_LOOK,
            ),
            sort="Problems",
            look=FieldConfig(no_value="every field could be read"),
        ),
        rows(
            "Words nobody knew",
            "By field, since the exporter was started: values that a newer Browsertrix writes. "
            "They are served as they are.",
            Label(label="field", title="Field"),
            Value(
                title="Values",
                expr=f"max by (field) ({_of('unknown_values_total')}) > 0",
                width=110,
                unit="none",
                thresholds=ANY_IS_WORTH_A_LOOK,
            ),
            sort="Values",
            look=FieldConfig(no_value="every word is known"),
        ),
        lines(
            "Writes to the ledger",
            "Transactions a second, written and failed. The exporter goes on from memory "
            "while it cannot write.",
            Query(expr=_rate("ledger_writes_total"), legend="{{instance}} written"),
            Query(expr=_rate("ledger_write_failures_total"), legend="{{instance}} failed"),
            look=FieldConfig(low=0),
        ),
    ),
)

_COST: Final = row(
    "What it costs",
    line(
        8,
        lines(
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
            look=FieldConfig(
                unit="s",
                low=0,
                thresholds=((None, GOOD), (5, BAD)),
                colours={"half": GOOD, "99 in a hundred": WARN},
            ),
        ),
        lines(
            "Scrape size",
            "Bytes of the last scrape before compression.",
            Query(expr=f"max by (instance) ({_of('scrape_size_bytes')})", legend="{{instance}}"),
            look=FieldConfig(unit="bytes", low=0),
        ),
        lines(
            "CPU",
            "Cores that the exporter uses.",
            Query(
                expr=f"rate({OWN.of('process_cpu_seconds_total')}[$__rate_interval])"
                f" and on (job, instance) {_of('build_info')}",
                legend="{{instance}}",
            ),
            look=FieldConfig(low=0),
        ),
        lines(
            "Memory",
            "Resident memory; it grows with the number of CrawlJobs and stays flat over days.",
            Query(expr=_process("process_resident_memory_bytes"), legend="{{instance}}"),
            look=FieldConfig(unit="bytes", low=0),
        ),
    ),
)

BOARD: Final = Dashboard(
    uid="browsertrix-exporter",
    title="Browsertrix / Exporter",
    description="Whether what the other dashboards show can be believed, and what that costs.",
    variables=(
        Variable(
            name="job", label="Job", query=of_labels("browsertrix_exporter_build_info", "job")
        ),
        Variable(
            name="instance",
            label="Instance",
            query=of_labels('browsertrix_exporter_build_info{job=~"$job"}', "instance"),
        ),
    ),
    events=(
        Annotation(
            name="Restarts",
            expr=f"({_process('process_start_time_seconds')}) * 1000",
            colour=NOTICE,
            title="Exporter started",
            text="{{instance}}",
            tags="job",
            dated=True,
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
    rows=(_NOW, _WATCH, _CONTENT, _COST),
    since="now-3h",
)

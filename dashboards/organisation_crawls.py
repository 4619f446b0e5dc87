"""Rows of the organisations dashboard that are made of CrawlJobs alone: who has and uses what."""

from typing import Final

from dashboards.dashboard import line, row
from dashboards.fields import USAGE, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_last_names, with_names, with_organisation
from dashboards.panels import Query, stat, time_series
from dashboards.promql import Selection, one_of, sum_by, topk
from dashboards.tables import (
    HIDDEN_ORGANISATION,
    ORGANISATION_COLUMN,
    OWNED_CRAWL_COLUMNS,
    Label,
    Value,
    table,
)
from exporter.resources.crawljob.states import PAUSED, RUNNING, WAITING
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import by
from exporter.web.colours import STATES

ORGS: Final = Selection(namespace='namespace=~"$namespace"', oid='oid=~"$oid"')

_STATE: Final = "browsertrix_crawl_state"
_QUOTA: Final = 'state=~"(paused|stopped|skipped)_(storage_|time_)?quota_reached"'
_QUOTA_ENDS: Final = 'state=~"(stopped|skipped)_(storage_|time_)?quota_reached"'


_BY_ORG: Final = 'cluster=~"$cluster", namespace=~"$namespace", oid=~"$oid"'
_COUNTS: Final = "namespace_oid_state:browsertrix_crawl_state:count"
"""Recorded: to count ten thousand crawls for each point of a panel takes a minute."""


def _counted(*matchers: str) -> str:
    return f"{_COUNTS}{{{', '.join((_BY_ORG, *matchers))}}}"


def _crawls(*matchers: str) -> str:
    return f"sum({_counted(*matchers)})"


def _by_org(states: frozenset[str] | None = None) -> str:
    matchers = (one_of("state", states),) if states else ()
    return f"sum {by('namespace', 'oid')} ({_counted(*matchers)})"


def _ratio(part: str, whole: str) -> str:
    return f"{ORGS.merged(part)} / ({ORGS.merged(whole)} > 0)"


_SIZE: Final = _ratio("browsertrix_crawl_size_bytes", "browsertrix_crawl_size_limit_bytes")
_TIME: Final = _ratio("browsertrix_crawl_elapsed_seconds", "browsertrix_crawl_timeout_seconds")


def _used(metric: str) -> str:
    return sum_by(ORGS.increase(metric, over="$__range"), "namespace", "oid")


NOW: Final = row(
    "From their crawls",
    line(
        4,
        stat(
            "With crawls",
            "Organisations that have a crawl at the end of the time shown.",
            Query(expr=f"count(count by (oid) ({_counted()}))"),
        ),
        stat(
            "Crawls",
            "Crawls of the organisations chosen, in whatever state.",
            Query(expr=_crawls()),
        ),
        stat(
            "Waiting for their turn",
            "Crawls that wait for other crawls of the same organisation, which has a limit of how "
            "many may run at once.",
            Query(expr=_crawls('state="waiting_org_limit"') + " or vector(0)"),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Held by a quota",
            "Crawls paused, stopped or skipped because a quota of storage or execution time is "
            "used up, and still there.",
            Query(expr=_crawls(_QUOTA) + " or vector(0)"),
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        stat(
            "Execution time",
            "Time that pods worked within the time shown: what organisations are billed on.",
            Query(
                expr=f"sum({_used('browsertrix_org_exec_seconds_total')})",
                instant=True,
            ),
            FieldConfig(unit="s"),
        ),
        stat(
            "Archived",
            "Bytes archived within the time shown.",
            Query(expr=f"sum({_used('browsertrix_org_bytes_total')})", instant=True),
            FieldConfig(unit="bytes"),
        ),
    ),
    line(
        9,
        table(
            "Who has what",
            "What each has now, and what it used within the time shown. Near a limit: the crawl "
            "that is nearest to its own size or time limit.",
            ORGANISATION_COLUMN,
            HIDDEN_ORGANISATION,
            Label(label="namespace", title="Namespace", width=130),
            *(
                Value(title=title, expr=expr, width=90, unit="none")
                for title, expr in (
                    ("Crawls", with_organisation(_by_org())),
                    ("Running", _by_org(RUNNING)),
                    ("Waiting", _by_org(WAITING)),
                    ("Paused", _by_org(PAUSED)),
                )
            ),
            Value(
                title="Execution",
                expr=with_organisation(_used("browsertrix_org_exec_seconds_total")),
                unit="s",
                width=110,
            ),
            Value(
                title="Pages",
                expr=_used("browsertrix_org_pages_total"),
                unit="short",
                decimals=0,
                width=90,
            ),
            Value(
                title="Archived", expr=_used("browsertrix_org_bytes_total"), unit="bytes", width=110
            ),
            *(
                Value(
                    title=title,
                    expr=f"max by (namespace, oid) ({expr})",
                    unit="percentunit",
                    decimals=0,
                    width=150,
                    thresholds=USAGE,
                    bar=1,
                )
                for title, expr in (("Size limit", _SIZE), ("Time limit", _TIME))
            ),
            sort="Execution",
        ),
    ),
)

USE: Final = row(
    "Who uses what",
    line(
        8,
        time_series(
            "Crawls by organisation",
            "Crawls that there are, in whatever state.",
            Query(
                expr=with_organisation(f"sum {by('oid')} ({_counted()})"), legend="{{organisation}}"
            ),
            config=FieldConfig(min=0, decimals=0),
            stacked=True,
        ),
        time_series(
            "Pods at work",
            "Execution seconds per second, by organisation: about how many pods work for it.",
            Query(
                expr=with_organisation(
                    sum_by(ORGS.rate("browsertrix_org_exec_seconds_total"), "oid")
                ),
                legend="{{organisation}}",
            ),
            config=FieldConfig(min=0),
            stacked=True,
        ),
    ),
    line(
        8,
        time_series(
            "Archived per second",
            "Bytes archived, by organisation.",
            Query(
                expr=with_organisation(sum_by(ORGS.rate("browsertrix_org_bytes_total"), "oid")),
                legend="{{organisation}}",
            ),
            config=FieldConfig(unit="Bps", min=0),
            stacked=True,
        ),
        time_series(
            "Pages per second",
            "Pages crawled, by organisation.",
            Query(
                expr=with_organisation(sum_by(ORGS.rate("browsertrix_org_pages_total"), "oid")),
                legend="{{organisation}}",
            ),
            config=FieldConfig(min=0),
            stacked=True,
        ),
    ),
)

LIMITS: Final = row(
    "How near to a limit",
    line(
        8,
        *(
            table(
                title,
                f"Crawls with a {limit} limit, the nearest to it first. At the limit a crawl is "
                "ended and called complete, though pages are missing.",
                *OWNED_CRAWL_COLUMNS,
                Value(
                    title="Used",
                    expr=with_names(topk(15, expr)),
                    unit="percentunit",
                    decimals=0,
                    width=180,
                    thresholds=USAGE,
                    bar=1,
                ),
                sort="Used",
                config=FieldConfig(no_value=f"no crawl has a {limit} limit"),
            )
            for title, limit, expr in (
                ("Size limits", "size", _SIZE),
                ("Time limits", "time", _TIME),
            )
        ),
    ),
    line(
        8,
        time_series(
            "Held up",
            "Crawls that their organisation holds up, by how: its limit of crawls at once, its "
            "quotas, or being read-only.",
            Query(
                expr="count by (state) ("
                + ORGS.merged(_STATE, 'state=~"waiting_org_limit|.+_quota_reached|.+_org_readonly"')
                + ")",
                legend="{{state}}",
            ),
            config=FieldConfig(min=0, decimals=0, colours=STATES),
            stacked=True,
        ),
        table(
            "Ended by a quota",
            "Crawls that a quota ended or kept from starting, within the last day. Since 1.21 "
            "Browsertrix pauses most of them instead.",
            *OWNED_CRAWL_COLUMNS,
            Label(label="state", title="How", colours=STATES, width=240),
            Value(
                title="When",
                expr=with_last_names(
                    ORGS.last(
                        "browsertrix_crawl_finished_timestamp_seconds",
                        _QUOTA_ENDS,
                        labels=(*CRAWL_LABELS, "state"),
                    )
                    + " * 1000",
                    ORGS,
                ),
                unit="dateTimeAsIso",
                width=170,
            ),
            sort="When",
            config=FieldConfig(no_value="none"),
        ),
    ),
)

"""Organisations: who uses what, and whose crawls come close to their limits.

What CrawlJobs say. Quotas of the organisations themselves are known to Browsertrix's API alone.
"""

from typing import Final

from dashboards.frame import NAMESPACE as CHOOSE_NAMESPACE
from dashboards.frame import ORGANISATION as CHOOSE_ORGANISATION
from dashboards.frame import Annotation, Dashboard, line, row
from dashboards.panels import ANY_IS_WORTH_A_LOOK, FILLING, FieldConfig, Query, lines, number
from dashboards.promql import CRAWL as CRAWL_LABELS
from dashboards.promql import Selection, largest, one_of, total
from dashboards.tables import (
    CRAWL,
    HIDDEN_ORGANISATION,
    NAMESPACE,
    ORGANISATION,
    Label,
    Value,
    rows,
)
from exporter.resources.crawljob.states import PAUSED, RUNNING, WAITING
from exporter.web.colours import BAD, STATES, WARN

ORGS: Final = Selection(namespace='namespace=~"$namespace"', oid='oid=~"$oid"')

_STATE: Final = "browsertrix_crawl_state"
_QUOTA: Final = 'state=~"(paused|stopped|skipped)_(storage_|time_)?quota_reached"'
_QUOTA_ENDS: Final = 'state=~"(stopped|skipped)_(storage_|time_)?quota_reached"'


def _crawls(*matchers: str) -> str:
    return f"count({ORGS.merged(_STATE, *matchers)})"


def _by_org(states: frozenset[str] | None = None) -> str:
    matchers = (one_of("state", states),) if states else ()
    return f"count by (namespace, oid) ({ORGS.merged(_STATE, *matchers)})"


def _ratio(part: str, whole: str) -> str:
    return f"{ORGS.merged(part)} / ({ORGS.merged(whole)} > 0)"


_SIZE: Final = _ratio("browsertrix_crawl_size_bytes", "browsertrix_crawl_size_limit_bytes")
_TIME: Final = _ratio("browsertrix_crawl_elapsed_seconds", "browsertrix_crawl_timeout_seconds")


def _used(metric: str) -> str:
    return total(ORGS.increase(metric, over="$__range"), "namespace", "oid")


_NOW: Final = row(
    "Now",
    line(
        4,
        number(
            "Organisations",
            "Organisations that have a crawl at the end of the time shown.",
            Query(expr=f"count(count by (oid) ({ORGS.merged(_STATE)}))"),
        ),
        number(
            "Crawls",
            "Crawls of the organisations chosen, in whatever state.",
            Query(expr=_crawls()),
        ),
        number(
            "Waiting for their turn",
            "Crawls that wait for other crawls of the same organisation, which has a limit of how "
            "many may run at once.",
            Query(expr=_crawls('state="waiting_org_limit"') + " or vector(0)"),
            FieldConfig(thresholds=ANY_IS_WORTH_A_LOOK),
        ),
        number(
            "Held by a quota",
            "Crawls paused, stopped or skipped because a quota of storage or execution time is "
            "used up, and still there.",
            Query(expr=_crawls(_QUOTA) + " or vector(0)"),
            FieldConfig(thresholds=ANY_IS_WORTH_A_LOOK),
        ),
        number(
            "Execution time",
            "Time that pods worked within the time shown: what organisations are billed on.",
            Query(
                expr=f"sum({_used('browsertrix_org_exec_seconds_total')})",
                instant=True,
            ),
            FieldConfig(unit="s"),
        ),
        number(
            "Archived",
            "Bytes archived within the time shown.",
            Query(expr=f"sum({_used('browsertrix_org_bytes_total')})", instant=True),
            FieldConfig(unit="bytes"),
        ),
    ),
    line(
        9,
        rows(
            "Who has what",
            "What each has now, and what it used within the time shown. Near a limit: the crawl "
            "that is nearest to its own size or time limit.",
            ORGANISATION,
            Label(label="namespace", title="Namespace", width=130),
            *(
                Value(title=title, expr=expr, width=90, unit="none")
                for title, expr in (
                    ("Crawls", _by_org()),
                    ("Running", _by_org(RUNNING)),
                    ("Waiting", _by_org(WAITING)),
                    ("Paused", _by_org(PAUSED)),
                )
            ),
            Value(
                title="Execution",
                expr=_used("browsertrix_org_exec_seconds_total"),
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
                    thresholds=FILLING,
                    bar=1,
                )
                for title, expr in (("Size limit", _SIZE), ("Time limit", _TIME))
            ),
            sort="Execution",
        ),
    ),
)

_USE: Final = row(
    "Who uses what",
    line(
        8,
        lines(
            "Crawls by organisation",
            "Crawls that there are, in whatever state.",
            Query(expr=f"count by (oid) ({ORGS.merged(_STATE)})", legend="{{oid}}"),
            look=FieldConfig(low=0, decimals=0),
            stacked=True,
        ),
        lines(
            "Pods at work",
            "Execution seconds per second, by organisation: about how many pods work for it.",
            Query(
                expr=total(ORGS.rate("browsertrix_org_exec_seconds_total"), "oid"),
                legend="{{oid}}",
            ),
            look=FieldConfig(low=0),
            stacked=True,
        ),
    ),
    line(
        8,
        lines(
            "Archived per second",
            "Bytes archived, by organisation.",
            Query(expr=total(ORGS.rate("browsertrix_org_bytes_total"), "oid"), legend="{{oid}}"),
            look=FieldConfig(unit="Bps", low=0),
            stacked=True,
        ),
        lines(
            "Pages per second",
            "Pages crawled, by organisation.",
            Query(expr=total(ORGS.rate("browsertrix_org_pages_total"), "oid"), legend="{{oid}}"),
            look=FieldConfig(low=0),
            stacked=True,
        ),
    ),
)

_LIMITS: Final = row(
    "How near to a limit",
    line(
        8,
        *(
            rows(
                title,
                f"Crawls with a {word} limit, the nearest to it first. At the limit a crawl is "
                "ended and called complete, though pages are missing.",
                CRAWL,
                ORGANISATION,
                NAMESPACE,
                Value(
                    title="Used",
                    expr=largest(15, expr),
                    unit="percentunit",
                    decimals=0,
                    width=180,
                    thresholds=FILLING,
                    bar=1,
                ),
                sort="Used",
                look=FieldConfig(no_value=f"no crawl has a {word} limit"),
            )
            for title, word, expr in (
                ("Size limits", "size", _SIZE),
                ("Time limits", "time", _TIME),
            )
        ),
    ),
    line(
        8,
        lines(
            "Held up",
            "Crawls that their organisation holds up, by how: its limit of crawls at once, its "
            "quotas, or being read-only.",
            Query(
                expr="count by (state) ("
                + ORGS.merged(_STATE, 'state=~"waiting_org_limit|.+_quota_reached|.+_org_readonly"')
                + ")",
                legend="{{state}}",
            ),
            look=FieldConfig(low=0, decimals=0, colours=STATES),
            stacked=True,
        ),
        rows(
            "Ended by a quota",
            "Crawls that a quota ended or kept from starting, within the last day. Since 1.21 "
            "Browsertrix pauses most of them instead.",
            CRAWL,
            HIDDEN_ORGANISATION,
            NAMESPACE,
            Label(label="state", title="How", colours=STATES, width=240),
            Value(
                title="When",
                expr=ORGS.last(
                    "browsertrix_crawl_finished_timestamp_seconds",
                    _QUOTA_ENDS,
                    by=(*CRAWL_LABELS, "state"),
                )
                + " * 1000",
                unit="dateTimeAsIso",
                width=170,
            ),
            sort="When",
            look=FieldConfig(no_value="none"),
        ),
    ),
)

BOARD: Final = Dashboard(
    uid="browsertrix-orgs",
    title="Browsertrix / Organisations",
    description="Who uses what, and whose crawls come close to their limits.",
    variables=(CHOOSE_NAMESPACE, CHOOSE_ORGANISATION),
    events=(
        Annotation(
            name="Limits reached",
            expr=ORGS.merged(
                "browsertrix_crawl_finished_timestamp_seconds",
                'stop_reason=~"size-limit|time-limit|(stopped|skipped)_.*quota_reached"',
            )
            + " * 1000",
            colour=WARN,
            title="Ended at a limit",
            text="{{crawl}}: {{stop_reason}}",
            tags="stop_reason",
            dated=True,
        ),
        Annotation(
            name="Failed crawls",
            expr=ORGS.merged(
                "browsertrix_crawl_finished_timestamp_seconds",
                one_of("state", ("failed", "failed_not_logged_in")),
            )
            + " * 1000",
            colour=BAD,
            title="Crawl failed",
            text="{{crawl}}: {{state}}",
            tags="state",
            dated=True,
        ),
    ),
    rows=(_NOW, _USE, _LIMITS),
)

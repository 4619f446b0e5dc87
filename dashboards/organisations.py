"""Organisations: what they may use and have used, and whose crawls come close to their limits.

The first rows are what Browsertrix itself says of quotas; without ``--browsertrix.url`` they say
how to have it. The others (``organisation_crawls``) are made of CrawlJobs alone, which do not hold
quotas. Long, as one file holds one dashboard, panel by panel in the order they are seen.
"""

from dataclasses import replace
from typing import Final

from grafana_foundation_sdk.builders.stat import Panel as StatPanel

from dashboards.annotations import Annotation
from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, USAGE, WARN_FROM_ONE, FieldConfig, Thresholds
from dashboards.names import with_organisation
from dashboards.organisation_crawls import LIMITS, NOW, ORGS, USE
from dashboards.panels import Query, stat, time_series
from dashboards.promql import one_of, sum_by
from dashboards.tables import (
    HIDDEN_ORGANISATION,
    OWNER_COLUMN,
    TO_QUOTAS,
    Label,
    Value,
    table,
)
from dashboards.variables import CLUSTER, NAMESPACE, ORGANISATION
from exporter.rules.organisations import MINUTES_LEFT, MINUTES_USED, STORAGE_LEFT
from exporter.rules.promql import by, on
from exporter.rules.thresholds import Thresholds as AlertThresholds
from exporter.web.colours import BAD, GOOD, NOTICE, QUIET, WARN

_ORGANISATION: Final = replace(OWNER_COLUMN, link=("Look at this organisation alone", TO_QUOTAS[1]))
_OFF: Final = "--browsertrix.url is not set"
_DAY: Final = 86_400
_LEFT: Final[Thresholds] = ((None, BAD), (7 * _DAY, WARN), (30 * _DAY, GOOD))
_NEAR: Final = AlertThresholds().org_near


def _of(name: str, *matchers: str) -> str:
    """One of Browsertrix's own figures, of the organisations chosen."""
    return ORGS.merged(f"browsertrix_org_{name}", *matchers)


def _recorded(record: str) -> str:
    return ORGS.matching(record, ("oid",))


def _how_many(which: str) -> Query:
    """How many organisations there are in ``which``; nothing where none are known at all."""
    return Query(expr=f"count({which}) or 0 * count({_of('read_only')})")


def _number(title: str, description: str, query: Query, thresholds: Thresholds) -> StatPanel:
    return stat(title, description, query, FieldConfig(thresholds=thresholds, no_value="unknown"))


_NEARLY: Final = (
    f"(({_of('storage_usage_ratio')} >= {_NEAR}) or ({_recorded(MINUTES_USED)} >= {_NEAR}))"
    f" unless {on('oid')} {_of('quota_reached')} == 1"
)

_STANDS: Final = row(
    "What Browsertrix allows",
    line(
        4,
        stat(
            "Known to Browsertrix",
            "Organisations that Browsertrix says there are. Quotas and what is used of them are "
            "known where the exporter may ask Browsertrix: with --browsertrix.url and a "
            "superadmin's password or token (docs/browsertrix-api.md).",
            Query(expr=f"count({_of('info')})"),
            FieldConfig(no_value=_OFF),
        ),
        _number(
            "Quota reached",
            "Organisations whose storage or execution time is used up: their crawls are paused or "
            "stopped, and none starts.",
            _how_many(f"max {by('oid')} ({_of('quota_reached')}) == 1"),
            BAD_FROM_ONE,
        ),
        _number(
            "Nearly used up",
            f"Organisations that have used {_NEAR:.0%} of their storage or execution time, or "
            "more, but not all of it.",
            _how_many(_NEARLY),
            WARN_FROM_ONE,
        ),
        _number(
            "Read-only",
            "Organisations that may neither crawl nor upload.",
            _how_many(f"{_of('read_only')} == 1"),
            WARN_FROM_ONE,
        ),
        _number(
            "Queued",
            "Crawls that wait for a place, for their organisation has as many as it may have.",
            Query(expr=f"sum({_of('crawls_queued')})"),
            WARN_FROM_ONE,
        ),
        stat(
            "Told",
            "Since Browsertrix last said all this. After three intervals without an answer it is "
            "not shown any more.",
            Query(
                expr="time() - max(browsertrix_exporter_browsertrix_last_success_timestamp_seconds"
                '{source="orgs", cluster=~"$cluster"})',
                instant=True,
            ),
            FieldConfig(
                unit="s", thresholds=((None, GOOD), (180, WARN), (600, BAD)), no_value="never"
            ),
        ),
    ),
    line(
        8,
        table(
            "Storage",
            "What counts towards the quota, and when that is used up if it goes on as in the last "
            "week. With running: once what its crawls hold is uploaded.",
            _ORGANISATION,
            HIDDEN_ORGANISATION,
            Value(
                title="Stored",
                expr=with_organisation(_of("storage_used_bytes")),
                unit="bytes",
                width=95,
            ),
            Value(
                title="With running",
                expr=_of("storage_projected_bytes"),
                unit="bytes",
                width=105,
            ),
            Value(title="Quota", expr=_of("storage_quota_bytes"), unit="bytes", width=95),
            Value(
                title="Used",
                expr=_of("storage_usage_ratio"),
                unit="percentunit",
                decimals=0,
                width=140,
                thresholds=USAGE,
                bar=1,
            ),
            Value(
                title="Full in",
                expr=_recorded(STORAGE_LEFT),
                unit="s",
                decimals=0,
                width=95,
                thresholds=_LEFT,
            ),
            sort="Used",
            config=FieldConfig(no_value=_OFF),
        ),
        table(
            "Execution time this month",
            "Of this month (UTC) until now, and of all last month. Used is of what the quota, "
            "gifts and extra time allow. Lasts for: if it goes on as in the last week; beyond "
            "the end of the month there is new time.",
            _ORGANISATION,
            HIDDEN_ORGANISATION,
            Value(
                title="This month",
                expr=with_organisation(_of("exec_month_seconds")),
                unit="s",
                width=95,
            ),
            Value(title="Last month", expr=_of("exec_previous_month_seconds"), unit="s", width=95),
            Value(title="Quota", expr=_of("exec_quota_seconds"), unit="s", width=90),
            Value(
                title="Gifted left",
                expr=_of("gifted_exec_seconds_available"),
                unit="s",
                width=90,
            ),
            Value(title="Extra left", expr=_of("extra_exec_seconds_available"), unit="s", width=90),
            Value(
                title="Used",
                expr=_recorded(MINUTES_USED),
                unit="percentunit",
                decimals=0,
                width=130,
                thresholds=USAGE,
                bar=1,
            ),
            Value(
                title="Lasts for",
                expr=_recorded(MINUTES_LEFT),
                unit="s",
                width=90,
            ),
            sort="Used",
            config=FieldConfig(no_value=_OFF),
        ),
        widths=(11, 13),
    ),
    line(
        7,
        table(
            "Held back",
            "Organisations whose crawls cannot go on, and why: storage or execution time is used "
            "up, or they were set read-only.",
            _ORGANISATION,
            HIDDEN_ORGANISATION,
            Label(label="quota", title="Why", width=140),
            Value(
                expr=with_organisation(
                    f"({_of('quota_reached')} == 1) or "
                    f'label_replace({_of("read_only")} == 1, "quota", "read-only", "", "")'
                )
            ),
            config=FieldConfig(no_value="none is held back, as far as is known"),
        ),
        table(
            "Places for crawls",
            "Crawls that take up one of the places an organisation has, paused ones among them, "
            "and those that wait for one.",
            _ORGANISATION,
            HIDDEN_ORGANISATION,
            Value(
                title="Running",
                expr=with_organisation(_of("crawls_running")),
                unit="none",
                width=80,
            ),
            Value(title="Allowed", expr=_of("crawls_max"), unit="none", width=80),
            Value(
                title="Queued",
                expr=_of("crawls_queued"),
                unit="none",
                width=80,
                thresholds=WARN_FROM_ONE,
            ),
            Value(
                title="Last ended",
                expr=f"{_of('last_crawl_finished_timestamp_seconds')} * 1000",
                unit="dateTimeAsIso",
                width=160,
            ),
            sort="Running",
            config=FieldConfig(no_value=_OFF),
        ),
        table(
            "Archived items",
            "What they keep: crawls that ended well, uploads, and the pages of both.",
            _ORGANISATION,
            HIDDEN_ORGANISATION,
            *(
                Value(
                    title=kind.capitalize(),
                    expr=sum_by(_of("archived_items", f'kind="{kind}"'), "oid"),
                    unit="short",
                    decimals=0,
                    width=80,
                )
                for kind in ("crawls", "uploads")
            ),
            Value(
                title="Pages",
                expr=with_organisation(_of("archived_pages")),
                unit="short",
                width=90,
            ),
            sort="Pages",
            config=FieldConfig(no_value=_OFF),
        ),
        widths=(7, 10, 7),
    ),
)

_GROWTH: Final = row(
    "How that grows",
    line(
        8,
        time_series(
            "Stored, by kind",
            "Bytes that the organisations chosen have stored, by what they are of.",
            Query(expr=f"{sum_by(_of('stored_bytes'), 'kind')} > 0", legend="{{kind}}"),
            config=FieldConfig(unit="bytes", min=0, no_value=_OFF),
            stacked=True,
        ),
        time_series(
            "Storage used of quota",
            "Of those that have a quota; at 100% crawls are paused or stopped.",
            Query(expr=with_organisation(_of("storage_usage_ratio")), legend="{{organisation}}"),
            config=FieldConfig(
                unit="percentunit", min=0, thresholds=((None, GOOD), (1, BAD)), no_value=_OFF
            ),
            show_thresholds=True,
        ),
        time_series(
            "Execution time, month by month",
            "Seconds of pods that the organisations chosen have used this month (UTC), and in all "
            "of last month (dashed). It begins anew with each month.",
            Query(expr=f"sum({_of('exec_month_seconds')})", legend="this month"),
            Query(expr=f"sum({_of('exec_previous_month_seconds')})", legend="last month"),
            config=FieldConfig(
                unit="s",
                min=0,
                colours={"this month": NOTICE, "last month": QUIET},
                no_value=_OFF,
            ),
            dashed="^last month$",
        ),
        time_series(
            "Execution time used",
            "Of what the quota, gifts and extra time allow, of those that have a quota.",
            Query(expr=with_organisation(_recorded(MINUTES_USED)), legend="{{organisation}}"),
            config=FieldConfig(
                unit="percentunit", min=0, thresholds=((None, GOOD), (1, BAD)), no_value=_OFF
            ),
            show_thresholds=True,
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-orgs",
    title="Browsertrix / Organisations",
    description="What organisations may use and have used, and whose crawls come close to limits.",
    variables=(CLUSTER, NAMESPACE, ORGANISATION),
    annotations=(
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
            use_value_for_time=True,
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
            use_value_for_time=True,
        ),
    ),
    rows=(_STANDS, _GROWTH, NOW, USE, LIMITS),
)

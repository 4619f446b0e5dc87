"""What ended: for archivists, who ask each morning what there is now and what of it is missing."""

from typing import Final

from grafana_foundation_sdk.builders.stat import Panel as StatPanel
from grafana_foundation_sdk.builders.table import Panel as TablePanel

from dashboards.dashboard import Dashboard, line, row
from dashboards.fields import BAD_FROM_ONE, DEFAULT, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_last_names
from dashboards.panels import Query, stat
from dashboards.promql import Selection
from dashboards.tables import (
    OWNED_CRAWL_COLUMNS,
    Label,
    Value,
    table,
)
from dashboards.variables import CLUSTER, NAMESPACE, ORGANISATION
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import on
from exporter.web.colours import GOOD, STATES, WARN

ENDED: Final = Selection(namespace='namespace=~"$namespace"', oid='oid=~"$oid"')

_FINISHED: Final = "browsertrix_crawl_finished_timestamp_seconds"
_WELL: Final = 'state="complete", stop_reason!~"size-limit|time-limit"'
_CUT_SHORT: Final = (
    'state!~"failed.*|canceled|skipped_.*|unknown",'
    ' stop_reason=~"size-limit|time-limit|stopped_.*quota_reached|stopped_pause_expired|'
    'stopped_org_readonly"'
)
_FAILED: Final = 'state=~"failed.*"'
_SKIPPED: Final = 'state=~"skipped_.*"'
_UNSEEN: Final = 'state="unknown"'


def _when(*matchers: str) -> str:
    """When crawls ended, of those that did within the time shown."""
    return f"{ENDED.last(_FINISHED, *matchers)} > time() - $__range_s"


def _number(
    title: str, description: str, matchers: str, config: FieldConfig = DEFAULT
) -> StatPanel:
    return stat(
        title,
        description,
        Query(expr=f"count({_when(matchers)}) or vector(0)", instant=True),
        config,
    )


def _of_ended(metric: str, matchers: str) -> str:
    """The last figure of crawls that ended, also of those that are gone."""
    last = ENDED.last(metric)
    return f"{last} and {on(*CRAWL_LABELS)} ({_when(matchers)})"


def _missing(matchers: str) -> str:
    found, done = (f"browsertrix_crawl_pages_{which}" for which in ("found", "done"))
    pages = f"clamp_min({ENDED.last(found)} - {ENDED.last(done)}, 0)"
    return f"{pages} and {on(*CRAWL_LABELS)} ({_when(matchers)})"


def _list(title: str, description: str, matchers: str, nothing: str) -> TablePanel:
    return table(
        title,
        description,
        *OWNED_CRAWL_COLUMNS,
        Label(label="state", title="How", colours=STATES),
        Label(label="stop_reason", title="Why"),
        Value(
            title="Ended",
            expr=with_last_names(f"({_when(matchers)}) * 1000", ENDED),
            unit="dateTimeAsIso",
            width=160,
        ),
        Value(
            title="Pages",
            expr=_of_ended("browsertrix_crawl_pages_done", matchers),
            width=90,
            decimals=0,
        ),
        Value(
            title="Pages missing",
            expr=_missing(matchers),
            width=110,
            decimals=0,
            thresholds=((None, GOOD), (1, WARN)),
        ),
        Value(
            title="Size",
            expr=_of_ended("browsertrix_crawl_size_bytes", matchers),
            unit="bytes",
            width=100,
        ),
        sort="Ended",
        config=FieldConfig(no_value=nothing),
    )


_NUMBERS: Final = row(
    "How crawls ended",
    line(
        4,
        _number("Complete", "Crawls that are complete, and no limit cut them short.", _WELL),
        _number(
            "Cut short",
            "Crawls whose pages are missing because of a limit, a quota, a pause that lasted too "
            "long or a read-only organisation. Browsertrix calls those at a limit complete.",
            _CUT_SHORT,
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        _number(
            "Failed",
            "Crawls that failed: little or nothing was archived.",
            _FAILED,
            FieldConfig(thresholds=BAD_FROM_ONE),
        ),
        _number(
            "Skipped",
            "Crawls that were not started for want of a quota.",
            _SKIPPED,
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        _number(
            "End not seen",
            "Crawls that were found missing: whether they are complete Browsertrix alone knows.",
            _UNSEEN,
            FieldConfig(thresholds=WARN_FROM_ONE),
        ),
        widths=(5, 5, 5, 5, 4),
    ),
)
_INCOMPLETE: Final = row(
    "With pages missing",
    line(
        9,
        _list(
            "Crawls cut short",
            "The latest on top. Pages missing are those found and not crawled.",
            _CUT_SHORT,
            "no crawl was cut short",
        ),
    ),
    line(
        8,
        _list("Failed crawls", "Those that ended last are on top.", _FAILED, "no crawl failed"),
    ),
    line(
        6,
        _list(
            "Skipped, or not seen to end",
            "Those that ended last are on top.",
            'state=~"skipped_.*|unknown"',
            "there is none",
        ),
    ),
)
_COMPLETE: Final = row(
    "Without pages missing",
    line(
        9,
        _list(
            "Complete crawls", "Those that ended last are on top.", _WELL, "no crawl was completed"
        ),
    ),
)

DASHBOARD: Final = Dashboard(
    uid="browsertrix-ended",
    title="Browsertrix / Ended",
    description="What ended within the time shown, how, and with what missing.",
    variables=(CLUSTER, NAMESPACE, ORGANISATION),
    annotations=(),
    rows=(_NUMBERS, _INCOMPLETE, _COMPLETE),
    time_from="now-24h",
)

"""Stuck: crawls that stay too long in a state that they should leave soon."""

from typing import Final

from alerts import thresholds as at
from alerts.conditions import in_state, in_transition, now_in_state
from alerts.promql import by, on
from alerts.rule import CRAWL, DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.resources.identity import CRAWL_LABELS


def _too_long(  # noqa: PLR0913 - a table's row, each column by its name
    name: str,
    *,
    summary: str,
    description: str,
    condition: str,
    expr: str,
    for_: str,
    severity: Severity = Severity.WARNING,
    dashboard: Dashboard = Dashboard.CRAWL,
) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} {description} for more than {for_}.",
        condition=condition,
        expr=expr,
        for_=for_,
        dashboard=dashboard,
    )


_WAITING: Final = (
    _too_long(
        "BrowsertrixCrawlWaitingForCapacity",
        summary="A crawl waits for room in the cluster",
        description="has been waiting for room in the cluster",
        condition="in state `waiting_capacity`",
        expr=in_state("waiting_capacity"),
        for_=at.CAPACITY_HOLD,
    ),
    _too_long(
        "BrowsertrixCrawlWaitingForOrgLimit",
        severity=Severity.INFO,
        summary="A crawl waits because its organisation may not run more at once",
        description="has been waiting for other crawls of its organisation to end",
        condition="in state `waiting_org_limit`",
        expr=in_state("waiting_org_limit"),
        for_=at.ORG_LIMIT_HOLD,
        dashboard=Dashboard.ORG,
    ),
    _too_long(
        "BrowsertrixCrawlWaitingForDedupeIndex",
        summary="A crawl waits for the deduplication index of its collection",
        description="has been waiting for the deduplication index of its collection",
        condition="in state `waiting_dedupe_index`",
        expr=in_state("waiting_dedupe_index"),
        for_=at.DEDUPE_INDEX_HOLD,
    ),
    _too_long(
        "BrowsertrixCrawlStartingTooLong",
        summary="A crawl does not get started",
        description="has been starting",
        condition="in state `starting`",
        expr=in_state("starting"),
        for_=at.STARTING_HOLD,
    ),
)

_AT_WORK: Final = (
    AlertingRule(
        name="BrowsertrixCrawlNoProgress",
        severity=Severity.WARNING,
        summary="A crawl is running and archives no pages",
        description=f"{CRAWL} is running and has not finished a page for about an hour.",
        condition=f"`running`, and no page done within {at.PROGRESS_WINDOW}",
        expr=f"""\
min {by(*CRAWL_LABELS)} (min_over_time(browsertrix_crawl_pages_done[{at.PROGRESS_WINDOW}]))
== max {by(*CRAWL_LABELS)} (max_over_time(browsertrix_crawl_pages_done[{at.PROGRESS_WINDOW}]))
and max {by(*CRAWL_LABELS)} (
  count_over_time(browsertrix_crawl_pages_done[{at.PROGRESS_WINDOW}])
) >= {at.PROGRESS_SAMPLES}
and {in_state("running")}""",
        for_=at.PROGRESS_HOLD,
        dashboard=Dashboard.CRAWL,
    ),
    _too_long(
        "BrowsertrixCrawlUploadingTooLong",
        summary="A crawl does not get its archive files uploaded",
        description="has been writing or uploading its archive files",
        condition="in state `generate-wacz` or `uploading-wacz`",
        expr=in_state("generate-wacz|uploading-wacz"),
        for_=at.UPLOADING_HOLD,
    ),
    AlertingRule(
        name="BrowsertrixCrawlRateLimitedTooLong",
        severity=Severity.INFO,
        summary="A site has limited a crawl's rate for a long time",
        description=f"{CRAWL} has been rate limited by the site for {DURATION}.",
        condition=f"rate limited for more than {at.RATE_LIMITED_SECONDS // 60}m and at work",
        expr=f"""\
time() - max {by(*CRAWL_LABELS)} (browsertrix_crawl_rate_limited_timestamp_seconds)
> {at.RATE_LIMITED_SECONDS}
{now_in_state("running|pending-wait|rate-limited|waiting_capacity")}""",
        for_=at.RATE_LIMITED_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.CRAWL,
    ),
)

_ON_THE_WAY: Final = (
    _too_long(
        "BrowsertrixCrawlPausingTooLong",
        summary="A crawl that should pause does not",
        description="has been pausing",
        condition="a pause was asked for and the crawl is not paused",
        expr=in_transition("pausing"),
        for_=at.PAUSING_HOLD,
    ),
    _too_long(
        "BrowsertrixCrawlResumingTooLong",
        summary="A crawl that should resume does not",
        description="has been resuming",
        condition="the pause was taken back and the crawl is still paused",
        expr=in_transition("resuming"),
        for_=at.RESUMING_HOLD,
    ),
    _too_long(
        "BrowsertrixCrawlStoppingTooLong",
        summary="A crawl that should end does not",
        description="has been {{ $labels.transition }}",
        condition="stopping or being canceled",
        expr=in_transition("stopping|canceling"),
        for_=at.STOPPING_HOLD,
    ),
    AlertingRule(
        name="BrowsertrixCrawlNotDeleted",
        severity=Severity.WARNING,
        summary="A finished crawl is not cleaned up",
        description=f"{CRAWL} finished {DURATION} ago, and its CrawlJob still exists.",
        condition=f"finished for more than {at.NOT_DELETED_SECONDS // 60}m, and the CrawlJob "
        "still exists",
        # The finished series outlives the CrawlJob; the state's does not.
        expr=f"""\
time() - max {by(*CRAWL_LABELS)} (browsertrix_crawl_finished_timestamp_seconds)
> {at.NOT_DELETED_SECONDS}
and {on(*CRAWL_LABELS)} browsertrix_crawl_state""",
        for_=at.NOT_DELETED_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.CRAWL,
    ),
)

GROUP: Final = RuleGroup(
    name="browsertrix-stuck",
    topic="Stuck",
    interval="1m",
    rules=(*_WAITING, *_AT_WORK, *_ON_THE_WAY),
)

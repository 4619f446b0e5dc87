"""Stuck: crawls that stay too long in a state that they should leave soon.

How long is a timestamp that is served: see ``conditions``.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.crawljob.states import UNKNOWN_STATE
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules import queues, starting
from exporter.rules.conditions import (
    current,
    now_in_state,
    overdue,
    state_since,
    transition_since,
)
from exporter.rules.promql import EXPORTER, by, on
from exporter.rules.rule import CRAWL, DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_UPLOADING: Final = "generate-wacz|uploading-wacz"


def _too_long(  # noqa: PLR0913 - a table's row, each column by its name
    at: Thresholds,
    name: str,
    *,
    summary: str,
    description: str,
    condition: str,
    since: str,
    seconds: int,
    but: str = "",
    severity: Severity = Severity.WARNING,
    dashboard: Dashboard = Dashboard.CRAWL,
    labels: tuple[str, ...] = CRAWL_LABELS,
) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} {description} for {DURATION}.",
        condition=f"{condition} for more than {format_duration(seconds)}",
        expr=overdue(since, seconds, labels=labels) + but,
        keep_firing_for=at.bridge,
        dashboard=dashboard,
    )


def _waiting(at: Thresholds) -> tuple[AlertingRule, ...]:
    return (
        _too_long(
            at,
            "BrowsertrixCrawlWaitingForCapacity",
            summary="A crawl waits because its pods do not run",
            description="has been waiting without a running crawler pod, or without its redis,",
            condition="in state `waiting_capacity`, and no alert on its pods says why,",
            since=state_since("waiting_capacity"),
            seconds=at.capacity_hold,
            but=f"\n{starting.TOLD}",
        ),
        _too_long(
            at,
            "BrowsertrixCrawlWaitingForOrgLimit",
            severity=Severity.INFO,
            summary="A crawl waits because its organisation may not run more at once",
            description="has been waiting for other crawls of its organisation to end",
            condition="in state `waiting_org_limit`",
            since=state_since("waiting_org_limit"),
            seconds=at.org_limit_hold,
            dashboard=Dashboard.ORG,
        ),
        _too_long(
            at,
            "BrowsertrixCrawlWaitingForDedupeIndex",
            summary="A crawl waits for the deduplication index of its collection",
            description="has been waiting for the deduplication index of its collection",
            condition="in state `waiting_dedupe_index`",
            since=state_since("waiting_dedupe_index"),
            seconds=at.dedupe_index_hold,
        ),
        _too_long(
            at,
            "BrowsertrixCrawlStartingTooLong",
            summary="A crawl does not get started",
            description="has been starting",
            condition="in state `starting`, and no alert on its pods says why,",
            since=state_since("starting"),
            seconds=at.starting_hold,
            but=f"\n{starting.TOLD}",
        ),
    )


def _at_work(at: Thresholds) -> tuple[AlertingRule, ...]:
    return (
        _too_long(
            at,
            "BrowsertrixCrawlNoProgress",
            summary="A crawl is running and archives nothing",
            description="is running and has neither finished a page nor archived a byte",
            condition="`running` without a page or a byte, and not rate limited,",
            since="browsertrix_crawl_progress_timestamp_seconds",
            seconds=at.progress_hold,
        ),
        _too_long(
            at,
            "BrowsertrixCrawlUploadingTooLong",
            summary="A crawl does not get its archive files uploaded",
            description="has been writing or uploading its archive files",
            condition="in state `generate-wacz` or `uploading-wacz`",
            since=state_since(_UPLOADING),
            seconds=at.uploading_hold,
        ),
        _too_long(
            at,
            "BrowsertrixCrawlRateLimitedTooLong",
            severity=Severity.INFO,
            summary="A site has limited a crawl's rate for a long time",
            description="has been rate limited by the site",
            condition="at work, and rate limited",
            since="browsertrix_crawl_rate_limited_timestamp_seconds",
            seconds=at.rate_limited_hold,
            but=f"\nand {now_in_state('running|pending-wait|rate-limited|waiting_capacity')}",
        ),
    )


def _on_the_way(at: Thresholds) -> tuple[AlertingRule, ...]:
    uploading = f"\nunless {now_in_state(_UPLOADING)}"
    return (
        _too_long(
            at,
            "BrowsertrixCrawlPausingTooLong",
            summary="A crawl that should pause does not",
            description="has been pausing",
            condition="a pause was asked for, and the crawl is neither paused nor uploading,",
            since=transition_since("pausing"),
            seconds=at.pausing_hold,
            but=uploading,
        ),
        _too_long(
            at,
            "BrowsertrixCrawlResumingTooLong",
            summary="A crawl that should resume does not",
            description="has been resuming",
            condition="the pause was taken back, the crawl is still paused, and no alert on its "
            "pods says why,",
            since=transition_since("resuming"),
            seconds=at.resuming_hold,
            but=f"\n{starting.TOLD}",
        ),
        _too_long(
            at,
            "BrowsertrixCrawlStoppingTooLong",
            summary="A crawl that should end does not",
            description="has been {{ $labels.transition }}",
            condition="stopping or being canceled, and not uploading,",
            since=transition_since("stopping|canceling"),
            seconds=at.stopping_hold,
            but=uploading,
            labels=(*CRAWL_LABELS, "transition"),
        ),
        AlertingRule(
            name="BrowsertrixCrawlNotDeleted",
            severity=Severity.WARNING,
            summary="A finished crawl is not cleaned up",
            description=f"{CRAWL} finished {DURATION} ago, and its CrawlJob still exists.",
            condition=f"finished for more than {format_duration(at.not_deleted)}, and the "
            "CrawlJob still exists",
            # The finished series outlives the CrawlJob; its state, of the same exporter, does not.
            expr=overdue(
                f'browsertrix_crawl_finished_timestamp_seconds{{state!="{UNKNOWN_STATE}"}}',
                at.not_deleted,
                only=f"\n  and {on(*EXPORTER, *CRAWL_LABELS)} browsertrix_crawl_state",
            ),
            keep_firing_for=at.bridge,
            dashboard=Dashboard.CRAWL,
        ),
    )


def _fewer_pods(at: Thresholds) -> AlertingRule:
    wanted, there, found, windows = (
        f"max {by(*CRAWL_LABELS)} ({current(f'browsertrix_{which}')})"
        for which in ("crawl_desired_scale", "crawl_scale", "crawl_pages_found", "pod_workers")
    )
    # Browsertrix makes a further pod only once there are pages for the windows of those before it,
    # and says in desiredScale how many it would make in the end. Only pods, all but the last of
    # which are full, say how many windows one has; where they do not, desiredScale must do.
    worth = f"floor(\n    {found}\n    / {windows}\n  ) + 1"
    hold = at.fewer_pods_hold
    return AlertingRule(
        name="BrowsertrixCrawlFewerPodsThanWanted",
        severity=Severity.WARNING,
        summary="A crawl has fewer pods than it should",
        description=f"{CRAWL} has been running with {{{{ $value }}}} pods fewer than Browsertrix "
        f"wants for more than {format_duration(hold)}: it takes longer.",
        condition="running with fewer crawler pods than Browsertrix wants for the pages found",
        expr=f"""\
(
  {worth}
  < {wanted}
  or {wanted}
) - {there} > 0
and {now_in_state("running")}""",
        for_=hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.CRAWL,
    )


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-stuck",
        topic="Stuck",
        interval="1m",
        rules=(
            *starting.rules(at),
            *_waiting(at),
            *queues.standing_still(at),
            *_at_work(at),
            *_on_the_way(at),
            _fewer_pods(at),
        ),
    )

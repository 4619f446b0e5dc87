"""Paused: crawls whose pause is about to expire, and those that Browsertrix paused by itself."""

from typing import Final

from alerts.conditions import now_in_state
from alerts.promql import by
from alerts.rule import CRAWL, DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from alerts.thresholds import BRIDGE, PAUSE_DAY_SECONDS, PAUSE_HOLD, PAUSE_HOUR_SECONDS
from exporter.resources.identity import CRAWL_LABELS


def _expires(
    name: str, *, severity: Severity, summary: str, within: int, duration: str
) -> AlertingRule:
    """A pause that expires within ``within`` seconds, and has not expired yet."""
    return AlertingRule(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} is paused and will be stopped for good in {DURATION}: "
        "resume it, or stop it if it is done.",
        condition=f"the pause expires within {duration}",
        expr=f"""\
max {by(*CRAWL_LABELS)} (browsertrix_crawl_pause_expires_timestamp_seconds) - time()
< {within} > 0""",
        for_=PAUSE_HOLD,
        keep_firing_for=BRIDGE,
        dashboard=Dashboard.CRAWL,
    )


def _paused_by(
    name: str, *, summary: str, why: str, reasons: str, dashboard: Dashboard
) -> AlertingRule:
    """A pause that no user asked for: stop reason one of ``reasons``, and a paused state.

    A spelling slip in Browsertrix gives read-only pauses the state ``paused``, and a pause's reason
    can be left over after it: so both are queried.
    """
    return AlertingRule(
        name=name,
        severity=Severity.WARNING,
        summary=summary,
        description=f"{CRAWL} was paused by Browsertrix ({{{{ $labels.stop_reason }}}}) {why}",
        condition="paused with stop reason "
        + " or ".join(f"`{reason}`" for reason in reasons.split("|")),
        expr=f"""\
max {by(*CRAWL_LABELS, "stop_reason")} (
  browsertrix_crawl_stop_reason{{stop_reason=~"{reasons}"}}
) == 1
{now_in_state("paused.*")}""",
        for_=PAUSE_HOLD,
        keep_firing_for=BRIDGE,
        dashboard=dashboard,
    )


GROUP: Final = RuleGroup(
    name="browsertrix-paused",
    topic="Paused",
    rules=(
        _expires(
            "BrowsertrixCrawlPauseExpiresInADay",
            severity=Severity.WARNING,
            summary="A paused crawl will be given up within a day",
            within=PAUSE_DAY_SECONDS,
            duration="a day",
        ),
        _expires(
            "BrowsertrixCrawlPauseExpiresInAnHour",
            severity=Severity.CRITICAL,
            summary="A paused crawl will be given up within an hour",
            within=PAUSE_HOUR_SECONDS,
            duration="an hour",
        ),
        _paused_by(
            "BrowsertrixCrawlPausedByQuota",
            summary="A crawl was paused because a quota of its organisation is used up",
            why="and goes on only when the organisation has quota again and somebody resumes it.",
            reasons="paused_storage_quota_reached|paused_time_quota_reached",
            dashboard=Dashboard.ORG,
        ),
        _paused_by(
            "BrowsertrixCrawlPausedByReadOnlyOrg",
            summary="A crawl was paused because its organisation was set read-only",
            why="and goes on only when the organisation can be written to and somebody resumes it.",
            reasons="paused_org_readonly",
            dashboard=Dashboard.ORG,
        ),
        _paused_by(
            "BrowsertrixCrawlPausedByRateLimit",
            summary="A crawl was paused because the site limited its rate for too long",
            why="and goes on only when somebody resumes it.",
            reasons="paused_rate_limit_time_reached",
            dashboard=Dashboard.CRAWL,
        ),
    ),
)

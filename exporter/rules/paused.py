"""Paused: crawls whose pause is about to expire, and those that Browsertrix paused by itself."""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.conditions import current, due_within, overdue, state_since
from exporter.rules.promql import by, on
from exporter.rules.rule import CRAWL, DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_EXPIRES: Final = "browsertrix_crawl_pause_expires_timestamp_seconds"


def _expires(
    at: Thresholds, name: str, *, severity: Severity, summary: str, within: int
) -> AlertingRule:
    """A pause that expires within ``within`` seconds, and has not expired yet."""
    return AlertingRule(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} is paused and will be stopped for good in {DURATION}: "
        "resume it, or stop it if it is done.",
        condition=f"the pause expires within {format_duration(within)}",
        expr=due_within(_EXPIRES, within),
        keep_firing_for=at.bridge,
        dashboard=Dashboard.CRAWL,
    )


def _paused_by(  # noqa: PLR0913 - a table's row, each column by its name
    at: Thresholds, name: str, *, summary: str, why: str, reasons: str, dashboard: Dashboard
) -> AlertingRule:
    """A pause that no user asked for: stop reason one of ``reasons``, and a paused state.

    A spelling slip in Browsertrix gives read-only pauses the state ``paused``, and a pause's reason
    can be left over after it: so both are queried.
    """
    reason = f'browsertrix_crawl_stop_reason{{stop_reason=~"{reasons}"}}'
    return AlertingRule(
        name=name,
        severity=Severity.WARNING,
        summary=summary,
        description=f"{CRAWL} was paused by Browsertrix ({{{{ $labels.stop_reason }}}}) {why}",
        condition=f"paused for {format_duration(at.paused_by)} with stop reason "
        + " or ".join(f"`{reason}`" for reason in reasons.split("|")),
        expr=f"""\
max {by(*CRAWL_LABELS, "stop_reason")} ({current(reason)}) == 1
and {on(*CRAWL_LABELS)}
{overdue(state_since("paused.*"), at.paused_by)}""",
        keep_firing_for=at.bridge,
        dashboard=dashboard,
    )


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-paused",
        topic="Paused",
        rules=(
            _expires(
                at,
                "BrowsertrixCrawlPauseExpiresInADay",
                severity=Severity.WARNING,
                summary="A paused crawl will be given up within a day",
                within=at.pause_day,
            ),
            _expires(
                at,
                "BrowsertrixCrawlPauseExpiresInAnHour",
                severity=Severity.CRITICAL,
                summary="A paused crawl will be given up within an hour",
                within=at.pause_hour,
            ),
            AlertingRule(
                name="BrowsertrixCrawlPauseOverdue",
                severity=Severity.WARNING,
                summary="A crawl is paused for longer than its pause should last",
                description=f"{CRAWL} should have been given up {DURATION} ago and is still "
                "paused: either the exporter's pause limit is not that of Browsertrix, and its "
                "alerts on pauses come at the wrong time, or Browsertrix's operator does not act.",
                condition=f"still paused {format_duration(at.pause_overdue)} after its pause "
                "should have expired",
                expr=overdue(_EXPIRES, at.pause_overdue),
                keep_firing_for=at.bridge,
                dashboard=Dashboard.CRAWL,
            ),
            _paused_by(
                at,
                "BrowsertrixCrawlPausedByQuota",
                summary="A crawl was paused because a quota of its organisation is used up",
                why="and goes on only when the organisation has quota again and somebody resumes "
                "it.",
                reasons="paused_storage_quota_reached|paused_time_quota_reached",
                dashboard=Dashboard.ORG,
            ),
            _paused_by(
                at,
                "BrowsertrixCrawlPausedByReadOnlyOrg",
                summary="A crawl was paused because its organisation was set read-only",
                why="and goes on only when the organisation can be written to and somebody "
                "resumes it.",
                reasons="paused_org_readonly",
                dashboard=Dashboard.ORG,
            ),
            _paused_by(
                at,
                "BrowsertrixCrawlPausedByRateLimit",
                summary="A crawl was paused because the site limited its rate for too long",
                why="and goes on only when somebody resumes it.",
                reasons="paused_rate_limit_time_reached",
                dashboard=Dashboard.CRAWL,
            ),
        ),
    )

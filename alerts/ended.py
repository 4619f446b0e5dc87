"""Ended as …: one alert for each way a crawl can end that somebody should hear of.

All stand on ``browsertrix_crawl_finished_timestamp_seconds``. ``size-limit`` and ``time-limit`` are
stop reasons only: the state of such a crawl is ``complete``. The quotas and read-only organisations
that end a crawl are here; those that pause it (Browsertrix 1.21 and later) are in ``paused``.
"""

from typing import Final

from alerts.declaration import CRAWL, PERCENT, Alert, Dashboard, Group, Severity
from alerts.promql import ended
from alerts.recordings import ENDS
from alerts.thresholds import ENDED_WINDOW, FAILURE_RATIO, FAILURES


def _ended(  # noqa: PLR0913 - a table's row, each column by its name
    name: str,
    *,
    severity: Severity,
    summary: str,
    description: str,
    condition: str,
    matchers: str,
    dashboard: Dashboard = Dashboard.CRAWL,
) -> Alert:
    return Alert(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} {description}",
        condition=f"{condition}, within the last {ENDED_WINDOW}",
        expr=ended(matchers),
        dashboard=dashboard,
        event=True,
    )


GROUP: Final = Group(
    name="browsertrix-ended",
    topic="Ended as",
    rules=(
        *ENDS,
        _ended(
            "BrowsertrixCrawlPauseExpired",
            severity=Severity.CRITICAL,
            summary="A paused crawl was given up because its pause lasted too long",
            description="was paused until the pause limit and has been stopped for good. "
            "What it had archived is kept, the rest of its queue is lost.",
            condition="ended as `stopped_pause_expired`",
            matchers='state="stopped_pause_expired"',
        ),
        _ended(
            "BrowsertrixCrawlSizeLimitReached",
            severity=Severity.CRITICAL,
            summary="A crawl was cut short by its size limit",
            description="reached its size limit. Browsertrix calls it complete, but pages it had "
            "found are missing from the archive.",
            condition="ended with stop reason `size-limit`",
            matchers='stop_reason="size-limit"',
        ),
        _ended(
            "BrowsertrixCrawlTimeLimitReached",
            severity=Severity.WARNING,
            summary="A crawl was cut short by its time limit",
            description="reached its time limit. Browsertrix calls it complete, but pages it had "
            "found are missing from the archive.",
            condition="ended with stop reason `time-limit`",
            matchers='stop_reason="time-limit"',
        ),
        _ended(
            "BrowsertrixCrawlStorageQuotaReached",
            severity=Severity.WARNING,
            summary="A crawl was stopped or skipped for want of storage quota",
            description="was stopped, or not started, because the organisation's storage quota "
            "is used up.",
            condition="ended as `stopped_storage_quota_reached` or `skipped_storage_quota_reached`",
            # Releases before 1.12 had one word; Browsertrix's own migration reads it like this.
            matchers='state=~"(stopped|skipped)_storage_quota_reached|skipped_quota_reached"',
            dashboard=Dashboard.ORG,
        ),
        _ended(
            "BrowsertrixCrawlTimeQuotaReached",
            severity=Severity.WARNING,
            summary="A crawl was stopped or skipped for want of execution time",
            description="was stopped, or not started, because the organisation's execution "
            "minutes are used up.",
            condition="ended as `stopped_time_quota_reached` or `skipped_time_quota_reached`",
            matchers='state=~"(stopped|skipped)_time_quota_reached|stopped_quota_reached"',
            dashboard=Dashboard.ORG,
        ),
        _ended(
            "BrowsertrixCrawlOrgReadOnly",
            severity=Severity.WARNING,
            summary="A crawl was stopped because its organisation was set read-only",
            description="was stopped because the organisation was set read-only.",
            condition="ended as `stopped_org_readonly`",
            matchers='state="stopped_org_readonly"',
            dashboard=Dashboard.ORG,
        ),
        _ended(
            "BrowsertrixCrawlFailed",
            severity=Severity.WARNING,
            summary="A crawl failed",
            description="failed: none of its pods could archive anything more.",
            condition="ended as `failed`",
            matchers='state="failed"',
        ),
        _ended(
            "BrowsertrixCrawlFailedNotLoggedIn",
            severity=Severity.WARNING,
            summary="A crawl failed because its browser profile is not logged in any more",
            description="failed because its browser profile is not logged in to the site any more.",
            condition="ended as `failed_not_logged_in`",
            matchers='state="failed_not_logged_in"',
        ),
        _ended(
            "BrowsertrixCrawlVanished",
            severity=Severity.WARNING,
            summary="A crawl vanished while nobody looked",
            description="is gone, and how it ended was not seen.",
            condition="gone without an end that the exporter saw (`unknown`)",
            matchers='state="unknown"',
        ),
        Alert(
            name="BrowsertrixCrawlFailureRateHigh",
            severity=Severity.CRITICAL,
            summary="Most crawls fail",
            description=f"{PERCENT} of the crawls that finished in {{{{ $labels.namespace }}}} "
            "within the last hour failed.",
            condition=f"more than {FAILURE_RATIO:.0%} of the crawls finished within 1h failed, "
            f"and at least {FAILURES}",
            expr=f"""\
namespace:browsertrix_crawls_failed:ratio1h > {FAILURE_RATIO}
and on (namespace)
round(namespace:browsertrix_crawls_failed:increase1h) >= {FAILURES}""",
            hold="5m",
            keep="5m",
            dashboard=Dashboard.FLEET,
        ),
    ),
)

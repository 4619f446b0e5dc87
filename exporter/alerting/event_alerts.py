"""The event alerts: what happens to a crawl or a pod that somebody should be notified of.

Each is declared once. ``alerts/`` makes a rule of it, which Prometheus evaluates; the exporter can
post it to Alertmanager by itself as soon as it sees the event. An alert is active for a window of
time, which begins at the event's own timestamp, on the wire, and not when it was noticed: so both
ways, a restarted exporter and a pair of exporters all mean the same alert, and all end it together.

No alert may be active here longer than its rule fires, or Alertmanager would see it end and begin
once more, and notify twice.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from exporter.alerting.template import CRAWL, POD, AlertTemplate, Dashboard, Severity, rule_labels
from exporter.history.records import FinishedCrawl
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS

ENDED_SECONDS: Final = 3600
"""How long the alert of an end is active. Long enough for Prometheus, Alertmanager and the exporter
to be restarted meanwhile; short enough that a page does not stay open for a day. Must stay below
the exporter's ``--history.retention`` (24 h)."""
EXIT_SECONDS: Final = 3600
"""How long the alert of a pod's exit is active; as for ends."""
EVICTED_SECONDS: Final = 600
"""How long the alert of an eviction is active. The rule counts from when the pod was replaced, the
exporter from when it was evicted, mostly seconds before; so the exporter never ends it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAlert(AlertTemplate):
    """The alert of an event: it happened, so nothing can resolve it before its window is over."""

    window: int
    """Seconds from the event's timestamp for which it is active."""
    labels: tuple[str, ...]
    """Those that say which crawl or pod; what the rule's expression results in has just these."""

    def identity(self, values: tuple[str, ...]) -> dict[str, str]:
        """All labels that the rule's alert has, of these ``values`` of ``labels``.

        A label with an empty value is left out, as in Prometheus.
        """
        of_what = zip(self.labels, values, strict=True)
        return {
            "alertname": self.name,
            **rule_labels(self.severity, event=True),
            **{name: value for name, value in of_what if value},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlEndAlert(EventAlert):
    """The alert of crawls that ended in one way."""

    label: Literal["state", "stop_reason"]
    pattern: str
    """A regular expression of the label's value, anchored at both ends as PromQL's are."""
    labels: tuple[str, ...] = CRAWL_LABELS
    window: int = ENDED_SECONDS

    @property
    def matcher(self) -> str:
        """The label matcher in PromQL that selects the same ends."""
        operator = "=" if re.fullmatch(r"[\w-]+", self.pattern) else "=~"
        return f'{self.label}{operator}"{self.pattern}"'

    def matches(self, record: FinishedCrawl) -> bool:
        """Whether this crawl ended so."""
        value = record.state if self.label == "state" else record.stop_reason
        return re.fullmatch(self.pattern, value) is not None


def format_duration(seconds: int) -> str:
    """Write a duration as PromQL does: ``1h``, ``10m``."""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _ended(  # noqa: PLR0913 - a table's row, each column by its name
    name: str,
    *,
    severity: Severity,
    summary: str,
    description: str,
    condition: str,
    label: Literal["state", "stop_reason"],
    pattern: str,
    dashboard: Dashboard = Dashboard.CRAWL,
) -> CrawlEndAlert:
    return CrawlEndAlert(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} {description}",
        condition=f"{condition}, within the last {format_duration(ENDED_SECONDS)}",
        dashboard=dashboard,
        label=label,
        pattern=pattern,
    )


def _of_pod(  # noqa: PLR0913 - as above
    name: str, *, severity: Severity, summary: str, why: str, condition: str, window: int
) -> EventAlert:
    return EventAlert(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{POD} {why}",
        condition=f"{condition}, within the last {format_duration(window)}",
        dashboard=Dashboard.PODS,
        window=window,
        labels=POD_LABELS,
    )


ENDS: Final = (
    _ended(
        "BrowsertrixCrawlPauseExpired",
        severity=Severity.CRITICAL,
        summary="A paused crawl was given up because its pause lasted too long",
        description="was paused until the pause limit and has been stopped for good. "
        "What it had archived is kept, the rest of its queue is lost.",
        condition="ended as `stopped_pause_expired`",
        label="state",
        pattern="stopped_pause_expired",
    ),
    _ended(
        "BrowsertrixCrawlSizeLimitReached",
        severity=Severity.CRITICAL,
        summary="A crawl was cut short by its size limit",
        description="reached its size limit. Browsertrix calls it complete, but pages it had "
        "found are missing from the archive.",
        condition="ended with stop reason `size-limit`",
        label="stop_reason",
        pattern="size-limit",
    ),
    _ended(
        "BrowsertrixCrawlTimeLimitReached",
        severity=Severity.WARNING,
        summary="A crawl was cut short by its time limit",
        description="reached its time limit. Browsertrix calls it complete, but pages it had "
        "found are missing from the archive.",
        condition="ended with stop reason `time-limit`",
        label="stop_reason",
        pattern="time-limit",
    ),
    _ended(
        "BrowsertrixCrawlStorageQuotaReached",
        severity=Severity.WARNING,
        summary="A crawl was stopped or skipped for want of storage quota",
        description="was stopped, or not started, because the organisation's storage quota "
        "is used up.",
        condition="ended as `stopped_storage_quota_reached` or `skipped_storage_quota_reached`",
        label="state",
        # Releases before 1.12 had one state; Browsertrix's own migration reads it like this.
        pattern="(stopped|skipped)_storage_quota_reached|skipped_quota_reached",
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlTimeQuotaReached",
        severity=Severity.WARNING,
        summary="A crawl was stopped or skipped for want of execution time",
        description="was stopped, or not started, because the organisation's execution "
        "minutes are used up.",
        condition="ended as `stopped_time_quota_reached` or `skipped_time_quota_reached`",
        label="state",
        pattern="(stopped|skipped)_time_quota_reached|stopped_quota_reached",
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlOrgReadOnly",
        severity=Severity.WARNING,
        summary="A crawl was stopped because its organisation was set read-only",
        description="was stopped because the organisation was set read-only.",
        condition="ended as `stopped_org_readonly`",
        label="state",
        pattern="stopped_org_readonly",
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlFailed",
        severity=Severity.WARNING,
        summary="A crawl failed",
        description="failed: none of its pods could archive anything more.",
        condition="ended as `failed`",
        label="state",
        pattern="failed",
    ),
    _ended(
        "BrowsertrixCrawlFailedNotLoggedIn",
        severity=Severity.WARNING,
        summary="A crawl failed because its browser profile is not logged in any more",
        description="failed because its browser profile is not logged in to the site any more.",
        condition="ended as `failed_not_logged_in`",
        label="state",
        pattern="failed_not_logged_in",
    ),
    _ended(
        "BrowsertrixCrawlVanished",
        severity=Severity.WARNING,
        summary="A crawl vanished while nobody looked",
        description="is gone, and how it ended was not seen.",
        condition="gone without an end that the exporter saw (`unknown`)",
        label="state",
        pattern="unknown",
    ),
)

EVICTED: Final = _of_pod(
    "BrowsertrixPodEvicted",
    severity=Severity.WARNING,
    summary="A pod was evicted from its node",
    why="was evicted by Kubernetes; Browsertrix starts another one.",
    condition="evicted",
    window=EVICTED_SECONDS,
)
OOM_KILLED: Final = _of_pod(
    "BrowsertrixPodOOMKilled",
    severity=Severity.WARNING,
    summary="A crawler was killed for want of memory",
    why="was killed because it used more memory than it may; the pages it was at are crawled "
    "again.",
    condition="a crawler was killed for want of memory",
    window=EXIT_SECONDS,
)
OUT_OF_SPACE: Final = _of_pod(
    "BrowsertrixPodOutOfSpace",
    severity=Severity.CRITICAL,
    summary="A crawler ran out of disk space",
    why="ended with exit code 3, out of space: its volume is full.",
    condition="a crawler ran out of disk space",
    window=EXIT_SECONDS,
)

EVENT_ALERTS: Final[tuple[EventAlert, ...]] = (*ENDS, EVICTED, OOM_KILLED, OUT_OF_SPACE)
LONGEST_WINDOW: Final = max(event.window for event in EVENT_ALERTS)

ORG_CRAWLS_DELETED: Final = EventAlert(
    name="BrowsertrixOrgCrawlsDeleted",
    severity=Severity.WARNING,
    summary="Unfinished crawls of an organisation were deleted",
    description="Unfinished crawls of organisation {{ $labels.oid }} were deleted.",
    condition="deleted",
    dashboard=Dashboard.ORG,
    window=7200,
    labels=("namespace", "oid"),
)
DELETED_MATCHER: Final = 'state="unknown",stop_reason="deleted"'

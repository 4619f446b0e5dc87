"""The event alerts: what happens to a crawl or a pod that somebody should be notified of.

Each is declared once. ``alerts/`` makes a rule of it, which Prometheus evaluates; the exporter can
post it to Alertmanager by itself as soon as it sees the event. An alert is active for a window of
time, which begins at the event's own timestamp, on the wire, and not when it was noticed: so both
ways, a restarted exporter and a pair of exporters all mean the same alert, and all end it together.
Only where Browsertrix told how a crawl had ended, and that window was over by then, it begins when
that was learned (``CrawlEndAlert.since``): who was blind for a night is notified in the morning.

No alert may be active here longer than its rule fires, or Alertmanager would see it end and begin
once more, and notify twice.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from exporter.alerting.names import ORG
from exporter.alerting.template import (
    CRAWL,
    EXHAUSTED,
    POD,
    AlertTemplate,
    Dashboard,
    Severity,
    rule_labels,
)
from exporter.history.endings import DELETED
from exporter.history.records import FinishedCrawl
from exporter.resources.crawljob.states import UNKNOWN_STATE
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS

_HOUR: Final = 3600
PROMISED_SECONDS: Final = 4 * _HOUR
"""How long the alerts of the two ends are active that are promised to page. All windows must stay
below ``repeat_interval`` and the exporter's ``--history.retention`` (24 h each); this one outlasts
hours without a Prometheus."""
ENDED_SECONDS: Final = 2 * _HOUR
"""The same of other ends: outlasts an hour without a Prometheus."""
FAILED_SECONDS: Final = _HOUR
"""The same of failures, of which there may be many, and which Browsertrix shows its users itself:
long enough for Prometheus, Alertmanager and the exporter to be restarted meanwhile."""
POD_SECONDS: Final = _HOUR
"""The same of what happened to a pod."""
LAST_SECONDS: Final = 600
"""Of a window: an end learned as late as that would hardly be notified of before it is over."""


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


@dataclass(frozen=True, slots=True)
class Matcher:
    """A condition on how a crawl ended, as PromQL's label matchers are."""

    label: Literal["state", "stop_reason"]
    pattern: str
    """A regular expression of the label's value, anchored at both ends."""
    negative: bool = False

    def __str__(self) -> str:
        """In PromQL."""
        if re.fullmatch(r"[\w-]+", self.pattern):
            operator = "!=" if self.negative else "="
        else:
            operator = "!~" if self.negative else "=~"
        return f'{self.label}{operator}"{self.pattern}"'

    def matches(self, record: FinishedCrawl) -> bool:
        """Whether the crawl ended so."""
        value = record.state if self.label == "state" else record.stop_reason
        return (re.fullmatch(self.pattern, value) is not None) is not self.negative


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlEndAlert(EventAlert):
    """The alert of crawls that ended in one way."""

    matchers: tuple[Matcher, ...]
    """All must match."""
    labels: tuple[str, ...] = CRAWL_LABELS

    @property
    def selector(self) -> str:
        """The label matchers in PromQL that select the same ends."""
        return ",".join(map(str, self.matchers))

    @property
    def unseen(self) -> bool:
        """Whether it is of ends that nobody saw, which are dated by when they were found."""
        return _UNSEEN in self.matchers

    @property
    def late(self) -> int:
        """Seconds after its end from which on an end is learned too late for its own window."""
        return self.window - LAST_SECONDS

    def matches(self, record: FinishedCrawl) -> bool:
        """Whether this crawl ended so."""
        return all(matcher.matches(record) for matcher in self.matchers)

    def since(self, record: FinishedCrawl) -> float:
        """When the window of this end begins, in seconds since 1970.

        The rule counts alike. While another exporter may still be notifying of the same end, by its
        own timestamp, this one does so by no other.
        """
        learned = record.learned
        if learned is None or learned < record.finished + self.late:
            return record.finished
        return learned


_UNSEEN: Final = Matcher("state", UNKNOWN_STATE)


def format_duration(seconds: int) -> str:
    """Write a duration as PromQL does: ``1d``, ``12h``, ``10m``."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
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
    matchers: tuple[Matcher, ...],
    dashboard: Dashboard = Dashboard.CRAWL,
    window: int = ENDED_SECONDS,
) -> CrawlEndAlert:
    return CrawlEndAlert(
        name=name,
        severity=severity,
        summary=summary,
        description=f"{CRAWL} {description}",
        condition=f"{condition}, within the last {format_duration(window)}",
        dashboard=dashboard,
        window=window,
        matchers=matchers,
    )


def _state(pattern: str) -> tuple[Matcher, ...]:
    return (Matcher("state", pattern),)


def _stop_reason(pattern: str) -> tuple[Matcher, ...]:
    return (Matcher("stop_reason", pattern),)


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
        matchers=_state("stopped_pause_expired"),
        window=PROMISED_SECONDS,
    ),
    _ended(
        "BrowsertrixCrawlSizeLimitReached",
        severity=Severity.CRITICAL,
        summary="A crawl was cut short by its size limit",
        description="reached its size limit. Browsertrix calls it complete, but pages it had "
        "found are missing from the archive.",
        condition="ended with stop reason `size-limit`",
        matchers=_stop_reason("size-limit"),
        window=PROMISED_SECONDS,
    ),
    _ended(
        "BrowsertrixCrawlTimeLimitReached",
        severity=Severity.WARNING,
        summary="A crawl was cut short by its time limit",
        description="reached its time limit. Browsertrix calls it complete, but pages it had "
        "found are missing from the archive.",
        condition="ended with stop reason `time-limit`",
        matchers=_stop_reason("time-limit"),
    ),
    _ended(
        "BrowsertrixCrawlStorageQuotaReached",
        severity=Severity.WARNING,
        summary="A crawl was stopped or skipped for want of storage quota",
        description="was stopped, or not started, because the organisation's storage quota "
        "is used up. What it had archived is kept; run it again when there is room.",
        condition="ended as `stopped_storage_quota_reached` or `skipped_storage_quota_reached`",
        # Releases before 1.12 had one state; Browsertrix's own migration reads it like this.
        matchers=_state("(stopped|skipped)_storage_quota_reached|skipped_quota_reached"),
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlTimeQuotaReached",
        severity=Severity.WARNING,
        summary="A crawl was stopped or skipped for want of execution time",
        description="was stopped, or not started, because the organisation's execution "
        "minutes are used up. What it had archived is kept; run it again when there are minutes.",
        condition="ended as `stopped_time_quota_reached` or `skipped_time_quota_reached`",
        matchers=_state("(stopped|skipped)_time_quota_reached|stopped_quota_reached"),
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlOrgReadOnly",
        severity=Severity.WARNING,
        summary="A crawl was stopped because its organisation was set read-only",
        description="was stopped because the organisation was set read-only. What it had archived "
        "is kept, the rest of its queue is lost: run it again when the organisation can be "
        "written to.",
        condition="ended as `stopped_org_readonly`",
        matchers=_state("stopped_org_readonly"),
        dashboard=Dashboard.ORG,
    ),
    _ended(
        "BrowsertrixCrawlFailed",
        severity=Severity.WARNING,
        summary="A crawl failed",
        description="failed: none of its pods could archive anything more. Browsertrix "
        "deletes what a failed crawl had uploaded; run the workflow again when the cause is gone.",
        condition="ended as `failed`",
        matchers=_state("failed"),
        window=FAILED_SECONDS,
    ),
    _ended(
        "BrowsertrixCrawlFailedNotLoggedIn",
        severity=Severity.WARNING,
        summary="A crawl failed because its browser profile is not logged in any more",
        description="failed because its browser profile is not logged in to the site any more. "
        "Browsertrix deletes what a failed crawl had uploaded; log in to the profile again and run "
        "the workflow.",
        condition="ended as `failed_not_logged_in`",
        matchers=_state("failed_not_logged_in"),
        window=FAILED_SECONDS,
    ),
    _ended(
        "BrowsertrixCrawlPauseExpiredUnseen",
        severity=Severity.CRITICAL,
        summary="A paused crawl is gone, and its pause had lasted too long",
        description="was paused, and is gone since nobody watched; its pause had reached the "
        "limit by then. What it had archived is kept, the rest of its queue is lost.",
        condition="gone without an end that the exporter saw (`unknown`), after the pause limit",
        matchers=(_UNSEEN, Matcher("stop_reason", "stopped_pause_expired")),
        window=PROMISED_SECONDS,
    ),
    _ended(
        "BrowsertrixCrawlVanished",
        severity=Severity.WARNING,
        summary="A crawl vanished while nobody looked",
        description="is gone, and how it ended was not seen: Browsertrix's own list says whether "
        "it is complete.",
        condition="gone without an end that the exporter saw (`unknown`)",
        matchers=(_UNSEEN, Matcher("stop_reason", f"stopped_pause_expired|{DELETED}", True)),
    ),
)

ORG_CRAWLS_DELETED: Final = CrawlEndAlert(
    name="BrowsertrixOrgCrawlsDeleted",
    severity=Severity.WARNING,
    summary="Unfinished crawls of an organisation were deleted",
    description=f"Crawls of organisation {ORG} in {{{{ $labels.namespace }}}} were deleted "
    "before they had ended, as when an organisation is deleted; what they had not uploaded is "
    "lost.",
    condition="crawls gone whose deletion was asked for before they ended, within the last "
    f"{format_duration(ENDED_SECONDS)}",
    dashboard=Dashboard.ORG,
    window=ENDED_SECONDS,
    labels=("namespace", "oid"),
    matchers=(_UNSEEN, Matcher("stop_reason", DELETED)),
)
"""One for all crawls of an organisation: it is one thing that happened."""

EVICTED: Final = _of_pod(
    "BrowsertrixPodEvicted",
    severity=Severity.WARNING,
    summary="A pod was evicted from its node",
    why=f"was evicted by Kubernetes{EXHAUSTED}; Browsertrix starts another one.",
    condition="evicted",
    window=POD_SECONDS,
)
OOM_KILLED: Final = _of_pod(
    "BrowsertrixPodOOMKilled",
    severity=Severity.WARNING,
    summary="A crawler was killed for want of memory",
    why="was killed because it used more memory than it may; the pages it was at are crawled "
    "again.",
    condition="a crawler was killed for want of memory",
    window=POD_SECONDS,
)
OUT_OF_SPACE: Final = _of_pod(
    "BrowsertrixPodOutOfSpace",
    severity=Severity.CRITICAL,
    summary="A crawler ran out of disk space",
    why="ended with exit code 3, out of space: its volume is full, and until that is enlarged each "
    "start ends so.",
    condition="a crawler ran out of disk space",
    window=POD_SECONDS,
)

END_ALERTS: Final = (*ENDS, ORG_CRAWLS_DELETED)
EVENT_ALERTS: Final[tuple[EventAlert, ...]] = (*END_ALERTS, EVICTED, OOM_KILLED, OUT_OF_SPACE)
LONGEST_WINDOW: Final = max(event.window for event in EVENT_ALERTS)

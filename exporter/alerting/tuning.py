"""What a user has set of the alerts: read by the rules, and by what is posted.

Alertmanager takes the alert of a rule and the one that is posted for one if their labels are the
same: so severities and labels are set in one place for both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self, TypeVar

from exporter.alerting.template import AlertTemplate, Links, Severity
from exporter.settings import Settings

ENDS_THAT_PAGE: Final = (
    "BrowsertrixCrawlPauseExpired",
    "BrowsertrixCrawlPauseExpiredUnseen",
    "BrowsertrixCrawlSizeLimitReached",
)
"""Nothing can be done about these any more; they page because an archive must hear of them."""

T = TypeVar("T", bound=AlertTemplate)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertTuning:
    """Of which alerts what is other than declared."""

    without: frozenset[str] = frozenset()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Added to every alert."""
    links: Links = field(default_factory=Links)

    @classmethod
    def of(cls, settings: Settings) -> "AlertTuning":
        """Take it from the settings; ValueError for a severity that there is not."""
        tickets = ENDS_THAT_PAGE if settings.alerts_ends_as_tickets else ()
        return cls(
            without=frozenset(settings.alerts_without),
            severities=dict.fromkeys(tickets, Severity.WARNING)
            | {name: Severity(level) for name, level in settings.alerts_severities},
            labels=dict(settings.alerts_labels),
            links=Links(
                settings.alerts_runbooks,
                settings.alerts_grafana,
                settings.browsertrix_public_url,
            ),
        )

    def for_cluster_label(self, label: str) -> Self:
        """The same for rules in which clusters have another label; what is posted has none."""
        return replace(self, links=replace(self.links, cluster=label))

    def apply(self, alert: T) -> T:
        """The alert with the severity that was set."""
        changed: dict[str, Any] = {"severity": self.severities.get(alert.name, alert.severity)}
        return replace(alert, **changed)

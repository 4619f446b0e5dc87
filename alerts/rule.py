"""What a rule is, and the words all rules share."""

from dataclasses import dataclass
from typing import Final, Self

from exporter.alerting.event_alerts import EventAlert
from exporter.alerting.template import CRAWL, POD, AlertTemplate, Dashboard, Severity

__all__ = [
    "CRAWL",
    "DURATION",
    "PERCENT",
    "POD",
    "SEVERITIES",
    "AlertingRule",
    "Dashboard",
    "RecordingRule",
    "RuleGroup",
    "Severity",
]


SEVERITIES: Final = {
    Severity.CRITICAL: "pages a person now: work is being lost, or nobody would see it being lost",
    Severity.WARNING: "a ticket: somebody should act within the day",
    Severity.INFO: "context: nothing to do by itself, useful beside other alerts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertingRule(AlertTemplate):
    """One alerting rule."""

    expr: str
    for_: str = ""
    """``for``: how long the condition must be true."""
    keep_firing_for: str = ""
    """``keep_firing_for``: how long a lost scrape may hide the condition."""
    event: bool = False
    """Whether it tells of something that happened, which nothing can resolve."""

    @classmethod
    def of(cls, event: EventAlert, expr: str) -> Self:
        """The rule that finds what the exporter, told to, posts by itself."""
        return cls(
            name=event.name,
            severity=event.severity,
            summary=event.summary,
            description=event.description,
            condition=event.condition,
            expr=expr,
            dashboard=event.dashboard,
            event=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRule:
    """One recording rule; its name says level, metric and operation."""

    name: str
    what: str
    """What it answers, for docs/alerts.md."""
    expr: str
    labels: tuple[str, ...]
    """Those its series have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules of one topic, evaluated together and in order."""

    name: str
    topic: str
    rules: tuple[AlertingRule | RecordingRule, ...]
    interval: str = ""
    """How often they are evaluated; as all others where empty. Costly rules whose alerts wait for
    minutes anyway need no more than once a minute."""


PERCENT: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"

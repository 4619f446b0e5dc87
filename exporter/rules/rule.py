"""What a rule and a group of rules consist of, and the template texts that rules share."""

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
    Severity.CRITICAL: "pages a person now: something that can still be changed, or one of the two "
    "ends that an archive must hear of at once (a pause that expired, a size limit)",
    Severity.WARNING: "a ticket: something was lost, or will be; within the day is early enough",
    Severity.INFO: "context: nothing to do by itself, useful beside other alerts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertingRule(AlertTemplate):
    """An alert's texts, and the expression and durations with which Prometheus evaluates it."""

    expr: str
    for_: int = 0
    """Seconds for which the condition must be true before it fires; 0 fires at once."""
    keep_firing_for: int = 0
    """Seconds for which it goes on firing once the condition is false: bridges lost scrapes."""
    event: bool = False
    """Whether it is an event alert, which nothing can resolve: labelled ``event="true"``."""

    @classmethod
    def for_event(cls, event: EventAlert, expr: str) -> Self:
        """The rule of an event alert that the exporter can also post: same labels and texts."""
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
    """An expression that Prometheus records as a series; named level:metric:operation."""

    name: str
    description: str
    """What its values are, for docs/alerts.md."""
    expr: str
    labels: tuple[str, ...]
    """Of its series beside ``cluster``; a test compares them with what ``expr`` results in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules of one topic, evaluated together and in order."""

    name: str
    topic: str
    rules: tuple[AlertingRule | RecordingRule, ...]
    interval: str = ""
    """How often they are evaluated; empty is Prometheus's own interval. Costly rules whose alerts
    wait for minutes anyway need no more than once a minute."""


PERCENT: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"

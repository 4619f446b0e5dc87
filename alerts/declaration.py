"""What a rule is, and the words all rules share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """Who should know. One alert has one severity, so that a name alone says what to do."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


SEVERITIES: Final = {
    Severity.CRITICAL: "pages a person now: work is being lost, or nobody would see it being lost",
    Severity.WARNING: "a ticket: somebody should act within the day",
    Severity.INFO: "context: nothing to do by itself, useful beside other alerts",
}


class Dashboard(StrEnum):
    """Where to look, as a path below the address of Grafana; the ids are those of dashboards/."""

    FLEET = "/d/browsertrix-fleet?var-namespace={{ $labels.namespace }}"
    CRAWL = (
        "/d/browsertrix-crawl?var-namespace={{ $labels.namespace }}&var-crawl={{ $labels.crawl }}"
    )
    ORG = (
        "/d/browsertrix-orgs"
        "?var-namespace={{ $labels.namespace }}&var-oid={{ $labels.oid | urlquery }}"
    )
    PODS = "/d/browsertrix-pods?var-namespace={{ $labels.namespace }}&var-crawl={{ $labels.crawl }}"
    EXPORTER = "/d/browsertrix-exporter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alerting rule."""

    name: str
    severity: Severity
    summary: str
    """The same for every crawl, so that notifications can be grouped under it."""
    description: str
    """A template: which crawl or pod, what is true of it. Of an event, labels only."""
    condition: str
    """The expression in words, for docs/alerts.md."""
    expr: str
    dashboard: Dashboard
    hold: str = ""
    """``for``: how long the condition must be true."""
    keep: str = ""
    """``keep_firing_for``: how long a lost scrape may hide the condition."""
    event: bool = False
    """Whether it tells of something that happened, which nothing can resolve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recording rule; its name says level, metric and operation."""

    name: str
    what: str
    """What it answers, for docs/alerts.md."""
    expr: str
    labels: tuple[str, ...]
    """Those its series have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules of one topic, evaluated together and in order."""

    name: str
    topic: str
    rules: tuple[Alert | Record, ...]
    interval: str = ""
    """How often they are evaluated; as all others where empty. Costly rules whose alerts wait for
    minutes anyway need no more than once a minute."""


CRAWL: Final = (
    "Crawl {{ $labels.crawl }} of organisation {{ $labels.oid }} in {{ $labels.namespace }}"
)
POD: Final = "Pod {{ $labels.pod }} of crawl {{ $labels.crawl }} in {{ $labels.namespace }}"
PERCENT: Final = "{{ $value | humanizePercentage }}"
DURATION: Final = "{{ $value | humanizeDuration }}"

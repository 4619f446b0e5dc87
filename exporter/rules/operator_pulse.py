"""Browsertrix's operator: whether it still writes what becomes of crawls.

It is metacontroller calling Browsertrix's backend. Where that stops nothing fails: statuses freeze,
and a crawl that should end, pause or be given up looks like one that is at work. What shows it is
the time that the operator writes into the status of each crawl at work about every minute. That a
CrawlJob changed says less: people who ask for a pause change it too, and all the more when none
comes.

It is a time by the operator's clock, which may be wrong by minutes: as long as it moves, the
operator acts, however old it is.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.crawljob.states import RUNNING
from exporter.resources.identity import SHARD
from exporter.rules.conditions import current
from exporter.rules.promql import by, on
from exporter.rules.recordings import LAST_EVENT, LAST_SYNC
from exporter.rules.rule import DURATION, AlertingRule, Dashboard, Severity
from exporter.rules.thresholds import Thresholds

_AT_WORK: Final = "|".join(sorted(RUNNING))


def silent(at: Thresholds) -> AlertingRule:
    """The alert with these thresholds."""
    minutes = at.operator_silent // 60
    window = format_duration(at.operator_silent)
    synced = f"min {by('namespace')} (max {by('namespace', SHARD)} ({LAST_SYNC}))"
    pulse = "browsertrix_operator_last_status_timestamp_seconds"
    at_work = current(f'browsertrix_crawls{{state=~"{_AT_WORK}"}}')
    return AlertingRule(
        name="BrowsertrixOperatorSilent",
        severity=Severity.CRITICAL,
        summary="Browsertrix's operator does not act any more",
        description="Crawls are at work in {{ $labels.namespace }}, and no status of one was "
        f"written for {DURATION}: no crawl starts, ends, pauses or is given up until "
        "Browsertrix's operator (metacontroller and the backend) acts again.",
        condition=f"crawls at work, a watch that is well, and no status of one written for "
        f"{window}; where statuses do not say when they were written, no CrawlJob",
        # Crawls were at work and each shard's watch was well all the time: after a gap, and when
        # the first crawl begins, the operator is given time to write.
        expr=f"""\
time() - (
  max {by("namespace")} ({current(pulse)})
  or
  max {by("namespace")} ({LAST_EVENT})
) > {at.operator_silent}
unless {on("namespace")}
max {by("namespace")} (changes({pulse}[{window}])) > 0
and {on("namespace")}
count_over_time(
  (
    sum {by("namespace")} ({at_work}) > 0
    and {on("namespace")}
    time() - {synced} < {at.blind_after}
  )[{window}:1m]
) >= {max(1, minutes - 1)}""",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.FLEET,
    )

"""Browsertrix's operator: whether it still writes what becomes of crawls.

It is metacontroller calling Browsertrix's backend. Where that stops nothing fails: statuses freeze,
and a crawl that should end, pause or be given up looks like one that is at work. What shows it is
the time that the operator writes into the status of each crawl at work about every minute. That a
CrawlJob changed says less: people who ask for a pause change it too, and all the more when none
comes.
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
    pulse = current("browsertrix_operator_last_status_timestamp_seconds")
    return AlertingRule(
        name="BrowsertrixOperatorSilent",
        severity=Severity.CRITICAL,
        summary="Browsertrix's operator does not act any more",
        description="Crawls are at work in {{ $labels.namespace }}, and no status of one was "
        f"written for {DURATION}: no crawl starts, ends, pauses or is given up until "
        "Browsertrix's operator (metacontroller and the backend) acts again.",
        condition=f"crawls at work, a watch that is well, and no status of one written for "
        f"{window}; where statuses do not say when they were written, no CrawlJob",
        # Each shard's watch was well all the time: after a gap the operator is given time to write.
        expr=f"""\
time() - (
  max {by("namespace")} ({pulse})
  or
  max {by("namespace")} ({LAST_EVENT})
) > {at.operator_silent}
and {on("namespace")}
sum {by("namespace")} (browsertrix_crawls{{state=~"{_AT_WORK}"}}) > 0
and {on("namespace")}
sum_over_time(
  (time() - {synced} < bool {at.blind_after})[{window}:1m]
) >= {max(1, minutes - 1)}""",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.FLEET,
    )

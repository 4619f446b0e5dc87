"""Ended as …: one alert for each way a crawl can end that somebody should be notified of.

All stand on ``browsertrix_crawl_finished_timestamp_seconds``. ``size-limit`` and ``time-limit`` are
stop reasons only: the state of such a crawl is ``complete``. The quotas and read-only organisations
that end a crawl are here; those that pause it (Browsertrix 1.21 and later) are in ``paused``.
"""

from typing import Final

from exporter.alerting import event_alerts
from exporter.alerting.event_alerts import CrawlEndAlert, format_duration
from exporter.resources.crawljob.states import UNKNOWN_STATE
from exporter.rules.conditions import ended
from exporter.rules.promql import by, on
from exporter.rules.recordings import ENDS
from exporter.rules.rule import AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_ORGS_FAILED: Final = "namespace:browsertrix_orgs_failed:count1h"
_FAILED: Final = "namespace:browsertrix_crawls_failed:count1h"
_RATIO: Final = "namespace:browsertrix_crawls_failed:ratio1h"


def _end(event: CrawlEndAlert) -> AlertingRule:
    expr = ended(event)
    if event.unseen:  # the other one of a pair may know how it ended
        known = f'browsertrix_crawl_finished_timestamp_seconds{{state!="{UNKNOWN_STATE}"}}'
        since = format_duration(2 * event.window)
        expr = f"{expr}\nunless {on(*event.labels)} last_over_time({known}[{since}])"
    return AlertingRule.for_event(event, expr)


def _of_organisation(event: CrawlEndAlert) -> AlertingRule:
    return AlertingRule.for_event(event, f"max {by(*event.labels)} (\n{ended(event)}\n)")


def group() -> RuleGroup:
    """The ends; how long their alerts are active is the exporter's to know, too."""
    return RuleGroup(
        name="browsertrix-ended",
        topic="Ended as",
        rules=(
            *(_end(event) for event in event_alerts.ENDS),
            _of_organisation(event_alerts.ORG_CRAWLS_DELETED),
        ),
    )


def failures(at: Thresholds) -> RuleGroup:
    """The fleet's failures; by the minute, as it counts all that finished within the hour."""
    bridge = format_duration(at.bridge)
    return RuleGroup(
        name="browsertrix-failures",
        topic="Ended as: all together",
        interval="1m",
        rules=(
            *ENDS,
            AlertingRule(
                name="BrowsertrixCrawlFailureRateHigh",
                severity=Severity.CRITICAL,
                summary="Most crawls fail",
                description="{{ $value | humanizePercentage }} of the crawls that finished in "
                "{{ $labels.namespace }} within the last hour failed, of several organisations: "
                "the cluster, a proxy or the storage is at fault rather than a site.",
                condition=f"more than {at.failure_ratio:.0%} of the crawls that finished within "
                f"1h failed, at least {at.failures}, of at least {at.failing_orgs} organisations",
                # The records' last values, so that a gap in the scrapes ends nothing.
                expr=f"""\
last_over_time({_RATIO}[{bridge}]) > {at.failure_ratio}
and {on("namespace")} last_over_time({_FAILED}[{bridge}]) >= {at.failures}
and {on("namespace")} last_over_time({_ORGS_FAILED}[{bridge}]) >= {at.failing_orgs}""",
                dashboard=Dashboard.FLEET,
            ),
        ),
    )

"""Ended as …: one alert for each way a crawl can end that somebody should be notified of.

All stand on ``browsertrix_crawl_finished_timestamp_seconds``. ``size-limit`` and ``time-limit`` are
stop reasons only: the state of such a crawl is ``complete``. The quotas and read-only organisations
that end a crawl are here; those that pause it (Browsertrix 1.21 and later) are in ``paused``.
"""

from typing import Final

from alerts.conditions import ended
from alerts.recordings import ENDS
from alerts.rule import PERCENT, AlertingRule, Dashboard, RuleGroup, Severity
from alerts.thresholds import FAILURE_RATIO, FAILURES
from exporter.alerting import event_alerts

GROUP: Final = RuleGroup(
    name="browsertrix-ended",
    topic="Ended as",
    rules=(
        *ENDS,
        *(AlertingRule.for_event(event, ended(event.matcher)) for event in event_alerts.ENDS),
        AlertingRule(
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
            for_="5m",
            keep_firing_for="5m",
            dashboard=Dashboard.FLEET,
        ),
    ),
)

"""Limits about to be reached: of size and time, near and predicted.

A crawl without a limit has no limit series, so none of these can fire for it. Predictions are made
on recorded ratios, of those crawls alone that have used much of their limit: a look back at all of
ten thousand crawls each minute would cost more than all other rules together.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.rules.conditions import now_in_state
from exporter.rules.predictions import will_be_full
from exporter.rules.recordings import limits
from exporter.rules.rule import CRAWL, PERCENT, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_SIZE: Final = "crawl:browsertrix_crawl_size_limit_used:ratio"
_TIME: Final = "crawl:browsertrix_crawl_timeout_used:ratio"
_AT_WORK: Final = "running|pending-wait|generate-wacz|uploading-wacz|rate-limited"


def _near(at: Thresholds, name: str, *, severity: Severity, limit: str, ratio: str) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=severity,
        summary=f"A crawl has nearly reached its {limit} limit",
        description=f"{CRAWL} has used {PERCENT} of its {limit} limit and will be stopped there.",
        condition=f"more than {at.limit_near:.0%} of the {limit} limit used, at work",
        expr=f"{ratio} > {at.limit_near}\nand {now_in_state(_AT_WORK)}",
        keep_firing_for=at.bridge,
        dashboard=Dashboard.CRAWL,
    )


def _predicted(  # noqa: PLR0913 - a table's row, each column by its name
    at: Thresholds, name: str, *, severity: Severity, limit: str, ratio: str, horizon: int
) -> AlertingRule:
    duration, window = format_duration(horizon), format_duration(at.prediction_window)
    return AlertingRule(
        name=name,
        severity=severity,
        summary=f"A crawl is going to reach its {limit} limit",
        description=f"{CRAWL} will reach its {limit} limit within {duration} if it goes on like "
        f"this; {PERCENT} is used.",
        condition=f"running, more than {at.prediction_level:.0%} of the {limit} limit used, a "
        f"line through the last {window} reaches it within {duration}, and the pages found so far "
        "will not be done before",
        expr=will_be_full(at, ratio, horizon),
        for_=at.prediction_hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.CRAWL,
    )


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-limits",
        topic="About to reach a limit",
        interval="1m",
        rules=(
            *limits(at),
            _near(
                at,
                "BrowsertrixCrawlSizeLimitNear",
                severity=Severity.WARNING,
                limit="size",
                ratio=_SIZE,
            ),
            _predicted(
                at,
                "BrowsertrixCrawlSizeLimitPredicted",
                severity=Severity.WARNING,
                limit="size",
                ratio=_SIZE,
                horizon=at.size_horizon,
            ),
            _near(
                at,
                "BrowsertrixCrawlTimeLimitNear",
                severity=Severity.INFO,
                limit="time",
                ratio=_TIME,
            ),
            _predicted(
                at,
                "BrowsertrixCrawlTimeLimitPredicted",
                severity=Severity.INFO,
                limit="time",
                ratio=_TIME,
                horizon=at.time_horizon,
            ),
        ),
    )

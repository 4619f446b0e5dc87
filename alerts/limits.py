"""Limits about to be reached: of size and time, near and predicted.

A crawl without a limit has no limit series, so none of these can fire for it. Predictions are made
on recorded ratios, which already merge a pair of exporters.
"""

from typing import Final

from alerts import thresholds as at
from alerts.conditions import now_in_state
from alerts.recordings import LIMITS
from alerts.rule import CRAWL, PERCENT, AlertingRule, Dashboard, RuleGroup, Severity

_SIZE: Final = "crawl:browsertrix_crawl_size_limit:ratio"
_TIME: Final = "crawl:browsertrix_crawl_timeout:ratio"
_AT_WORK: Final = "running|pending-wait|generate-wacz|uploading-wacz|rate-limited"


def _near(name: str, *, severity: Severity, limit: str, ratio: str) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=severity,
        summary=f"A crawl has nearly reached its {limit} limit",
        description=f"{CRAWL} has used {PERCENT} of its {limit} limit and will be stopped there.",
        condition=f"more than {at.LIMIT_NEAR:.0%} of the {limit} limit used, at work",
        expr=f"{ratio} > {at.LIMIT_NEAR}\n{now_in_state(_AT_WORK)}",
        for_=at.LIMIT_NEAR_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.CRAWL,
    )


def _predicted(
    name: str, *, severity: Severity, limit: str, ratio: str, horizon: tuple[str, int]
) -> AlertingRule:
    duration, seconds = horizon
    window = at.PREDICTION_WINDOW
    return AlertingRule(
        name=name,
        severity=severity,
        summary=f"A crawl is going to reach its {limit} limit",
        description=f"{CRAWL} will reach its {limit} limit within {duration} if it goes on like "
        f"this; {PERCENT} is used.",
        condition=f"running, more than {at.PREDICTION_LEVEL:.0%} of the {limit} limit used, and a "
        f"line through the last {window} reaches it within {duration}",
        expr=f"""\
{ratio} > {at.PREDICTION_LEVEL} < 1
and predict_linear({ratio}[{window}], {seconds}) >= 1
and deriv({ratio}[{window}]) > 0
and count_over_time({ratio}[{window}]) >= {at.PREDICTION_SAMPLES}
and last_over_time({ratio}[{at.BRIDGE}] offset {at.PREDICTION_AGE})
{now_in_state("running")}""",
        for_=at.PREDICTION_HOLD,
        keep_firing_for=at.BRIDGE,
        dashboard=Dashboard.CRAWL,
    )


GROUP: Final = RuleGroup(
    name="browsertrix-limits",
    topic="About to reach a limit",
    interval="1m",
    rules=(
        *LIMITS,
        _near(
            "BrowsertrixCrawlSizeLimitNear", severity=Severity.WARNING, limit="size", ratio=_SIZE
        ),
        _predicted(
            "BrowsertrixCrawlSizeLimitPredicted",
            severity=Severity.WARNING,
            limit="size",
            ratio=_SIZE,
            horizon=(at.SIZE_HORIZON, at.SIZE_HORIZON_SECONDS),
        ),
        _near("BrowsertrixCrawlTimeLimitNear", severity=Severity.INFO, limit="time", ratio=_TIME),
        _predicted(
            "BrowsertrixCrawlTimeLimitPredicted",
            severity=Severity.INFO,
            limit="time",
            ratio=_TIME,
            horizon=(at.TIME_HORIZON, at.TIME_HORIZON_SECONDS),
        ),
    ),
)

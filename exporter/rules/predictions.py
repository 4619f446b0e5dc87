"""Predictions: when something of a crawl that fills will be full, if it goes on like this.

A line through few samples, or through a level that hardly moves, pages at night for nothing: so a
prediction needs a level, a positive slope, enough samples, a crawl that runs, and pages that will
not all be done before.
"""

from exporter.alerting.event_alerts import format_duration
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.conditions import current, now_in_state
from exporter.rules.promql import by, on
from exporter.rules.thresholds import Thresholds


def will_be_full(at: Thresholds, ratio: str, horizon: int) -> str:
    """Of recorded ratios that will reach 1 within ``horizon`` seconds, what they are now.

    They are of crawls, or of parts of crawls with more labels.
    """
    window = format_duration(at.prediction_window)
    return f"""\
{ratio} > {at.prediction_level} < 1
and predict_linear({ratio}[{window}], {horizon}) >= 1
and deriv({ratio}[{window}]) > 0
and count_over_time({ratio}[{window}]) >= {at.prediction_samples}
and {now_in_state("running")}
unless {_done_before(ratio, window)}"""


def _done_before(ratio: str, window: str) -> str:
    """Those of crawls whose pages will all be done before, if both go on like this."""
    found, done = (
        f"max {by(*CRAWL_LABELS)} ({current(f'browsertrix_crawl_pages_{which}')})"
        for which in ("found", "done")
    )
    rate = f"max {by(*CRAWL_LABELS)} (deriv(browsertrix_crawl_pages_done[{window}]))"
    return f"""\
(
  ({found} - {done})
  / ({rate} > 0)
  < {on(*CRAWL_LABELS)} group_right ()
  (1 - {ratio}) / deriv({ratio}[{window}])
)"""

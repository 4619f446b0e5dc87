"""Dedupe indexes: one that does not get ready while crawls wait for it."""

from typing import Final

from exporter.alerting.names import ORG
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.conditions import current, overdue
from exporter.rules.promql import by, on
from exporter.rules.rule import DURATION, AlertingRule, Dashboard, RuleGroup, Severity
from exporter.rules.thresholds import Thresholds

_INDEX: Final = ("namespace", "oid", "collection")
_SINCE: Final = "browsertrix_index_state_since_timestamp_seconds"
_BUSY: Final = current('browsertrix_index_state{state=~"importing|purging"}')
_CRAWLS: Final = current('browsertrix_crawl_info{collection!=""}')
_WAITING: Final = current('browsertrix_crawl_state{state="waiting_dedupe_index"}')


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    return RuleGroup(
        name="browsertrix-indexes",
        topic="Dedupe indexes",
        interval="1m",
        rules=(
            AlertingRule(
                name="BrowsertrixDedupeIndexStuck",
                severity=Severity.WARNING,
                summary="A deduplication index does not get ready, and crawls wait for it",
                description="The deduplication index of collection {{ $labels.collection }} of "
                f"organisation {ORG} in {{{{ $labels.namespace }}}} has been importing or "
                f"purging for {DURATION}, and crawls wait for it.",
                condition="importing or purging for too long, while a crawl of the collection "
                "waits for its index",
                expr=f"""\
{overdue(_SINCE, at.index_hold, labels=_INDEX)}
and {on(*_INDEX)} max {by(*_INDEX)} ({_BUSY})
and {on(*_INDEX)} count {by(*_INDEX)} (
  max {by(*CRAWL_LABELS, "collection")} ({_CRAWLS})
  and {on(*CRAWL_LABELS)} max {by(*CRAWL_LABELS)} ({_WAITING})
)""",
                keep_firing_for=at.bridge,
                dashboard=Dashboard.FLEET,
            ),
        ),
    )

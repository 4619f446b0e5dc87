"""Queues of organisations: crawls that wait for others to end, which do nothing.

A queue is what the limit of an organisation is for. It stands still where those that take up the
places are paused or stuck: how long one crawl waits says nothing of that, the newest change of all
others does.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.names import ORG
from exporter.rules.conditions import BLIND_SINCE, OUTDATED, current, overdue, state_since
from exporter.rules.promql import EXPORTER, by, on
from exporter.rules.rule import (
    DURATION,
    AlertingRule,
    Dashboard,
    RecordingRule,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_ORG: Final = ("namespace", "oid")
_QUEUED: Final = "waiting_org_limit"
_CHANGED: Final = "namespace_oid:browsertrix_crawls_changed:timestamp_seconds"


def _newest(what: str, series: str) -> str:
    newest = f"max {by(*_ORG)} ({current(series)})"
    return f'label_replace({newest}, "what", "{what}", "", "")'


_OTHERS: Final = f'browsertrix_crawl_state_since_timestamp_seconds{{state!="{_QUEUED}"}}'
_NEWEST: Final = f"""\
max {by(*_ORG)} (
  {_newest("state", _OTHERS)}
  or
  {_newest("progress", "browsertrix_crawl_progress_timestamp_seconds")}
  or
  {_newest("finished", "browsertrix_crawl_finished_timestamp_seconds")}
)
and {on(*_ORG)} {state_since(_QUEUED)}"""


def standing_still(at: Thresholds) -> tuple[RecordingRule | AlertingRule, ...]:
    """The alert with these thresholds, and what it stands on."""
    hold = at.queue_hold
    return (
        RecordingRule(
            name=_CHANGED,
            description="When one of an organisation's crawls last changed its state, finished a "
            "page or ended; of those alone that have crawls waiting in their queue",
            labels=_ORG,
            expr=_NEWEST,
        ),
        AlertingRule(
            name="BrowsertrixOrgQueueStandsStill",
            severity=Severity.WARNING,
            summary="An organisation's queue stands still",
            description=f"Crawls of organisation {ORG} in {{{{ $labels.namespace }}}} have been "
            f"waiting for {DURATION} for others of it to end, and none of these has finished a "
            f"page, changed its state or ended for {format_duration(hold)} or more.",
            condition=f"a crawl in state `{_QUEUED}`, and none of the others of its organisation "
            f"finished a page, changed its state or ended, both for more than "
            f"{format_duration(hold)}",
            # Nor had one when an exporter last looked: see ``conditions``.
            expr=f"""\
{overdue(state_since(_QUEUED), hold, labels=_ORG)}
unless {on(*_ORG)} {_CHANGED} > time() - {hold}
unless {on(*_ORG)} (
  {_CHANGED} > {on("namespace")} group_left ()
  min {by("namespace")} ({BLIND_SINCE} unless {on(*EXPORTER, "namespace")} {OUTDATED}) - {hold}
)""",
            keep_firing_for=at.bridge,
            dashboard=Dashboard.ORG,
        ),
    )

"""Conditions that many alerts share, so that each pattern of PromQL is written once.

What is served of crawls is as old as the watch behind it. Two rules follow, written here once:

- *A stale exporter does not speak for the pair.* Series of one whose last sync is minutes behind
  another's in the same namespace are left out (``current``).
- *No alert begins on old facts, and none ends on them.* While nobody is in sync, as during an
  upgrade of the control plane, time goes on and the facts do not: so "it has been so for too long"
  counts only if it was so when an exporter last looked (``overdue``). What fired then goes on.

How long something has been so is a timestamp that is served, from the exporters' ledgers: neither
a gap in the scrapes nor a restart of exporter or Prometheus makes it begin anew.
"""

from typing import Final

from exporter.alerting.event_alerts import CrawlEndAlert, format_duration
from exporter.resources.identity import CRAWL_LABELS
from exporter.rules.promql import EXPORTER, by, on

OUTDATED: Final = "instance_namespace:browsertrix_exporter_outdated:lag_seconds"
"""Exporters that another one has left behind; no series for all others."""
BLIND_SINCE: Final = "instance_namespace:browsertrix_exporter_blind_since:timestamp_seconds"
"""When an exporter that is not in sync was so last; no series for those that are."""

_OF_EXPORTER: Final = on(*EXPORTER, "namespace")


def current(series: str) -> str:
    """The series, without those of an exporter that another one has left behind."""
    return f"{series} unless {_OF_EXPORTER} {OUTDATED}"


def overdue(
    series: str, seconds: int, *, labels: tuple[str, ...] = CRAWL_LABELS, only: str = ""
) -> str:
    """Of timestamps more than ``seconds`` ago, how long ago; and so when an exporter last looked.

    ``only`` is a clause that restricts the series of each exporter. The earliest timestamp of a
    pair counts: one that was restarted without its ledger knows of a later one.
    """
    return f"""\
time() - min {by(*labels)} (
  {current(series)}
  unless {series} > {_OF_EXPORTER} group_left () ({BLIND_SINCE} - {seconds}){only}
) > {seconds}"""


def due_within(series: str, seconds: int, *, labels: tuple[str, ...] = CRAWL_LABELS) -> str:
    """Seconds until timestamps that are that near; and were so when an exporter last looked."""
    return f"""\
max {by(*labels)} (
  {current(series)}
  unless {series} > {_OF_EXPORTER} group_left () ({BLIND_SINCE} + {seconds})
) - time() < {seconds} > 0"""


def state_since(states: str) -> str:
    """The timestamps since when crawls are in one of the states (a regular expression)."""
    return f'browsertrix_crawl_state_since_timestamp_seconds{{state=~"{states}"}}'


def transition_since(transitions: str) -> str:
    """The same of transitions: pausing, resuming, stopping, canceling."""
    return f'browsertrix_crawl_transition_since_timestamp_seconds{{transition=~"{transitions}"}}'


def now_in_state(states: str) -> str:
    """``and …``, ``unless …``: crawls that are in one of the states (a regular expression) now."""
    states = f'browsertrix_crawl_state{{state=~"{states}"}}'
    return f"""\
{on(*CRAWL_LABELS)}
max {by(*CRAWL_LABELS)} ({current(states)}) == 1"""


def ended(event: CrawlEndAlert) -> str:
    """Crawls of which the alert of this end is active; the value is when its window began.

    The series is served for a day, with the timestamp that Browsertrix wrote, so neither a restart
    nor a gap changes the answer; ``last_over_time`` also keeps one seen in a single scrape. An end
    that was learned when its window was over counts from when it was learned, by the first of a
    pair: an exporter that comes back a day later does not report again what the other one reported.
    """
    window = event.window
    finished, learned = (
        f"last_over_time(browsertrix_crawl_{what}_timestamp_seconds"
        f"{{{event.selector}}}[{format_duration(window)}])"
        for what in ("finished", "end_learned")
    )
    first = f"""\
min {by(*CRAWL_LABELS)} (
  {learned}
  >= {finished} + {event.late}
  or {finished}
) > time() - {window}"""
    if event.unseen:  # dated by when it was found missing, and each of a pair finds it for itself
        return first
    return f"""\
max {by(*CRAWL_LABELS)} (
  {finished}
) > time() - {window}
or
{first}"""

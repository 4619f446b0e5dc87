"""Conditions that many alerts share, so that each pattern of PromQL is written once."""

from alerts.promql import by, on
from alerts.thresholds import BRIDGE, ENDED_WINDOW, ENDED_WINDOW_SECONDS
from exporter.resources.identity import CRAWL_LABELS


def ended(matchers: str) -> str:
    """Crawls that ended as ``matchers`` say within ``ENDED_WINDOW``; the value is the timestamp.

    The series is served for a day, with the timestamp that Browsertrix wrote, so neither a restart
    nor a gap changes the answer; ``last_over_time`` also keeps one seen in a single scrape.
    """
    return f"""\
max {by(*CRAWL_LABELS)} (
  last_over_time(browsertrix_crawl_finished_timestamp_seconds{{{matchers}}}[{ENDED_WINDOW}])
) > time() - {ENDED_WINDOW_SECONDS}"""


def in_state(states: str) -> str:
    """Crawls in one of the states (a regular expression), or seen in it a lost scrape ago."""
    return f"""\
max {by(*CRAWL_LABELS)} (
  max_over_time(browsertrix_crawl_state{{state=~"{states}"}}[{BRIDGE}])
) == 1"""


def in_transition(transitions: str) -> str:
    """Crawls in one of the transitions (a regular expression), or seen so a lost scrape ago."""
    return f"""\
max {by(*CRAWL_LABELS, "transition")} (
  max_over_time(browsertrix_crawl_transition{{transition=~"{transitions}"}}[{BRIDGE}])
) == 1"""


def now_in_state(states: str) -> str:
    """``and …``: only those crawls that are in one of the states (a regular expression) now."""
    return f"""\
and {on(*CRAWL_LABELS)}
max {by(*CRAWL_LABELS)} (browsertrix_crawl_state{{state=~"{states}"}}) == 1"""

"""The expressions that many alerts share, so that each pattern is written once."""

from typing import Final

from alerts.thresholds import BRIDGE, ENDED_WINDOW, ENDED_WINDOW_SECONDS

CRAWL_LABELS: Final = "namespace, oid, crawl"
POD_LABELS: Final = "namespace, oid, crawl, pod"


def ended(matchers: str) -> str:
    """Crawls that ended as ``matchers`` say within the window; the value is the moment.

    The series is served for a day, with the moment that Browsertrix wrote, so neither a restart
    nor a gap changes the answer; ``last_over_time`` also keeps one seen in a single scrape.
    """
    return f"""\
max by ({CRAWL_LABELS}) (
  last_over_time(browsertrix_crawl_finished_timestamp_seconds{{{matchers}}}[{ENDED_WINDOW}])
) > time() - {ENDED_WINDOW_SECONDS}"""


def in_state(states: str) -> str:
    """Crawls in one of the states (a regular expression), or seen in it a lost scrape ago."""
    return f"""\
max by ({CRAWL_LABELS}) (
  max_over_time(browsertrix_crawl_state{{state=~"{states}"}}[{BRIDGE}])
) == 1"""


def in_transition(words: str) -> str:
    """Crawls on their way (a regular expression of words), or seen so a lost scrape ago."""
    return f"""\
max by ({CRAWL_LABELS}, transition) (
  max_over_time(browsertrix_crawl_transition{{transition=~"{words}"}}[{BRIDGE}])
) == 1"""


def now_in_state(states: str) -> str:
    """Crawls in one of the states at this moment: a condition to add to another."""
    return f"""\
and on ({CRAWL_LABELS})
max by ({CRAWL_LABELS}) (browsertrix_crawl_state{{state=~"{states}"}}) == 1"""

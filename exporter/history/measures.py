"""What history counts and measures, each counter and histogram declared once.

The catalog makes a family of each, the ledger keeps its values. An event class declares its own
counter (see ``events``); here stand the declaration itself, and what is not of one event alone.
"""

from dataclasses import dataclass
from typing import Final

from exporter.history.label_values import OUTCOMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A counter, or a histogram of seconds."""

    name: str
    """As it is served."""
    help: str
    source: str
    """Where the value comes from, for a reader: a field of the CrawlJob, or in words."""
    labels: tuple[str, ...] = ("namespace",)
    """The names, the namespace's first."""
    zeros: tuple[tuple[str, ...], ...] = ((),)
    """Values of the labels after the namespace: each is served at 0 once a namespace is seen."""
    unit: str = ""


_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
BUCKETS: Final = (
    *(_MINUTE * n for n in (1, 5, 15, 30)),
    *(_HOUR * n for n in (1, 2, 4, 8, 16)),
    *(_DAY * n for n in (1, 2, 4, 7, 14, 28)),
)
"""Upper bounds in seconds; a last bucket without one follows. A pause expires after 7 days."""

DURATION: Final = Measure(
    name="browsertrix_crawl_duration_seconds",
    help="Seconds from the creation of a crawl to its end, by outcome.",
    source="metadata.creationTimestamp, status.finished",
    labels=("namespace", "outcome"),
    zeros=tuple((outcome,) for outcome in OUTCOMES),
    unit="seconds",
)
WAIT: Final = Measure(
    name="browsertrix_crawl_wait_seconds",
    help="Seconds from the creation of a crawl until it first ran.",
    source="metadata.creationTimestamp, status.state",
    unit="seconds",
)
PAUSE_LENGTH: Final = Measure(
    name="browsertrix_crawl_pause_length_seconds",
    help="Seconds of pauses that are over.",
    source="spec.pausedAt",
    unit="seconds",
)
HISTOGRAMS: Final = (DURATION, WAIT, PAUSE_LENGTH)
"""In the order they are served. A pause is ended by a resume or by the crawl's end, so events
share them."""

_BY_ORGANISATION: Final = ("namespace", "oid", "role")

EXEC_SECONDS: Final = Measure(
    name="browsertrix_org_exec_seconds_total",
    help="Seconds of execution by organisation, over all its crawls; role qa-job is billed apart.",
    source="growth of status.crawlExecTime",
    labels=_BY_ORGANISATION,
    zeros=(),
    unit="seconds",
)
PAGES: Final = Measure(
    name="browsertrix_org_pages_total",
    help="Pages crawled by organisation, over all its crawls.",
    source="growth of status.pagesDone",
    labels=_BY_ORGANISATION,
    zeros=(),
)
BYTES: Final = Measure(
    name="browsertrix_org_bytes_total",
    help="Bytes archived by organisation, over all its crawls.",
    source="growth of status.size",
    labels=_BY_ORGANISATION,
    zeros=(),
    unit="bytes",
)
GROWTH: Final = (EXEC_SECONDS, PAGES, BYTES)
"""Counters of figures that grow rather than of events."""

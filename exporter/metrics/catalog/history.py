"""The families of what happened: counters, histograms, and the crawls that are over.

They are served from the ledger, so they go on through restarts of the exporter. Counters and
histograms are declared in ``history``, beside the events they count.
"""

from typing import Final

from exporter.history.events import COUNTERS
from exporter.history.measures import HISTOGRAMS, Measure
from exporter.metrics.catalog.family import Family, Group, Kind
from exporter.resources.identity import CRAWL_LABELS

FINISHED_TIMESTAMP: Final = Family(
    name="browsertrix_crawl_finished_timestamp_seconds",
    help="When the crawl finished, in seconds since 1970, and how it ended; served until "
    "--history.retention after its CrawlJob is gone.",
    source="status.finished, status.state, status.stopReason; where it went while nobody looked, "
    "state and finished of Browsertrix's record with --browsertrix.url (stop reason unknown where "
    "it may have been a limit), state deleted where there is no record any more; else when it was "
    "found missing and the state unknown: the stop reason is then deleted where that had been "
    "asked for, stopped_pause_expired where the pause limit had run out",
    unit="seconds",
    group=Group.HISTORY,
    labels=(*CRAWL_LABELS, "state", "stop_reason"),
)

END_LEARNED_TIMESTAMP: Final = Family(
    name="browsertrix_crawl_end_learned_timestamp_seconds",
    help="When it became known how the crawl ended, in seconds since 1970, where it was gone by "
    "then; beside its finished timestamp, with --browsertrix.url. An alert that would have been "
    "over by then counts from here.",
    source="the answer to a request for Browsertrix's record, or the end of waiting for one",
    unit="seconds",
    group=Group.HISTORY,
    labels=FINISHED_TIMESTAMP.labels,
)


def _family(measure: Measure, kind: Kind) -> Family:
    return Family(
        name=measure.name,
        help=measure.help,
        source=measure.source,
        kind=kind,
        labels=measure.labels,
        unit=measure.unit,
        group=Group.HISTORY,
    )


HISTORY_FAMILIES: Final = (
    FINISHED_TIMESTAMP,
    END_LEARNED_TIMESTAMP,
    *(_family(counter, Kind.COUNTER) for counter in COUNTERS),
    *(_family(histogram, Kind.HISTOGRAM) for histogram in HISTOGRAMS),
)

"""The families of what happened: counters, histograms, and the crawls that are over.

They are served from the ledger, so they go on through restarts of the exporter; the names and
labels are the history room's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.history import tallies
from exporter.metrics.catalog.family import Family, Group, Kind
from exporter.resources.identity import CRAWL_LABELS


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterFamily(Family):
    """A counter of events."""

    kind: Kind = Kind.COUNTER
    group: Group = Group.HISTORY


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramFamily(Family):
    """A histogram of lengths, in seconds."""

    kind: Kind = Kind.HISTOGRAM
    group: Group = Group.HISTORY
    unit: str = "seconds"


FINISHED_TIMESTAMP: Final = Family(
    name="browsertrix_crawl_finished_timestamp_seconds",
    help="When the crawl finished, in seconds since 1970, and how it ended; served until "
    "--history.retention after its CrawlJob is gone.",
    source="status.finished, status.state, status.stopReason; where it went while nobody looked, "
    "the last sign of life and the state unknown",
    unit="seconds",
    group=Group.HISTORY,
    labels=(*CRAWL_LABELS, "state", "stop_reason"),
)

_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    tallies.FINISHED: (
        "Crawls that finished, by how they ended; size and time limits are in stop_reason.",
        "status.finished, status.state, status.stopReason",
    ),
    tallies.STATES_ENTERED: (
        "Times that a crawl entered the state.",
        "changes of status.state",
    ),
    tallies.PAUSES: ("Pauses that were asked for.", "spec.pausedAt being set"),
    tallies.RESUMES: ("Pauses that were taken back.", "spec.pausedAt being cleared"),
    tallies.VANISHED: (
        "Crawls that went while nobody looked, or were deleted without an end.",
        "a CrawlJob gone without status.finished",
    ),
    tallies.POD_EXITS: (
        "Exits of pods, by reason: done, oom, interrupt or evicted.",
        "status.podStatus.*.exitTime, .reason",
    ),
    tallies.POD_EVICTIONS: (
        "Pods that were evicted from their node.",
        "status.podStatus.*.evicted becoming true",
    ),
    tallies.POD_OOM_KILLS: (
        "Pods killed for using more memory than allocated, evicted ones not among them.",
        "status.podStatus.*.reason oom",
    ),
    tallies.POD_RESTARTS: (
        "Restarts of pods that Browsertrix decided on, by reason.",
        "status.podStatus.*.newMemory, .newCpu, .evicted; spec.restartTime",
    ),
    tallies.EXEC_SECONDS: (
        "Seconds of execution by organisation, over all its crawls; role qa-job is billed apart.",
        "growth of status.crawlExecTime",
    ),
    tallies.PAGES: (
        "Pages crawled by organisation, over all its crawls.",
        "growth of status.pagesDone",
    ),
    tallies.BYTES: (
        "Bytes archived by organisation, over all its crawls.",
        "growth of status.size",
    ),
}

_MEASURED: Final[Mapping[str, tuple[str, str]]] = {
    tallies.DURATION: (
        "Seconds from the creation of a crawl to its end, by outcome.",
        "metadata.creationTimestamp, status.finished",
    ),
    tallies.WAIT: (
        "Seconds from the creation of a crawl until it first ran.",
        "metadata.creationTimestamp, status.state",
    ),
    tallies.PAUSE_LENGTH: (
        "Seconds of pauses that are over.",
        "spec.pausedAt",
    ),
}

_UNITS: Final = {tallies.EXEC_SECONDS: "seconds", tallies.BYTES: "bytes"}

HISTORY_FAMILIES: Final = (
    FINISHED_TIMESTAMP,
    *(
        CounterFamily(
            name=name,
            labels=labels,
            help=_COUNTED[name][0],
            source=_COUNTED[name][1],
            unit=_UNITS.get(name, ""),
        )
        for name, labels in tallies.COUNTERS.items()
    ),
    *(
        HistogramFamily(
            name=name, labels=labels, help=_MEASURED[name][0], source=_MEASURED[name][1]
        )
        for name, labels in tallies.HISTOGRAMS.items()
    ),
)

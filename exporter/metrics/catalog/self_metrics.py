"""The families that the exporter serves about itself."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.browsertrix import PolledSource
from exporter.cluster.followed import Followed
from exporter.history.ledger import Ledger
from exporter.metrics.catalog.alerting import ALERTMANAGER_FAMILIES
from exporter.metrics.catalog.browsertrix_client import CLIENT_FAMILIES
from exporter.metrics.catalog.family import Family, Group, Kind
from exporter.metrics.catalog.hooks import HOOK_FAMILIES
from exporter.metrics.catalog.process import PROCESS_FAMILIES
from exporter.metrics.catalog.web_config import WEB_CONFIG_FAMILIES

_WATCH_LABELS: Final = ("source", "scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchFamily(Family):
    """A family about the watch of one source in one scope, which are its first two labels."""

    samples: Callable[[Followed], Iterable[tuple[tuple[str, ...], float]]]
    """The values of the labels after ``source`` and ``scope``, and the value."""
    polled: Callable[[PolledSource[Any]], Iterable[tuple[tuple[str, ...], float]]] | None = None
    """The same of what Browsertrix itself is asked for, where it makes sense of that."""
    group: Group = Group.EXPORTER


def _watch(  # noqa: PLR0913 - a table's row, each column by its name
    name: str,
    text: str,
    *,
    value: Callable[[Followed], float | None] | None = None,
    by: Mapping[str, Callable[[Followed], Mapping[str, int]]] | None = None,
    polled: Callable[[PolledSource[Any]], float] | None = None,
    polled_by: Callable[[PolledSource[Any]], Mapping[str, int]] | None = None,
    source: str,
    kind: Kind = Kind.GAUGE,
    unit: str = "",
) -> WatchFamily:
    """One value of each source and scope or, with ``by``, one for each value of a label."""
    if by:
        ((label, counts),) = by.items()
        return WatchFamily(
            name=f"browsertrix_exporter_{name}",
            help=text,
            source=source,
            kind=kind,
            labels=(*_WATCH_LABELS, label),
            samples=lambda followed: _labelled(counts(followed)),
            polled=None if polled_by is None else lambda one: _labelled(polled_by(one)),
        )

    def samples(followed: Followed) -> Iterator[tuple[tuple[str, ...], float]]:
        found = value(followed) if value else None
        if found is not None:
            yield (), found

    return WatchFamily(
        name=f"browsertrix_exporter_{name}",
        help=text,
        source=source,
        kind=kind,
        unit=unit,
        labels=_WATCH_LABELS,
        samples=samples,
        polled=None if polled is None else lambda one: [((), polled(one))],
    )


def _labelled(counts: Mapping[str, int]) -> Iterable[tuple[tuple[str, ...], float]]:
    return [((label_value,), count) for label_value, count in counts.items()]


def _problems(followed: Followed) -> dict[str, int]:
    return dict.fromkeys(followed.resource.reader.fields, 0) | followed.problems.kinds


def _unknown_values(followed: Followed) -> dict[str, int]:
    return dict.fromkeys(followed.resource.open_fields, 0) | followed.problems.unknown_values


WATCH_FAMILIES: Final = (
    _watch(
        "synced",
        "1 once the scope's content was complete; before that none of it is served.",
        value=lambda followed: float(followed.synced),
        source="the first complete list",
    ),
    _watch(
        "source_up",
        "1 while the source vouches for the scope's content; where it does not, what it would say "
        "is not served, CrawlJobs excepted. No series where it is off, or where Browsertrix has no "
        "such objects.",
        value=lambda followed: None if followed.absent else float(followed.vouches),
        polled=lambda one: float(one.known),
        source="the watch",
    ),
    _watch(
        "objects",
        "Objects held.",
        value=lambda followed: followed.stats.objects,
        polled=lambda one: len(one.items or ()),
        source="the watch",
    ),
    _watch(
        "last_sync_timestamp_seconds",
        "When the content was last known to be current, by a list, an event or a bookmark, "
        "in seconds since 1970.",
        value=lambda followed: followed.stats.last_sync,
        source="the watch",
        unit="seconds",
    ),
    _watch(
        "last_event_timestamp_seconds",
        "When a CrawlJob was last seen to change, in seconds since 1970; after a list, when its "
        "CrawlJobs were last written.",
        value=lambda followed: followed.stats.last_event,
        source="the watch, status.lastUpdatedTime",
        unit="seconds",
    ),
    _watch(
        "lists_total",
        "Lists of all CrawlJobs that were completed; after the first, each means a watch that "
        "could not be taken up where it stopped.",
        value=lambda followed: followed.stats.lists,
        source="the API server's replies",
        kind=Kind.COUNTER,
    ),
    _watch(
        "list_failures_total",
        "Lists that failed, by reason.",
        by={"reason": lambda followed: followed.stats.list_failures},
        source="the API server's replies",
        kind=Kind.COUNTER,
    ),
    _watch(
        "watches_total",
        "Watches that the API server accepted.",
        value=lambda followed: followed.stats.watches,
        source="the API server's replies",
        kind=Kind.COUNTER,
    ),
    _watch(
        "watch_reconnects_total",
        "Watches that were left, by reason; ended, by the server's own timeout, is normal.",
        by={"reason": lambda followed: followed.stats.reconnects},
        source="the watch",
        kind=Kind.COUNTER,
    ),
    _watch(
        "watch_events_total",
        "Events received, by type.",
        by={"type": lambda followed: followed.stats.events},
        source="the watch",
        kind=Kind.COUNTER,
    ),
    _watch(
        "stale_events_total",
        "Events that told nothing newer than what was known; ignored.",
        value=lambda followed: followed.stats.stale_events,
        source="metadata.resourceVersion",
        kind=Kind.COUNTER,
    ),
    _watch(
        "garbage_lines_total",
        "Lines of a watch that were no event.",
        value=lambda followed: followed.stats.invalid_lines,
        source="the watch",
        kind=Kind.COUNTER,
    ),
    _watch(
        "skipped_lines_total",
        "Lines of a watch that were too long to be read.",
        value=lambda followed: followed.stats.skipped_lines,
        source="the watch",
        kind=Kind.COUNTER,
    ),
    _watch(
        "unusable_objects_total",
        "Objects received that could not be read at all.",
        value=lambda followed: followed.stats.invalid_objects,
        polled=lambda one: one.problems.invalid,
        source="the watch and the lists",
        kind=Kind.COUNTER,
    ),
    _watch(
        "foreign_objects_total",
        "Objects and events that came though they are another shard's, and were left out: of "
        "CrawlJobs none where the API server divides them.",
        value=lambda followed: followed.stats.foreign_objects,
        source="lists and the watch",
        kind=Kind.COUNTER,
    ),
    _watch(
        "parse_problems_total",
        "Fields that could not be read, each counted once for its object; the log names it.",
        by={"field": _problems},
        polled_by=lambda one: one.problems.kinds,
        source="CrawlJobs read with problems",
        kind=Kind.COUNTER,
    ),
    _watch(
        "unknown_values_total",
        "Words that no Browsertrix known to this version writes, each counted once for its "
        "object; they are served as they are.",
        by={"field": _unknown_values},
        source="status.state, status.stopReason, status.podStatus.*.reason",
        kind=Kind.COUNTER,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFamily(Family):
    """A family about the ledger."""

    value: Callable[[Ledger], float | None]
    group: Group = Group.EXPORTER


def _ledger(
    name: str, text: str, source: str, value: Callable[[Ledger], float | None]
) -> LedgerFamily:
    return LedgerFamily(
        name=f"browsertrix_exporter_ledger_{name}",
        help=text,
        source=source,
        kind=Kind.COUNTER if name.endswith("_total") else Kind.GAUGE,
        value=value,
    )


LEDGER_FAMILIES: Final = (
    _ledger(
        "persistent",
        "1 when history survives a restart, 0 without --history.path.",
        "--history.path",
        lambda ledger: float(ledger.file_status.persistent),
    ),
    _ledger(
        "failing",
        "1 while the ledger's file cannot be written; memory goes on alone.",
        "the ledger's last write",
        lambda ledger: float(ledger.file_status.last_error is not None),
    ),
    _ledger(
        "write_failures_total",
        "Writes to the ledger's file that failed.",
        "this process",
        lambda ledger: ledger.file_status.write_failures,
    ),
    _ledger(
        "writes_total",
        "Transactions written to the ledger's file.",
        "this process",
        lambda ledger: ledger.file_status.writes,
    ),
    _ledger(
        "finished_crawls",
        "Finished crawls remembered.",
        "the ledger",
        lambda ledger: len(ledger.finished_crawls),
    ),
    _ledger(
        "dropped_crawls_total",
        "Finished crawls forgotten before --history.retention, for --history.max-finished.",
        "the ledger",
        lambda ledger: ledger.dropped_crawls,
    ),
)
PENDING_ENDS: Final = LedgerFamily(
    name="browsertrix_exporter_pending_ends",
    help="Vanished crawls whose end Browsertrix is being asked for: in no other figure until then; "
    "with --browsertrix.url.",
    source="the ledger",
    value=lambda ledger: len(ledger.held_ends),
)

BUILD: Final = Family(
    name="browsertrix_exporter_build_info",
    kind=Kind.INFO,
    help="The version of the exporter, and of the Python it runs on.",
    source="the installed package",
    group=Group.EXPORTER,
    labels=("version", "python_version"),
)
SHARDS: Final = Family(
    name="browsertrix_exporter_total_shards",
    help="How many exporters divide the crawls between themselves; shard says which of them it is.",
    source="--total-shards, --shard",
    group=Group.EXPORTER,
    labels=("shard",),
)
TASK_RESTARTS: Final = Family(
    name="browsertrix_exporter_task_restarts_total",
    kind=Kind.COUNTER,
    help="Restarts of a part of the exporter after a fault of its own; the log says what it was.",
    source="faults of this process",
    group=Group.EXPORTER,
    labels=("task",),
)
SCRAPE_DURATION: Final = Family(
    name="browsertrix_exporter_scrape_duration_seconds",
    kind=Kind.HISTOGRAM,
    help="Seconds from a scrape's request to its last byte.",
    source="complete scrapes of this process",
    group=Group.EXPORTER,
    labels=("format",),
    unit="seconds",
)
SCRAPE_SIZE: Final = Family(
    name="browsertrix_exporter_scrape_size_bytes",
    help="Bytes of the last scrape before compression.",
    source="complete scrapes of this process",
    group=Group.EXPORTER,
    labels=("format",),
    unit="bytes",
)

SELF_FAMILIES: Final = (
    BUILD,
    SHARDS,
    *WATCH_FAMILIES,
    *LEDGER_FAMILIES,
    *ALERTMANAGER_FAMILIES,
    *WEB_CONFIG_FAMILIES,
    *CLIENT_FAMILIES,
    *HOOK_FAMILIES,
    PENDING_ENDS,
    TASK_RESTARTS,
    SCRAPE_DURATION,
    SCRAPE_SIZE,
    *PROCESS_FAMILIES,
)

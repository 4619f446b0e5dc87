"""The families counted over all CrawlJobs, for every namespace seen."""

from collections.abc import Iterable
from typing import Final

from exporter.metrics.catalog.family import Fleet, FleetFamily
from exporter.resources.crawljob.states import KNOWN_STATES


def _crawls(fleet: Fleet) -> Iterable[tuple[tuple[str, ...], float]]:
    """Zeros for every known state: an alert on a count must not wait for the first crawl."""
    for namespace, states in fleet.crawls.items():
        for state in KNOWN_STATES:
            yield (namespace, state), states.get(state, 0)
        for state, count in states.items():
            if state not in _KNOWN_STATES:
                yield (namespace, state), count


def _malformed(fleet: Fleet) -> Iterable[tuple[tuple[str, ...], float]]:
    for namespace, count in fleet.malformed.items():
        yield (namespace,), count


def _dropped_pods(fleet: Fleet) -> Iterable[tuple[tuple[str, ...], float]]:
    for namespace, count in fleet.dropped_pods.items():
        yield (namespace,), count


def _last_status(fleet: Fleet) -> Iterable[tuple[tuple[str, ...], float]]:
    for namespace, written in fleet.last_status.items():
        yield (namespace,), written


_KNOWN_STATES: Final = frozenset(KNOWN_STATES)

FLEET_FAMILIES: Final = (
    FleetFamily(
        name="browsertrix_crawls",
        help="CrawlJobs by state, with zeros for every state known.",
        source="count of status.state",
        labels=("namespace", "state"),
        samples=_crawls,
    ),
    FleetFamily(
        name="browsertrix_malformed_crawljobs",
        help="CrawlJobs with a field that could not be read; the log names object and field.",
        source="count of CrawlJobs read with problems",
        labels=("namespace",),
        samples=_malformed,
    ),
    FleetFamily(
        name="browsertrix_dropped_pods",
        help="Pods without series: those of their crawl would exceed 3 MiB. The log "
        "names the crawl.",
        source="count of pods beyond the limit",
        labels=("namespace",),
        samples=_dropped_pods,
    ),
    FleetFamily(
        name="browsertrix_operator_last_status_timestamp_seconds",
        help="When Browsertrix's operator last wrote the status of a crawl at work, in seconds "
        "since 1970; about every minute while it acts. Absent where no crawl is at work.",
        source="the latest status.lastUpdatedTime of crawls that run",
        labels=("namespace",),
        unit="seconds",
        samples=_last_status,
    ),
)

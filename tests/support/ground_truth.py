"""The simulator's ground truth, and what a ledger holds, in a form that compares.

The ground truth is what a perfect recorder of the wire would count.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from exporter.history.events import COUNTERS
from exporter.history.ledger import Ledger
from exporter.history.records import FinishedCrawl
from exporter.history.tallies import Key
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.browsertrix.ground_truth import GroundTruth
from support import counters
from support.crawl_history import Clock
from support.exporter_process import Scrape

START: Final = 1_750_000_000.0


def run(
    browsertrix: Browsertrix, clock: Clock, between: Callable[[], None], limit: int = 10**9
) -> None:
    """Let scenarios run, event by event, until nothing is left to happen."""
    browsertrix.step(clock.now)
    while browsertrix.next_due is not None and limit:
        clock.now = browsertrix.next_due
        browsertrix.step(clock.now)
        between()
        limit -= 1


def counted(ledger: Ledger) -> dict[Key, float]:
    ours = (
        counters.FINISHED,
        counters.STATES_ENTERED,
        counters.POD_EXITS,
        counters.POD_EVICTIONS,
        counters.POD_OOM_KILLS,
        counters.POD_RESTARTS,
        counters.PAUSES,
        counters.RESUMES,
        counters.VANISHED,
    )
    totals = ledger.tallies.totals
    return {key: value for key, value in totals.items() if value and key[0] in ours}


def expected_counts(ground_truth: GroundTruth) -> dict[Key, float]:
    expected: Counter[Key] = Counter()
    for one in ground_truth.finished.values():
        expected[counters.FINISHED, (one.namespace, one.state, one.stop_reason)] += 1
    for namespace, _, _ in ground_truth.vanished.values():
        expected[counters.VANISHED, (namespace,)] += 1
    for family, by_labels in (
        (counters.STATES_ENTERED, ground_truth.states),
        (counters.POD_EXITS, ground_truth.exits),
        (counters.POD_RESTARTS, ground_truth.restarts),
    ):
        expected.update({(family, labels): amount for labels, amount in by_labels.items()})
    for family, rest, by_namespace in (
        (counters.POD_EVICTIONS, ("crawler",), ground_truth.evictions),
        (counters.POD_OOM_KILLS, ("crawler",), ground_truth.oom_kills),
        (counters.PAUSES, (), ground_truth.pauses),
        (counters.RESUMES, (), ground_truth.resumes),
    ):
        expected.update({(family, (name, *rest)): n for name, n in by_namespace.items()})
    return dict(expected)


def expected_counts_with_pods(ground_truth: GroundTruth) -> dict[Key, float]:
    """What who sees the pods as well counts."""
    total: Counter[Key] = Counter(expected_counts(ground_truth))
    only = ground_truth.pods_only
    for family, counts in (
        (counters.POD_EXITS, only.exits),
        (counters.POD_OOM_KILLS, only.oom_kills),
        (counters.POD_EVICTIONS, only.evictions),
    ):
        total.update({(family, labels): amount for labels, amount in counts.items()})
    return dict(total)


def miscounted(found: Mapping[Key, float], ground_truth: GroundTruth) -> dict[Key, str]:
    """What of the counts is wrong.

    All that statuses have told is counted; what pods alone have shown may have been missed by an
    exporter that was away: a pod that is gone is not listed.
    """
    least, most = expected_counts(ground_truth), expected_counts_with_pods(ground_truth)
    return {
        key: f"{found.get(key, 0):g} instead of {least.get(key, 0):g} to {most.get(key, 0):g}"
        for key in sorted(found.keys() | most.keys())
        if not least.get(key, 0) <= found.get(key, 0) <= most.get(key, 0)
    }


def served_counts(scrape: Scrape) -> dict[Key, float]:
    """The counters of a scrape as the ledger keys them; those at 0 and of figures are left out."""
    found: dict[Key, float] = {}
    for counter in COUNTERS:
        for series, value in scrape.of(counter.name).items():
            inside = series.partition("{")[2].rstrip("}")
            labels = dict(part.split("=", 1) for part in inside.split(","))
            if value and not counter.name.startswith("browsertrix_org_"):
                key = tuple(labels[name].strip('"') for name in counter.labels)
                found[counter.name, key] = value
    return found


END_ALERTS: Final = {
    "stopped_pause_expired": "BrowsertrixCrawlPauseExpired",
    "size-limit": "BrowsertrixCrawlSizeLimitReached",
    "time-limit": "BrowsertrixCrawlTimeLimitReached",
    "stopped_storage_quota_reached": "BrowsertrixCrawlStorageQuotaReached",
    "skipped_storage_quota_reached": "BrowsertrixCrawlStorageQuotaReached",
    "stopped_time_quota_reached": "BrowsertrixCrawlTimeQuotaReached",
    "skipped_time_quota_reached": "BrowsertrixCrawlTimeQuotaReached",
    "stopped_org_readonly": "BrowsertrixCrawlOrgReadOnly",
    "failed": "BrowsertrixCrawlFailed",
    "failed_not_logged_in": "BrowsertrixCrawlFailedNotLoggedIn",
}
"""The alert of an end, by its state or its stop reason."""


def expected_notifications(ground_truth: GroundTruth) -> Counter[tuple[str, ...]]:
    """What these ends have to notify of, each once: alert, namespace, organisation, crawl.

    The crawls of an organisation that were deleted are one.
    """
    ends = Counter[tuple[str, ...]](
        (alert, ended.namespace, ended.oid, ended.crawl)
        for ended in ground_truth.finished.values()
        for alert in {END_ALERTS.get(ended.state), END_ALERTS.get(ended.stop_reason)} - {None}
        if alert is not None
    )
    deleted = {
        ("BrowsertrixOrgCrawlsDeleted", *one[:2], "") for one in ground_truth.vanished.values()
    }
    return ends + Counter(deleted)


def ended_as(one: FinishedCrawl) -> tuple[str, ...]:
    """What is recorded of an end, as ``expected_ends`` has it."""
    return (one.namespace, one.oid, one.crawl, one.state, one.stop_reason, str(one.finished))


def remembered(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    return {
        uid: ended_as(one) for uid, one in ledger.finished_crawls.items() if one.state != "unknown"
    }


def paused(ledger: Ledger) -> dict[str, float]:
    finished = ledger.finished_crawls.values()
    return {one.uid: one.paused_seconds for one in finished if one.paused_seconds}


def endings(ground_truth: GroundTruth) -> set[tuple[str, str, str, str, str, float]]:
    """Namespace, organisation, crawl, state, stop reason and time of each stated end."""
    return {
        (one.namespace, one.oid, one.crawl, one.state, one.stop_reason, float(one.finished))
        for one in ground_truth.finished.values()
    }


def expected_ends(ground_truth: GroundTruth) -> dict[str, tuple[str, ...]]:
    return {
        uid: (e.namespace, e.oid, e.crawl, e.state, e.stop_reason, str(float(e.finished)))
        for uid, e in ground_truth.finished.items()
    }


def installation(seed: int) -> tuple[Clock, Cluster, Browsertrix]:
    """A cluster with CrawlJobs alone."""
    clock = Clock(START)
    cluster = Cluster(clock=clock, seed=seed, resources=(CRAWLJOBS,))
    return (
        clock,
        cluster,
        Browsertrix(cluster, seed=seed, clock=clock, stale_writes=True, speed=20, pause_limit=600),
    )

"""What Prometheus would have scraped from an exporter over hours, as OpenMetrics with timestamps.

Every line is made by the exporter's own packages: changes go through recorder and series store to
the exposition, once for each scrape. Only list and watch and the network are left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from dashboards.backfill.scenarios import HOURS, schedule_crawls
from dashboards.queries import SCRAPE_INTERVAL
from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.phase import Phase
from exporter.cluster.reflector import Reflector
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.metrics import Exposition, HistoryCollector, SelfMetrics, SeriesStore, catalog
from exporter.metrics.exposition import Format
from exporter.resources.crawljob import CrawlJob, parse_json
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from exporter.resources.identity import CRAWLJOB_PREFIX
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.event_log import WatchEvent

PAUSE_LIMIT: Final = 2.5 * 3600.0
"""Seconds; short enough for pauses to expire within ``HOURS``."""
JOB: Final = "browsertrix-exporter"
INSTANCE: Final = "exporter:9999"
_TARGET: Final = f'job="{JOB}",instance="{INSTANCE}"'.encode()
_PROCESS_START: Final = re.compile(rb"(?<=^process_start_time_seconds )\S+", re.MULTILINE)
_SAMPLE: Final = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?(.*)$", re.MULTILINE)


@dataclass(slots=True)
class History:
    """What was written."""

    start: float
    end: float
    """Seconds since 1970, of the first scrape and the last."""
    showcase: str
    """The crawl to which most happens: see ``scenarios``."""
    crawls: list[str] = field(default_factory=list)
    """The ids of all that existed at some time."""


class _Exporter:
    """An exporter's packages, fed from a simulated cluster without a reflector that runs."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._ledger = Ledger.open(folder / "ledger.sqlite", clock=cluster.clock)
        families = catalog(PAUSE_LIMIT, self._ledger.baseline_of)
        recorder = HistoryRecorder(self._ledger, [""], cluster.clock)
        self._objects: dict[str | None, CrawlJob] = {}
        self._version = 0
        self._started = cluster.clock() - 7200.0
        store = SeriesStore(families, self._ledger.pods_before)
        self._crawls = CrawlJoin(recorder, store)
        client = cast("ApiClient", None)  # the reflector never runs
        self._watch = Reflector(client, CRAWLJOB_RESOURCE, "", self._crawls)
        self._own = SelfMetrics(families, [self._watch], self._ledger)
        self._exposition = Exposition(
            families, store, HistoryCollector(families, self._ledger), self._own.registry
        )

    def observe(self, now: float) -> list[WatchEvent]:
        """Handle all events since the last call, and count them as the reflector would."""
        events = list(_since(self._cluster, self._version))
        self._version = self._cluster.resource_version
        stats = self._watch.stats
        for event in events:
            job = parse_json(event.after.data)
            change = Change("", self._objects.get(job.metadata.uid), job, event.type == "DELETED")
            self._objects[job.metadata.uid] = job
            self._crawls.on_change(change)
            if not change.deleted:
                self._watch.problems.report(event.after.key, job)
            stats.events[event.type] += 1
            stats.last_event = now - 4
        if not self._watch.synced:
            self._watch.phase = Phase.WATCHING
            self._crawls.on_synced("", str(self._version))
            stats.lists, stats.last_list = 1, now
        stats.events["BOOKMARK"] += 1
        stats.objects, stats.last_sync = self._cluster.count(), now - 12
        if now % 300 < SCRAPE_INTERVAL:
            stats.watches += 1
            stats.reconnects["ended"] += 1
        if now % 7200 < SCRAPE_INTERVAL:
            stats.reconnects["cut"] += 1
            stats.list_failures["unreachable"] += 1
            stats.stale_events += 2
        self._ledger.expire()
        self._ledger.flush()
        return events

    def close(self) -> None:
        """Close the ledger's file."""
        self._ledger.close()

    def scrape(self, now: float) -> bytes:
        """An exposition as OpenMetrics, with the simulated start of the process."""
        text = b"".join(self._exposition.chunks(Format.OPENMETRICS, None, now))
        self._own.on_scrape(0.004 + len(text) / 2e8, len(text), Format.OPENMETRICS)
        return _PROCESS_START.sub(b"%.1f" % self._started, text)


def write_history(target: BinaryIO, folder: Path, end: float, seed: int = 7) -> History:
    """Write ``HOURS`` of scrapes until ``end`` (seconds since 1970); ``folder`` is for the ledger.

    The same seed gives the same crawls.
    """
    start = now = end - HOURS * 3600
    cluster = Cluster(clock=lambda: now, seed=seed)
    browsertrix = Browsertrix(
        cluster,
        seed=seed,
        clock=lambda: now,
        pause_limit=PAUSE_LIMIT,
        stale_writes=True,
        sync_every=30.0,  # what is scraped once a minute need not change more often
        namespaces=("crawlers", "crawlers-eu"),
        organisations=4,
    )
    exporter = _Exporter(cluster, folder)
    showcase, starts = schedule_crawls(browsertrix)
    browsertrix.crawls = 12
    history = History(start, end, showcase.id)
    while now <= end:
        while starts and start + starts[0][0] <= now:
            starts.pop(0)[1]()
        if now == start + 3600:
            _add_odd_objects(cluster)
        browsertrix.step(now)
        history.crawls += [
            event.after.key[1].removeprefix(CRAWLJOB_PREFIX)
            for event in exporter.observe(now)
            if event.type == "ADDED"
        ]
        target.write(_stored(exporter.scrape(now), now))
        now += SCRAPE_INTERVAL
    target.write(b"# EOF\n")
    exporter.close()
    return history


def _add_odd_objects(cluster: Cluster) -> None:
    """One CrawlJob with a field that cannot be read, one of a Browsertrix that is newer."""
    oddities: dict[str, dict[str, Any]] = {
        "manual-20250101000000-malformed": {"state": "running", "pagesDone": "many"},
        "manual-20250101000000-unknown": {"state": "defragmenting", "pagesDone": 12},
    }
    for crawl, status in oddities.items():
        cluster.create(
            {
                "metadata": {"name": f"{CRAWLJOB_PREFIX}{crawl}", "namespace": "crawlers"},
                "spec": {"id": crawl, "oid": "00000000-0000-4000-8000-000000000000"},
                "status": status,
            }
        )


def _since(cluster: Cluster, version: int) -> Iterator[WatchEvent]:
    while events := cluster.since(max(version, cluster.compacted_version)):
        yield from events
        version = events[-1].version


def _stored(text: bytes, now: float) -> bytes:
    """Samples alone, each with the target's labels and a timestamp, as Prometheus stores them."""
    timestamp = f" {now:.3f}".encode()

    def with_target(match: re.Match[bytes]) -> bytes:
        name, brace, rest = match.groups()
        return name + b"{" + _TARGET + (b"," if brace else b"}") + rest + timestamp

    samples = b"\n".join(line for line in text.splitlines() if not line.startswith(b"#"))
    return _SAMPLE.sub(with_target, samples) + b"\nup{" + _TARGET + b"} 1" + timestamp + b"\n"

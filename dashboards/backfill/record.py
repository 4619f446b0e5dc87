"""What Prometheus would have scraped from an exporter over hours, as OpenMetrics with timestamps.

The exporter's own rooms make every line: changes go through the series store to the exposition,
once for each scrape. Nothing but the reflector's work and the network is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from dashboards.backfill.scenarios import HOURS, enter
from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.reflector import Reflector
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.metrics import Exposition, HistoryCollector, SelfMetrics, SeriesStore, catalog
from exporter.metrics.exposition import Format
from exporter.resources.crawljob import CrawlJob, parse_json
from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.event_log import WatchEvent

SCRAPE_EVERY: Final = 60
"""Seconds."""
PAUSE_LIMIT: Final = 2.5 * 3600.0
"""Seconds: a pause that expires must do so within the rehearsal."""
JOB: Final = "browsertrix-exporter"
INSTANCE: Final = "exporter:9999"
_TARGET: Final = f'job="{JOB}",instance="{INSTANCE}"'.encode()
_PROCESS_START: Final = re.compile(rb"(?<=^process_start_time_seconds )\S+", re.MULTILINE)
_SAMPLE: Final = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?(.*)$", re.MULTILINE)


@dataclass(slots=True)
class Recording:
    """What was recorded."""

    start: float
    end: float
    """Seconds since 1970, of the first scrape and the last."""
    star: str
    """The crawl that has most to show."""
    crawls: list[str] = field(default_factory=list)
    """All that ever lived."""


class _Exporter:
    """The rooms of an exporter whose reflector is told what happened instead of asking."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster = cluster
        self._ledger = Ledger.open(folder / "ledger.sqlite", clock=cluster.clock)
        families = catalog(PAUSE_LIMIT, self._ledger.paused_before)
        self._recorder = HistoryRecorder(self._ledger, [""], cluster.clock)
        self._known: dict[str | None, CrawlJob] = {}
        self._seen = 0
        self._started = cluster.clock() - 7200.0
        self._store = SeriesStore(families)
        self._watch = Reflector(cast("ApiClient", None), "", self._store)  # it never runs
        self._own = SelfMetrics(families, [self._watch], self._ledger)
        self._exposition = Exposition(
            families, self._store, HistoryCollector(families, self._ledger), self._own.registry
        )

    def hear(self, now: float) -> list[WatchEvent]:
        """Take in what happened since the last time, and count it as the reflector would."""
        events = list(_since(self._cluster, self._seen))
        self._seen = self._cluster.resource_version
        stats = self._watch.stats
        for event in events:
            job = parse_json(event.after.data)
            change = Change("", self._known.get(job.metadata.uid), job, event.type == "DELETED")
            self._known[job.metadata.uid] = job
            self._recorder.on_change(change)
            self._store.on_change(change)
            if not change.deleted:
                self._watch.problems.look(event.after.key, job)
            stats.events[event.type] += 1
            stats.last_event = now - 4
        if not self._watch.synced:
            self._watch.synced = True
            self._recorder.on_synced("", str(self._seen))
            self._store.on_synced("", str(self._seen))
            stats.lists, stats.last_list = 1, now
        stats.events["BOOKMARK"] += 1
        stats.objects, stats.last_sync = self._cluster.count(), now - 12
        if now % 300 < SCRAPE_EVERY:
            stats.watches += 1
            stats.reconnects["ended"] += 1
        if now % 7200 < SCRAPE_EVERY:
            stats.reconnects["cut"] += 1
            stats.list_failures["unreachable"] += 1
            stats.stale_events += 2
        self._ledger.expire()
        self._ledger.flush()
        return events

    def close(self) -> None:
        """Let the ledger's file go."""
        self._ledger.close()

    def scrape(self, now: float) -> bytes:
        """What it serves now, as OpenMetrics."""
        text = b"".join(self._exposition.chunks(Format.OPENMETRICS, None, now))
        self._own.on_scrape(0.004 + len(text) / 2e8, len(text), Format.OPENMETRICS)
        return _PROCESS_START.sub(b"%.1f" % self._started, text)


def record(target: BinaryIO, folder: Path, end: float, seed: int = 7) -> Recording:
    """Write ``HOURS`` of history until ``end`` (seconds since 1970); ``folder`` is for the ledger.

    The same seed gives the same lives.
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
    star, entrances = enter(browsertrix)
    browsertrix.crawls = 12
    recording = Recording(start, end, star.id)
    while now <= end:
        while entrances and start + entrances[0][0] <= now:
            entrances.pop(0)[1]()
        if now == start + 3600:
            _add_odd_ones(cluster)
        browsertrix.step(now)
        recording.crawls += [
            event.after.key[1].removeprefix("crawljob-")
            for event in exporter.hear(now)
            if event.type == "ADDED"
        ]
        target.write(_at(exporter.scrape(now), now))
        now += SCRAPE_EVERY
    target.write(b"# EOF\n")
    exporter.close()
    return recording


def _add_odd_ones(cluster: Cluster) -> None:
    """One CrawlJob with a field that cannot be read, one of a Browsertrix that is newer."""
    oddities: dict[str, dict[str, Any]] = {
        "manual-20250101000000-malformed": {"state": "running", "pagesDone": "many"},
        "manual-20250101000000-unknown": {"state": "defragmenting", "pagesDone": 12},
    }
    for crawl, status in oddities.items():
        cluster.create(
            {
                "metadata": {"name": f"crawljob-{crawl}", "namespace": "crawlers"},
                "spec": {"id": crawl, "oid": "00000000-0000-4000-8000-000000000000"},
                "status": status,
            }
        )


def _since(cluster: Cluster, version: int) -> Iterator[WatchEvent]:
    while events := cluster.since(max(version, cluster.compacted_version)):
        yield from events
        version = events[-1].version


def _at(text: bytes, now: float) -> bytes:
    """Samples alone, each with the target's labels and the moment, as after a scrape."""
    moment = f" {now:.3f}".encode()

    def said(match: re.Match[bytes]) -> bytes:
        name, brace, rest = match.groups()
        return name + b"{" + _TARGET + (b"," if brace else b"}") + rest + moment

    samples = b"\n".join(line for line in text.splitlines() if not line.startswith(b"#"))
    return _SAMPLE.sub(said, samples) + b"\nup{" + _TARGET + b"} 1" + moment + b"\n"

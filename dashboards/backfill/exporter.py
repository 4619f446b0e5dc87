"""An exporter's packages, fed from a simulated cluster: only watches and network are left out.

What a source says goes through the join, recorder and series store to the exposition, as in
``exporter.app``.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

from dashboards.backfill.browsertrix import AskedBrowsertrix
from dashboards.backfill.metacontroller import CalledHooks
from dashboards.backfill.scenarios import PAUSE_LIMIT
from dashboards.queries import SCRAPE_INTERVAL
from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.phase import Phase
from exporter.cluster.reflector import Reflector
from exporter.crawls import CrawlJoin, PauseLimit
from exporter.history.ledger import Ledger
from exporter.history.recorder import HistoryRecorder
from exporter.metrics import Exposition, HistoryCollector, SelfMetrics, SeriesStore, catalog
from exporter.metrics.exposition import Format
from exporter.resources.identity import Key
from exporter.simulator import Cluster
from exporter.simulator.apiserver.event_log import WatchEvent
from exporter.simulator.apiserver.served_resource import POD_METRICS
from exporter.simulator.apiserver.storage import Stored
from exporter.simulator.browsertrix_api import Database
from exporter.sources import CRAWLJOBS, SOURCES, USAGE, Source

_USAGE_DOWN: Final = (4.2 * 3600, 4.5 * 3600)
"""Seconds since the start between which metrics-server does not answer."""
_PROCESS_START: Final = re.compile(rb"(?<=^process_start_time_seconds )\S+", re.MULTILINE)


class _Followed:
    """One source, and what of it was handed to the join."""

    def __init__(self, source: Source[Any], crawls: CrawlJoin) -> None:
        client = cast("ApiClient", None)  # the reflector never runs
        self.handler = crawls.by_source[source.name]
        self.watch = Reflector[Any](
            client,
            source.resource,
            "",
            self.handler,
            source=source.name,
            required=source.required,
        )
        self._is_crawljobs = source is CRAWLJOBS
        self._parse = source.resource.reader.parse_json
        self._held: dict[Key, Any] = {}

    def sync(self) -> None:
        """Its content is complete."""
        self.watch.phase = Phase.WATCHING
        self.watch.last_error = None
        self.handler.on_synced("", "1")

    def withdraw(self) -> None:
        """It cannot be reached, and what it said does not count any more."""
        self.watch.phase = Phase.LISTING
        self.watch.last_error = "the API server cannot reach it"
        self.watch.stats.list_failures["unreachable"] += 1
        self.handler.on_unknown("")

    def apply(self, stored: Stored, *, deleted: bool = False) -> None:
        """Hand on one object, if it is of a crawl."""
        if not self._is_crawljobs and "crawl" not in stored.labels:
            return
        item = self._parse(stored.data)
        before = self._held.get(stored.key)
        if before is not None and before.metadata.uid != item.metadata.uid:
            self.handler.on_change(Change("", before, None, deleted=True))
            before = None
        if deleted:
            self._held.pop(stored.key, None)
        else:
            self._held[stored.key] = item
            self.watch.problems.report(stored.key, item)
        self.handler.on_change(Change("", before, item, deleted))

    def remove_except(self, seen: set[Key]) -> None:
        """What a list does not show is gone."""
        for key in self._held.keys() - seen:
            self.handler.on_change(Change("", self._held.pop(key), None, deleted=True))

    def note(self, now: float, events: list[WatchEvent]) -> None:
        """Count as the reflector would, with what a connection goes through in hours."""
        stats = self.watch.stats
        for event in events:
            stats.events[event.type] += 1
            stats.last_event = now - 4
        if not stats.lists:
            stats.lists, stats.last_list = 1, now
        stats.events["BOOKMARK"] += 1
        stats.objects, stats.last_sync = len(self._held), now - 12
        if now % 300 < SCRAPE_INTERVAL:
            stats.watches += 1
            stats.reconnects["ended"] += 1
        if now % 7200 < SCRAPE_INTERVAL:
            stats.reconnects["cut"] += 1
            stats.list_failures["unreachable"] += 1
            stats.stale_events += 2


class BackfillExporter:
    """One that is told when to look, and what time it is."""

    def __init__(self, cluster: Cluster, database: Database, folder: Path) -> None:
        """``folder`` is for the ledger, which is to be closed, and other files."""
        self._cluster = cluster
        self._ledger = Ledger.open(folder / "ledger.sqlite", clock=cluster.clock)
        pause_limit = PauseLimit(PAUSE_LIMIT)
        families = catalog(pause_limit, self._ledger.baseline_of)
        recorder = HistoryRecorder(self._ledger, [""], cluster.clock)
        self._version = 0
        self._begun = cluster.clock()
        self._started = self._begun - 7200.0
        self._due: list[Callable[[], None]] = []
        store = SeriesStore(families, self._ledger.pods_before)
        self._asked = AskedBrowsertrix(
            database, families, pause_limit, folder, schedule=self._due.append
        )
        tables = self._asked.tables
        self.crawls = CrawlJoin(recorder, store, tables.crawls, schedule=self._due.append)
        self._followed = {
            source.resource.name: _Followed(source, self.crawls)
            for source in SOURCES
            if source.name in self.crawls.by_source
        }
        watches = [one.watch for one in self._followed.values()]
        self._own = SelfMetrics(families, watches, self._ledger)
        self._own.serve_client(self._asked.client, pause_limit)
        self._called = CalledHooks(cluster.clock)
        self._own.serve_hooks(self._called.hooks)
        self._exposition = Exposition(
            families,
            store,
            HistoryCollector(families, self._ledger),
            self._own.registry,
            tuple(tables.by_source.values()),
        )

    def observe(self, now: float) -> list[WatchEvent]:
        """Handle all events since the last call, and count them as the reflectors would."""
        events = list(_since(self._cluster, self._version))
        self._version = self._cluster.resource_version
        for event in events:
            if followed := self._of(event):
                followed.apply(event.after, deleted=event.type == "DELETED")
        usage = self._followed[USAGE.resource.name]
        measured = self._cluster.snapshot(POD_METRICS).objects
        for stored in measured:
            usage.apply(stored)
        usage.remove_except({stored.key for stored in measured})
        down, up = (self._begun + seconds for seconds in _USAGE_DOWN)
        for followed in self._followed.values():
            if followed is usage and down <= now < up:
                followed.withdraw()
                continue
            if not followed.watch.synced:
                followed.sync()
            followed.note(now, [event for event in events if self._of(event) is followed])
        self._called.note(now, events, self._followed[CRAWLJOBS.resource.name].watch.stats.objects)
        self._asked.ask(now)
        while self._due:
            self._due.pop(0)()
        self._ledger.expire()
        self._ledger.flush()
        return events

    def _of(self, event: WatchEvent) -> _Followed | None:
        """Who follows what was written, if anybody does."""
        resource = event.after.resource
        return self._followed.get(resource.qualified(resource.plural))

    def close(self) -> None:
        """Close the ledger's file."""
        self._ledger.close()

    def scrape(self, now: float) -> bytes:
        """An exposition as OpenMetrics, with the simulated start of the process."""
        text = b"".join(self._exposition.chunks(Format.OPENMETRICS, None, now))
        self._own.on_scrape(0.004 + len(text) / 2e8, len(text), Format.OPENMETRICS)
        return _PROCESS_START.sub(b"%.1f" % self._started, text)


def _since(cluster: Cluster, version: int) -> Iterator[WatchEvent]:
    while events := cluster.since(max(version, cluster.compacted_version)):
        yield from events
        version = events[-1].version

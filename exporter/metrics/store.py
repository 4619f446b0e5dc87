"""The series of all crawls: what each says is put down when it changes, and written when scraped.

A scope's content is served from its first complete list on; until then nothing of it is, so that
an alert never sees a fleet half there.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.metrics.catalog import Family
from exporter.metrics.counts import Counts, Pulse, fleet, pulse
from exporter.metrics.crawl_tables import CrawlRows, CrawlTables, PodsBefore
from exporter.metrics.selection import is_named
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.table import Column
from exporter.resources.crawljob import derived
from exporter.resources.identity import CRAWLJOB_PREFIX, Key, key_of

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Entry:
    """One crawl in the store."""

    scope: str
    crawl: Crawl
    state: str
    malformed: bool
    rows: CrawlRows | None = None
    """In its scope's tables, unless it is hidden."""
    hidden: bool = False
    """Whether another object's series have the very same labels; see ``_twin``."""


class SeriesStore:
    """Handles the changes of crawls; the exposition takes its snapshots from here."""

    def __init__(
        self,
        families: Iterable[Family],
        pods_before: PodsBefore = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._families = tuple(families)
        self._pods_before = pods_before
        self._clock = clock
        self._entries: dict[Key, _Entry] = {}
        self._counts: dict[str, Counts] = {}
        """Of each scope, as the tables: it is served, or not, as a whole."""
        self._tables: dict[str, CrawlTables] = {}
        self._synced: set[str] = set()

    def on_change(self, change: Change[Crawl], /) -> None:
        """Serve one crawl as it is now, or no longer when it was deleted."""
        crawl = change.before if change.after is None else change.after
        if crawl is None:
            return
        key = key_of(crawl.job)
        entry = self._entries.get(key)
        if change.deleted:
            if entry is not None:
                self._drop(key, entry)
        elif entry is None:
            self._add(key, change.scope, crawl)
        else:
            self._update(key, entry, change.scope, crawl)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """Serve the scope's content from now on."""
        self._synced.add(scope)
        self._counts.setdefault(scope, Counts(scope, self._clock))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do: what is served are objects, not how far the watch has come."""

    def reread_paused(self) -> None:
        """Serve paused crawls by the pause limit that is in force now."""
        for entry in self._entries.values():
            if entry.rows is not None and derived.paused_since(entry.crawl.job) is not None:
                self._tables[entry.scope].reread(entry.rows, entry.crawl)

    def snapshot(self, names: frozenset[str] | None = None) -> Snapshot:
        """Return the series of synced scopes as they are now; copies nothing.

        ``names`` selects families or samples, None is all of them.
        """
        columns: defaultdict[str, list[Column]] = defaultdict(list)
        for scope, tables in self._tables.items():
            if scope in self._synced:
                for name, column in tables.columns(lambda family: is_named(family, names)):
                    columns[name].append(column)
        return Snapshot(columns, fleet(self._synced_counts()))

    def pulse(self) -> Mapping[str, Pulse]:
        """That of Browsertrix's operator, by namespace; none where no crawl is at work."""
        return pulse(self._synced_counts())

    def _synced_counts(self) -> list[Counts]:
        return [self._counts[scope] for scope in self._synced]

    def _count(self, key: Key, entry: _Entry, by: int) -> None:
        counts = self._counts.get(entry.scope)
        if counts is None:
            counts = self._counts[entry.scope] = Counts(entry.scope, self._clock)
        counts.add(key[0], entry.state, malformed=entry.malformed, by=by)

    def _add(self, key: Key, scope: str, crawl: Crawl) -> None:
        job = crawl.job
        entry = _Entry(scope, crawl, derived.state(job), bool(job.problems))
        self._entries[key] = entry
        self._count(key, entry, 1)
        self._counts[scope].note_status(key[0], entry.state, job.status.last_updated_time)
        self._hide(key, entry)
        self._show(entry)

    def _update(self, key: Key, entry: _Entry, scope: str, crawl: Crawl) -> None:
        before, entry.crawl = entry.crawl, crawl
        if crawl.job is not before.job or scope != entry.scope:
            self._recount(key, entry, scope)
        if entry.rows is None:
            self._show(entry)
        else:
            self._put(entry, self._tables[scope].update(entry.rows, before, crawl))

    def _recount(self, key: Key, entry: _Entry, scope: str) -> None:
        job = entry.crawl.job
        state, malformed = derived.state(job), bool(job.problems)
        if (scope, state, malformed) != (entry.scope, entry.state, entry.malformed):
            self._count(key, entry, -1)
            if scope != entry.scope:
                self._conceal(entry)
            entry.scope, entry.state, entry.malformed = scope, state, malformed
            self._count(key, entry, 1)
        self._counts[scope].note_status(key[0], state, job.status.last_updated_time)

    def _drop(self, key: Key, entry: _Entry) -> None:
        del self._entries[key]
        self._count(key, entry, -1)
        self._conceal(entry)
        twin = self._entries.get(_twin(key))
        if twin is not None:
            twin.hidden = False
            self._show(twin)

    def _hide(self, key: Key, entry: _Entry) -> None:
        """Of two objects that would have the same series show one: Browsertrix's own."""
        twin = self._entries.get(_twin(key))
        if twin is not None:
            entry.hidden = not key[1].startswith(CRAWLJOB_PREFIX)
            twin.hidden = not entry.hidden
            if twin.hidden:
                self._conceal(twin)

    def _show(self, entry: _Entry) -> None:
        if entry.rows is None and not entry.hidden:
            tables = self._tables.get(entry.scope)
            if tables is None:
                tables = self._tables[entry.scope] = CrawlTables(self._families, self._pods_before)
            self._put(entry, tables.add(entry.crawl))

    def _conceal(self, entry: _Entry) -> None:
        if entry.rows is not None:
            self._tables[entry.scope].remove(entry.rows)
            self._put(entry, None)

    def _put(self, entry: _Entry, rows: CrawlRows | None) -> None:
        """Note where the crawl is now, and which of its pods have no place."""
        before = 0 if entry.rows is None else entry.rows.dropped_pods
        dropped = 0 if rows is None else rows.dropped_pods
        entry.rows = rows
        if dropped != before:
            namespace, name = key_of(entry.crawl.job)
            self._counts[entry.scope].dropped_pods[namespace] += dropped - before
            if not before:
                logger.warning(
                    "crawl has too many pods: the last of them are not served",
                    extra={"namespace": namespace, "crawljob": name, "dropped_pods": dropped},
                )


def _twin(key: Key) -> Key:
    """The other name that means the same crawl: ``crawljob-x`` and ``x`` are both crawl x.

    Browsertrix makes only the first; but no two series may ever be the same, whoever made what.
    """
    namespace, name = key
    if name.startswith(CRAWLJOB_PREFIX) and len(name) > len(CRAWLJOB_PREFIX):
        return namespace, name.removeprefix(CRAWLJOB_PREFIX)
    return namespace, f"{CRAWLJOB_PREFIX}{name}"

"""The series of all crawls: rendered when they change, ready when they are scraped.

A scope's content is served from its first complete list on; until then nothing of it is, so that
an alert never sees a fleet half there.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.metrics.catalog import Family
from exporter.metrics.counts import Counts, fleet
from exporter.metrics.renderer import Rendered, Renderer
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.table import Table, concatenated
from exporter.resources.crawljob import derived
from exporter.resources.identity import CRAWLJOB_PREFIX, Key, key_of


@dataclass(slots=True)
class _Entry:
    """One crawl in the store."""

    scope: str
    state: str
    malformed: bool
    rendered: Rendered
    row: int | None = None
    """In its scope's table, unless it is hidden."""
    hidden: bool = False
    """Whether another object's series have the very same labels; see ``_twin``."""

    def counts_as(self, other: "_Entry") -> bool:
        """Whether replacing one by the other leaves all counts as they are."""
        return (
            self.state == other.state
            and self.malformed == other.malformed
            and self.scope == other.scope
        )


class SeriesStore:
    """Handles the changes of crawls; the exposition takes its snapshots from here."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._renderer = Renderer(families)
        self._entries: dict[Key, _Entry] = {}
        self._counts: dict[str, Counts] = {}
        """Of each scope, as the tables: it is served, or not, as a whole."""
        self._tables: dict[str, Table] = {}
        self._synced: set[str] = set()

    def on_change(self, change: Change[Crawl], /) -> None:
        """Render one crawl anew, or drop it when it was deleted."""
        crawl = change.before if change.after is None else change.after
        if crawl is None:
            return
        key = key_of(crawl.job)
        before = self._entries.get(key)
        if change.deleted:
            if before is not None:
                self._drop(key, before)
            return
        entry = _Entry(
            change.scope,
            derived.state(crawl.job),
            bool(crawl.job.problems),
            self._renderer.render(crawl, None if before is None else before.rendered),
        )
        if before is None or not entry.counts_as(before):
            if before is not None:
                self._count(key, before, -1)
            self._count(key, entry, 1)
        if before is None:
            self._hide(key, entry)
        else:
            entry.hidden = before.hidden
        self._entries[key] = entry
        if before is not None and before.row is not None and before.scope == entry.scope:
            self._table(entry).replace(before, entry)
        else:
            if before is not None:
                self._conceal(before)
            self._show(entry)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """Serve the scope's content from now on."""
        self._synced.add(scope)
        self._counts.setdefault(scope, Counts(scope))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do: what is served are objects, not how far the watch has come."""

    def snapshot(self) -> Snapshot:
        """Return all series of synced scopes as they are now; copies columns, not text."""
        tables = [table for scope, table in self._tables.items() if scope in self._synced]
        families = self._renderer.families
        return Snapshot(
            families,
            concatenated((table.columns for table in tables), len(families)),
            concatenated((table.since for table in tables), self._renderer.clocks),
            fleet(self._counts[scope] for scope in self._synced),
        )

    def _count(self, key: Key, entry: _Entry, by: int) -> None:
        counts = self._counts.get(entry.scope)
        if counts is None:
            counts = self._counts[entry.scope] = Counts(entry.scope)
        counts.add(key[0], entry.state, malformed=entry.malformed, by=by)

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
        if entry.row is None and not entry.hidden:
            self._table(entry).add(entry)

    def _conceal(self, entry: _Entry) -> None:
        if entry.row is not None:
            self._table(entry).remove(entry)

    def _table(self, entry: _Entry) -> Table:
        table = self._tables.get(entry.scope)
        if table is None:
            families, clocks = len(self._renderer.families), self._renderer.clocks
            table = self._tables[entry.scope] = Table(families, clocks)
        return table


def _twin(key: Key) -> Key:
    """The other name that means the same crawl: ``crawljob-x`` and ``x`` are both crawl x.

    Browsertrix makes only the first; but no two series may ever be the same, whoever made what.
    """
    namespace, name = key
    if name.startswith(CRAWLJOB_PREFIX) and len(name) > len(CRAWLJOB_PREFIX):
        return namespace, name.removeprefix(CRAWLJOB_PREFIX)
    return namespace, f"{CRAWLJOB_PREFIX}{name}"

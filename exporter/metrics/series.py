"""The series of all CrawlJobs held: rendered when they change, ready when they are scraped.

A scope's content is served from its first complete list on; until then nothing of it is, so that
an alert never sees a fleet half there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.cluster.changes import Change
from exporter.metrics.catalog import CrawlFamily, Family, Fleet, PodFamily
from exporter.metrics.rendering import Rendered, Renderer
from exporter.metrics.table import Table, together
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.identity import CRAWLJOB_PREFIX, Key


@dataclass(slots=True)
class _Entry:
    """One CrawlJob held."""

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


class _Counts:
    """What is counted of one scope's content, kept as it changes."""

    def __init__(self, scope: str) -> None:
        namespaces = [scope] if scope else []
        self.crawls: dict[str, Counter[str]] = {name: Counter() for name in namespaces}
        self.malformed: Counter[str] = Counter(dict.fromkeys(namespaces, 0))

    def add(self, namespace: str, entry: _Entry, by: int) -> None:
        states = self.crawls.setdefault(namespace, Counter())
        states[entry.state] += by
        if not states[entry.state]:
            del states[entry.state]
        self.malformed[namespace] += by * entry.malformed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The series of one moment; changes that come later do not touch it."""

    families: tuple[CrawlFamily | PodFamily, ...]
    columns: list[tuple[bytes, ...]]
    """For each of ``families``, the lines of all CrawlJobs."""
    since: list[tuple[float | None, ...]]
    """For each family that depends on the clock, from when each CrawlJob's value counts."""
    fleet: Fleet


class SeriesStore:
    """A handler of changes, and where the exposition takes its snapshots from."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._renderer = Renderer(families)
        self._held: dict[Key, _Entry] = {}
        self._counts: dict[str, _Counts] = {}
        self._tables: dict[str, Table] = {}
        """Of each scope, so that it can be served, or not, as a whole."""
        self._synced: set[str] = set()

    def on_change(self, change: Change[CrawlJob]) -> None:
        """Render one CrawlJob anew, or forget it."""
        job = change.before if change.after is None else change.after
        if job is None:
            return
        key = (job.metadata.namespace, job.metadata.name)
        before = self._held.get(key)
        if change.deleted:
            if before is not None:
                self._forget(key, before)
            return
        entry = _Entry(
            change.scope,
            derived.state(job),
            bool(job.problems),
            self._renderer.render(job, None if before is None else before.rendered),
        )
        if before is None or not entry.counts_as(before):
            if before is not None:
                self._count(key, before, -1)
            self._count(key, entry, 1)
        if before is None:
            self._hide(key, entry)
        else:
            entry.hidden = before.hidden
        self._held[key] = entry
        if before is not None and before.row is not None and before.scope == entry.scope:
            self._table(entry).replace(before, entry)
        else:
            if before is not None:
                self._conceal(before)
            self._show(entry)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """Serve the scope's content from now on."""
        self._synced.add(scope)
        self._counts.setdefault(scope, _Counts(scope))

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do: what is served are contents, not positions."""

    def snapshot(self) -> Snapshot:
        """Return all series of synced scopes as they are now."""
        tables = [table for scope, table in self._tables.items() if scope in self._synced]
        families = self._renderer.families
        return Snapshot(
            families,
            together((table.columns for table in tables), len(families)),
            together((table.since for table in tables), self._renderer.clocks),
            self._fleet(),
        )

    def _fleet(self) -> Fleet:
        crawls: dict[str, Counter[str]] = {}
        malformed: Counter[str] = Counter()
        for scope in self._synced:
            counts = self._counts[scope]
            for namespace, states in counts.crawls.items():
                crawls.setdefault(namespace, Counter()).update(states)
            malformed.update(counts.malformed)
        return Fleet(crawls, malformed)

    def _count(self, key: Key, entry: _Entry, by: int) -> None:
        if entry.scope not in self._counts:
            self._counts[entry.scope] = _Counts(entry.scope)
        self._counts[entry.scope].add(key[0], entry, by)

    def _forget(self, key: Key, entry: _Entry) -> None:
        del self._held[key]
        self._count(key, entry, -1)
        self._conceal(entry)
        twin = self._held.get(_twin(key))
        if twin is not None:
            twin.hidden = False
            self._show(twin)

    def _hide(self, key: Key, entry: _Entry) -> None:
        """Let one of two objects be seen that would have the same series: Browsertrix's own."""
        twin = self._held.get(_twin(key))
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

"""The lines of dedupe indexes: an index is rendered when it changes, and a scrape joins the lines.

There is one for each collection that is deduplicated: few beside the crawls.
"""

from collections.abc import Iterable

from exporter.cluster.changes import Change
from exporter.metrics.catalog.index import IndexFamily
from exporter.metrics.lines import line
from exporter.resources.collindex import CollIndex
from exporter.resources.identity import Key, key_of


class IndexTable:
    """Handles the changes of indexes; the exposition takes its lines from here."""

    def __init__(self, families: Iterable[object]) -> None:
        self._families = [family for family in families if isinstance(family, IndexFamily)]
        self._lines: dict[str, dict[Key, dict[str, bytes]]] = {}
        """By scope and index, the line of each family."""
        self._vouched: set[str] = set()

    def on_change(self, change: Change[CollIndex], /) -> None:
        """Render one index as it is now, or drop it when it was deleted."""
        index = change.before if change.after is None else change.after
        if index is None:
            return
        lines = self._lines.setdefault(change.scope, {})
        if change.deleted:
            lines.pop(key_of(index), None)
        else:
            lines[key_of(index)] = self._rendered(index)

    def on_synced(self, scope: str, resource_version: str) -> None:  # noqa: ARG002 - the protocol's
        """Serve the scope's indexes from now on."""
        self._vouched.add(scope)

    def on_unknown(self, scope: str, /) -> None:
        """Serve none of the scope's until it is synced again."""
        self._vouched.discard(scope)

    def on_bookmark(self, scope: str, resource_version: str) -> None:
        """Nothing to do."""

    def lines(self, _: float, /) -> dict[str, list[bytes]]:
        """Return the sample lines as they are now, by family's name."""
        found: dict[str, list[bytes]] = {family.name: [] for family in self._families}
        for scope in sorted(self._vouched):
            for lines in self._lines.get(scope, {}).values():
                for name, written in lines.items():
                    found[name].append(written)
        return found

    def _rendered(self, index: CollIndex) -> dict[str, bytes]:
        identity = (index.metadata.namespace, index.org, index.collection)
        lines = {}
        for family in self._families:
            sample = family.value(index)
            if sample is not None:
                value, *own = sample if isinstance(sample, tuple) else (sample,)
                texts = ["" if one is None else str(one) for one in own]
                lines[family.name] = line(family, (*identity, *texts), value)
        return lines

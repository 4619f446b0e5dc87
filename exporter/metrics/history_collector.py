"""What the ledger has, as lines of the exposition: finished crawls, counters, histograms.

A finished crawl is rendered once, when it finishes or its end is better known; a scrape joins the
lines. Counters and histograms are few, and rendered at each scrape.
"""

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from prometheus_client.utils import floatToGoString

from exporter.history.ledger import Ledger
from exporter.history.listener import LedgerListener
from exporter.history.measures import BUCKETS
from exporter.history.records import FinishedCrawl
from exporter.history.tallies import Histogram
from exporter.metrics.catalog import END_LEARNED_TIMESTAMP, FINISHED_TIMESTAMP, Family
from exporter.metrics.lines import line

_Labels = tuple[str, ...]

_OF_CRAWLS: Final = frozenset({FINISHED_TIMESTAMP.name, END_LEARNED_TIMESTAMP.name})
_BOUNDS: Final = tuple(
    floatToGoString(bound)  # type: ignore[no-untyped-call]
    for bound in (*BUCKETS, float("inf"))
)


class HistoryCollector(LedgerListener):
    """Listens to the ledger; the exposition takes the lines of history from it."""

    def __init__(self, families: Iterable[Family], ledger: Ledger) -> None:
        """Render the crawls the ledger has already, and listen for those to come."""
        self._tallies = ledger.tallies
        self._shows_finished = not _OF_CRAWLS.isdisjoint(family.name for family in families)
        self._lines: dict[_Labels, list[tuple[float, str, bytes, bytes]]] = {}
        """By labels: when each crawl finished, its uid, the line of that, and the one of when it
        was learned, which few have; the latest at the end.

        A name given to another object can end in the same way: one series, the later timestamp.
        """
        self._labels: dict[str, _Labels] = {}
        """By uid."""
        for record in ledger.finished_crawls.values():
            self.on_finished(record)
        ledger.listeners.append(self)

    def on_finished(self, record: FinishedCrawl) -> None:
        """Render a finished crawl, in place of the earlier line of its uid."""
        if not self._shows_finished:
            return
        self.on_forgotten(record)
        labels = (
            record.namespace,
            record.oid,
            record.crawl,
            record.state,
            record.stop_reason,
        )
        finished, learned = line(FINISHED_TIMESTAMP, labels, record.finished), b""
        if record.learned is not None:
            learned = line(END_LEARNED_TIMESTAMP, labels, record.learned)
        entry = record.finished, record.uid, finished, learned
        insort(self._lines.setdefault(labels, []), entry)
        self._labels[record.uid] = labels

    def on_forgotten(self, record: FinishedCrawl) -> None:
        """Drop its line; another crawl's with the same labels takes its place."""
        labels = self._labels.pop(record.uid, None)
        if labels is None:
            return
        left = [entry for entry in self._lines.pop(labels) if entry[1] != record.uid]
        if left:
            self._lines[labels] = left

    def lines(self, families: Iterable[Family]) -> dict[str, tuple[bytes, ...]]:
        """Return the sample lines of these families as they are now, by name.

        A snapshot: later events do not change what was returned.
        """
        wanted = {family.name: family for family in families}
        found: dict[str, list[bytes]] = {name: [] for name in wanted}
        if FINISHED_TIMESTAMP.name in wanted:
            found[FINISHED_TIMESTAMP.name] = [crawls[-1][2] for crawls in self._lines.values()]
        if END_LEARNED_TIMESTAMP.name in wanted:
            latest = (crawls[-1][3] for crawls in self._lines.values())
            found[END_LEARNED_TIMESTAMP.name] = [text for text in latest if text]
        for (name, labels), value in self._tallies.totals.items():
            if name in wanted:
                found[name].append(line(wanted[name], labels, value))
        for (name, labels), histogram in self._tallies.histograms.items():
            if name in wanted:
                found[name].append(_histogram(wanted[name], labels, histogram))
        return {name: tuple(lines) for name, lines in found.items()}


def _histogram(family: Family, labels: _Labels, histogram: Histogram) -> bytes:
    buckets, count, total = (
        replace(family, name=f"{family.name}_{part}", labels=names)
        for part, names in (
            ("bucket", (*family.labels, "le")),
            ("count", family.labels),
            ("sum", family.labels),
        )
    )
    return b"".join(
        [
            *(line(buckets, (*labels, le), n) for le, n in _cumulated(histogram.counts)),
            line(count, labels, sum(histogram.counts)),
            line(total, labels, histogram.sum),
        ]
    )


def _cumulated(counts: Iterable[int]) -> Iterator[tuple[str, int]]:
    total = 0
    for bound, count in zip(_BOUNDS, counts, strict=True):
        total += count
        yield bound, total

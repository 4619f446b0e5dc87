"""All series as text, in either format: what a scrape gets.

Headers and label sets are made once; a scrape writes the values that have changed since the last,
and joins. It is given in chunks of moderate size, each a fraction of a millisecond's work or a few,
and all of one snapshot: that is taken when the scrape begins, not when the last chunk is sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.metrics.catalog import CrawlFamily, Family, FleetFamily, Group, PodFamily
from exporter.metrics.chunks import chunks, joined_lines
from exporter.metrics.history_collector import HistoryCollector
from exporter.metrics.lines import line
from exporter.metrics.selection import is_named
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.store import SeriesStore

_EOF: Final = b"# EOF\n"


class Format(Enum):
    """A format of Prometheus', and what ``Content-Type`` calls it."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    @property
    def content_type(self) -> str:
        """The value of ``Content-Type``."""
        return self.value


class Table(Protocol):
    """Lines that are ready: of what changes seldom, beside crawls."""

    def lines(self, now: float, /) -> Mapping[str, Sequence[bytes]]:
        """Return the sample lines at ``now``, by the name of each family it serves."""


class _Metrics:
    """Families as prometheus_client takes them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _text(metrics: Iterable[Metric], form: Format) -> bytes:
    """Render as prometheus_client does, without the end mark of OpenMetrics."""
    if form is Format.TEXT:
        return generate_latest(_Metrics(metrics))
    whole: bytes = generate_openmetrics(_Metrics(metrics))  # type: ignore[no-untyped-call]
    return whole.removesuffix(_EOF)


class Exposition:
    """What is served: the families chosen, of the store's crawls and of the exporter itself."""

    def __init__(
        self,
        families: Iterable[Family],
        store: SeriesStore,
        history: HistoryCollector,
        self_metrics: CollectorRegistry,
        tables: Sequence[Table] = (),
    ) -> None:
        """``self_metrics`` holds the exporter's own metrics.

        A family of ``tables`` is served where one of them has it: no two may have the same.
        """
        self._families = tuple(families)
        self._store = store
        self._history = history
        self._tables = tuple(tables)
        self._self_metrics = self_metrics
        self._headers = {
            (family.name, form): _text([family.metric()], form)
            for family in self._families
            for form in Format
        }
        self._self_families = {
            family.base: family for family in self._families if family.group is Group.EXPORTER
        }

    def chunks(self, form: Format, names: frozenset[str] | None, now: float) -> Iterator[bytes]:
        """Return the exposition as it is now, chunk by chunk; none is empty.

        ``names`` selects families or samples, None is all of them; ``now`` is in seconds since
        1970. What can fail fails here, before the first chunk.
        """
        self_metrics = self._self_metrics_text(form, names)
        history = self._history.lines(
            family
            for family in self._families
            if family.group is Group.HISTORY and is_named(family, names)
        )
        ready = {name: lines for one in self._tables for name, lines in one.lines(now).items()}
        lines = {
            family.name: tuple(ready[family.name])
            for family in self._families
            if family.name in ready and is_named(family, names)
        } | history
        return self._chunks(form, names, now, self._store.snapshot(names), lines, self_metrics)

    def _chunks(  # noqa: PLR0913, PLR0917 - the parts of one scrape
        self,
        form: Format,
        names: frozenset[str] | None,
        now: float,
        snapshot: Snapshot,
        lines: Mapping[str, tuple[bytes, ...]],
        self_metrics: bytes,
    ) -> Iterator[bytes]:
        for family in self._families:
            if isinstance(family, FleetFamily) and is_named(family, names):
                counts = [
                    line(family, labels, value) for labels, value in family.samples(snapshot.fleet)
                ]
                yield self._headers[family.name, form] + b"".join(counts)
        for family in self._families:
            if isinstance(family, (CrawlFamily, PodFamily)) and is_named(family, names):
                yield self._headers[family.name, form]
                for column in snapshot.columns.get(family.name, ()):
                    yield from chunks(family, column, now)
        for name, sample_lines in lines.items():
            yield self._headers[name, form]
            yield from joined_lines(sample_lines)
        if self_metrics:
            yield self_metrics
        if form is Format.OPENMETRICS:
            yield _EOF

    def _self_metrics_text(self, form: Format, names: frozenset[str] | None) -> bytes:
        """Render the exporter's own families: few samples, of types that need more than a join."""
        metrics = []
        for metric in self._self_metrics.collect():
            family = self._self_families.get(metric.name)
            if family is not None and is_named(family, names):
                served = family.metric()  # what the catalog does not name is not served
                served.samples = [s for s in metric.samples if s.name in family.sample_names]
                metrics.append(served)
        return _text(metrics, form)

"""The exporter's own metrics: ordinary ones of prometheus_client, declared in the catalog."""

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    Metric,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.alerting.notifier import Notifier
from exporter.browsertrix import BrowsertrixClient, PolledSource
from exporter.cluster.followed import Followed
from exporter.crawls import PauseLimit
from exporter.history.ledger import Ledger
from exporter.metacontroller import Hooks
from exporter.metrics.catalog import Family
from exporter.metrics.catalog.alerting import AlertmanagerFamily
from exporter.metrics.catalog.browsertrix_client import ClientFamily
from exporter.metrics.catalog.hooks import HookFamily
from exporter.metrics.catalog.self_metrics import (
    BUILD,
    PENDING_ENDS,
    SCRAPE_DURATION,
    SCRAPE_SIZE,
    SHARDS,
    TASK_RESTARTS,
    LedgerFamily,
    WatchFamily,
)
from exporter.metrics.catalog.web_config import Reloads, WebConfigFamily
from exporter.metrics.exposition import Format
from exporter.resources.shard import EVERYTHING, Shard

_SCRAPE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets: from an empty exporter to the usual limit of a scrape."""


class SelfMetrics:
    """The exporter's own metrics, in a registry of their own."""

    def __init__(
        self,
        families: Iterable[Family],
        followed: Sequence[Followed],
        ledger: Ledger,
        notifier: Notifier | None = None,
        restarts: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """Families about watches, the ledger and alerts are read from these at each scrape.

        ``restarts`` says how often each task was run again.
        """
        self.registry = CollectorRegistry()
        self.registry.register(_Build())
        self._shards = _Shards()
        self.registry.register(self._shards)
        chosen = tuple(families)
        watched = [family for family in chosen if isinstance(family, WatchFamily)]
        self._watches = _Watches(watched, followed)
        self.registry.register(self._watches)
        self._client = [family for family in chosen if isinstance(family, ClientFamily)]
        kept = [one for one in chosen if isinstance(one, LedgerFamily) and one != PENDING_ENDS]
        self._pending_ends = _OfLedger([PENDING_ENDS] if PENDING_ENDS in chosen else [], ledger)
        self.registry.register(_OfLedger(kept, ledger))
        if notifier is not None:
            posted = [family for family in chosen if isinstance(family, AlertmanagerFamily)]
            self.registry.register(_Alertmanagers(posted, notifier))
        self._web_config = [family for family in chosen if isinstance(family, WebConfigFamily)]
        self._hook_families = [family for family in chosen if isinstance(family, HookFamily)]
        if TASK_RESTARTS in chosen:
            self.registry.register(_Tasks(restarts))
        self._seconds = Histogram(
            SCRAPE_DURATION.name,
            SCRAPE_DURATION.help,
            SCRAPE_DURATION.labels,
            unit=SCRAPE_DURATION.unit,
            buckets=_SCRAPE_SECONDS,
            registry=self.registry,
        )
        self._bytes = Gauge(
            SCRAPE_SIZE.name,
            SCRAPE_SIZE.help,
            SCRAPE_SIZE.labels,
            unit=SCRAPE_SIZE.unit,
            registry=self.registry,
        )
        for form in Format:
            self._seconds.labels(_format_label(form))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def serve_shard(self, shard: Shard) -> None:
        """Serve which share of the crawls is followed; all of them unless that is said."""
        self._shards.shard = shard

    def serve_reloads(self, reloads: Callable[[], Reloads]) -> None:
        """Serve how it stands with the web configuration, asked at each scrape."""
        self.registry.register(_WebConfig(self._web_config, reloads))

    def serve_hooks(self, hooks: Hooks) -> None:
        """Serve what metacontroller's calls came to, asked at each scrape."""
        self.registry.register(_Hooks(self._hook_families, hooks))

    def serve_client(self, client: BrowsertrixClient, pause_limit: PauseLimit) -> None:
        """Serve the families about the client of Browsertrix and what it is asked for, too."""
        self.registry.register(self._pending_ends)
        self._watches.polled = client.sources
        self.registry.register(_Client(self._client, client, pause_limit))

    def on_scrape(self, seconds: float, size: int, form: Format) -> None:
        """Observe a complete scrape; ``size`` in bytes before compression."""
        self._seconds.labels(_format_label(form)).observe(seconds)
        self._bytes.labels(_format_label(form)).set(size)


def _format_label(form: Format) -> str:
    return form.name.lower()


class _Build(Collector):
    def collect(self) -> Iterable[Metric]:
        yield BUILD.filled([((__version__, platform.python_version()), 1.0)])


class _Shards(Collector):
    def __init__(self) -> None:
        self.shard = EVERYTHING

    def collect(self) -> Iterable[Metric]:
        yield SHARDS.filled([((str(self.shard.index),), self.shard.total)])


class _Watches(Collector):
    """Reads what reflectors and pollers count anyway."""

    def __init__(self, families: Sequence[WatchFamily], followed: Sequence[Followed]) -> None:
        self._families = families
        self._followed = followed
        self.polled: Sequence[PolledSource[Any]] = ()

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield family.filled(self._samples(family))

    def _samples(self, family: WatchFamily) -> Iterator[tuple[tuple[str, ...], float]]:
        for followed in self._followed:
            for labels, value in family.samples(followed):
                yield (followed.source, followed.scope or "*", *labels), value
        if family.polled is not None:
            for source in self.polled:
                for labels, value in family.polled(source):
                    yield (source.source, "*", *labels), value


class _Client(Collector):
    """Reads what the client of Browsertrix counts anyway."""

    def __init__(
        self,
        families: Sequence[ClientFamily],
        client: BrowsertrixClient,
        pause_limit: PauseLimit,
    ) -> None:
        self._families = families
        self._client = client
        self._pause_limit = pause_limit

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield family.filled(family.samples(self._client, self._pause_limit))


class _Alertmanagers(Collector):
    """Reads what the notifier counts anyway."""

    def __init__(self, families: Sequence[AlertmanagerFamily], notifier: Notifier) -> None:
        self._families = families
        self._notifier = notifier

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield family.filled(family.samples(self._notifier))


class _Tasks(Collector):
    def __init__(self, restarts: Callable[[], Mapping[str, int]]) -> None:
        self._restarts = restarts

    def collect(self) -> Iterable[Metric]:
        yield TASK_RESTARTS.filled(((name,), count) for name, count in self._restarts().items())


class _WebConfig(Collector):
    def __init__(self, families: Sequence[WebConfigFamily], reloads: Callable[[], Reloads]) -> None:
        self._families = families
        self._reloads = reloads

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield family.filled([((), family.value(self._reloads()))])


class _Hooks(Collector):
    """Reads what the hooks count anyway."""

    def __init__(self, families: Sequence[HookFamily], hooks: Hooks) -> None:
        self._families = families
        self._hooks = hooks

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            yield family.filled(family.samples(self._hooks))


class _OfLedger(Collector):
    """Reads what the ledger counts anyway."""

    def __init__(self, families: Sequence[LedgerFamily], ledger: Ledger) -> None:
        self._families = families
        self._ledger = ledger

    def collect(self) -> Iterable[Metric]:
        for family in self._families:
            value = family.value(self._ledger)
            yield family.filled([] if value is None else [((), value)])

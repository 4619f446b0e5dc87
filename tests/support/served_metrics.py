"""Everything that an exporter serves, of a few crawls and without a cluster."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.alerting.endpoint import Endpoint
from exporter.alerting.notifier import Notifier
from exporter.alerting.send_loop import SendStats
from exporter.browsertrix import BrowsertrixClient
from exporter.browsertrix.http import RequestStats
from exporter.cluster.changes import Change
from exporter.cluster.problems import Problems
from exporter.cluster.reflector import Reflector
from exporter.cluster.stats import Stats
from exporter.crawls import Crawl, PauseLimit
from exporter.history.ledger import Ledger
from exporter.metacontroller import Calls, Hooks, HookSettings, Record
from exporter.metrics import (
    BrowsertrixTables,
    Exposition,
    Format,
    HistoryCollector,
    IndexTable,
    Reloads,
    SelfMetrics,
    SeriesStore,
    catalog,
    selected,
)
from exporter.resources.browsertrix import ServerSettings
from exporter.resources.crawljob import parse_json
from exporter.resources.crawljob.resource import CRAWLJOB_RESOURCE
from support.factories import crawljob, to_wire


def watch(scope: str = "crawlers", **stats: Any) -> Reflector[Any]:
    """What the self metrics read of a reflector."""
    found = SimpleNamespace(
        resource=CRAWLJOB_RESOURCE,
        source="crawljobs",
        scope=scope,
        synced=True,
        vouches=True,
        absent=False,
        stats=Stats(**stats),
        problems=Problems(CRAWLJOB_RESOURCE),
    )
    return cast("Reflector[Any]", found)


def client() -> BrowsertrixClient:
    """What the self metrics read of a client of Browsertrix."""
    source = SimpleNamespace(
        source="orgs",
        known=True,
        items={"org-1": None},
        last_success=1.0,
        problems=SimpleNamespace(kinds={"name": 0}, invalid=0),
    )
    found = SimpleNamespace(login_refused=False, sources=[source], requests=RequestStats())
    return cast("BrowsertrixClient", found)


def notifier() -> Notifier:
    """What the self metrics read of a notifier with one Alertmanager, and one behind a name."""
    send_loop = SimpleNamespace(
        endpoint=Endpoint.of("http://alertmanager:9093"),
        failing=False,
        pending=0,
        stats=SendStats(last_success=1.0),
    )
    discovery = SimpleNamespace(
        url="dns+http://cluster:9093", failing=False, send_loops=(), failures={"timeout": 0}
    )
    found = SimpleNamespace(send_loops=[send_loop], discoveries=[discovery], active=0)
    return cast("Notifier", found)


class ServedMetrics:
    """Everything that is served, of a few crawls."""

    def __init__(
        self, *reflectors: Reflector[Any], crawls: int = 2, include: Iterable[str] = (),
        exclude: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self.families = selected(catalog(), list(include), list(exclude))
        store = SeriesStore(self.families)
        for number in range(crawls):
            wire = crawljob(crawl=f"manual-{number}", spec={"pausedAt": "2025-05-21T12:00:00Z"})
            store.on_change(Change("crawlers", None, Crawl(parse_json(to_wire(wire)))))
        store.on_synced("crawlers", "1")
        ledger = Ledger.open()
        self.self_metrics = SelfMetrics(
            self.families,
            reflectors or [watch()],
            ledger,
            notifier(),
            lambda: {"history": 0},
        )
        self.self_metrics.serve_reloads(lambda: Reloads(successful=True, last_success=1e9))
        limit = PauseLimit()
        limit.on_polled({"settings": ServerSettings.parse({"pausedExpiryMinutes": 60})[0]}, 1.0)
        self.self_metrics.serve_client(client(), limit)
        record = Record(ledger.sync, ledger.has_end, ledger.leave)
        self.self_metrics.serve_hooks(Hooks(HookSettings(60.0), record, Calls(60.0, 0.0)))
        self.exposition = Exposition(
            self.families,
            store,
            HistoryCollector(self.families, ledger),
            self.self_metrics.registry,
            [
                IndexTable(self.families),
                *BrowsertrixTables(self.families, ["crawlers"]).by_source.values(),
            ],
        )

    def text(self, form: Format = Format.TEXT, *names: str) -> str:
        chosen = frozenset(names) or None
        return b"".join(self.exposition.chunks(form, chosen, 2e9)).decode()

    def value(self, name: str, **labels: str) -> float | None:
        for family in parse_text(self.text()):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None

"""Start reading here: the one place that knows every package, and wires them.

Each source is followed by a reflector in each scope; the join makes crawls of what they emit. What
happened to a crawl goes into the ledger, and from there to Alertmanagers, if there are any; how it
is goes into the series store, which the exposition reads and the web server serves. Everything
runs on one event loop, and ends together.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from prometheus_client import CollectorRegistry

from exporter import __version__
from exporter.alerting.http_config import Credentials, HTTPClientConfig
from exporter.alerting.notifier import Notifier, NotifierSettings
from exporter.alerting.tuning import AlertTuning
from exporter.cluster.changes import PartHandler
from exporter.cluster.client import ApiClient
from exporter.cluster.poller import Poller
from exporter.cluster.reflector import Reflector
from exporter.crawls import CrawlJoin
from exporter.history.ledger import Ledger
from exporter.history.lookup import CrawlRecords, VanishedCrawls
from exporter.history.recorder import HistoryRecorder
from exporter.metrics import (
    Exposition,
    HistoryCollector,
    IndexTable,
    SelfMetrics,
    SeriesStore,
    catalog,
    selected,
)
from exporter.runtime.garbage_collection import collect_periodically, keep_collections_short
from exporter.runtime.tasks import SupervisedTasks, cancel_and_wait
from exporter.settings import Settings
from exporter.sources import INDEXES, SOURCES, Source
from exporter.web import Health, View, WebServer, WebSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

HEAD_START: Final = 10.0
"""Seconds that required sources have for their first lists, before others are asked for."""
_LOOK_AGAIN: Final = 0.05
"""Seconds."""


class Pipeline:
    """What becomes of a crawl's change: first it is recorded, then it is served."""

    def __init__(
        self, settings: Settings, ledger: Ledger, records: CrawlRecords | None = None
    ) -> None:
        self.families = selected(
            catalog(settings.pause_limit, ledger.baseline_of),
            settings.metrics_include,
            settings.metrics_exclude,
        )
        self.recorder = HistoryRecorder(
            ledger,
            settings.scopes,
            pause_limit=settings.pause_limit,
            hold_back=records is not None,
        )
        self.vanished = (
            None
            if records is None
            else VanishedCrawls(ledger, records, pause_limit=settings.pause_limit)
        )
        self._store = SeriesStore(self.families, ledger.pods_before)
        self.crawls = CrawlJoin(self.recorder, self._store)
        """Joins the changes of each source."""
        self._history = HistoryCollector(self.families, ledger)
        self._indexes = IndexTable(self.families)
        self.handlers: Mapping[str, PartHandler[Any]] = {
            **self.crawls.by_source,
            INDEXES.name: self._indexes,
        }
        """What handles the changes of each source's objects, by the source's name."""

    def exposition(self, self_metrics: CollectorRegistry) -> Exposition:
        """Return what is to be served; ``self_metrics`` are those of the exporter itself."""
        return Exposition(self.families, self._store, self._history, self_metrics, [self._indexes])


class Exporter:
    """One exporter: its watches, its series, its web server."""

    def __init__(
        self,
        settings: Settings,
        connection: ApiClient,
        ledger: Ledger,
        records: CrawlRecords | None = None,
    ) -> None:
        """Wire the packages; nothing starts yet. The connection is closed by who opened it.

        ``records`` are where ends that nobody saw are asked for; without, they stay unknown.
        """
        self._ledger = ledger
        self._pipeline = pipeline = Pipeline(settings, ledger, records)
        self._followed = tuple(
            _follow(source, scope, settings, connection, pipeline, ledger)
            for source in SOURCES
            if source.required or getattr(settings, f"source_{source.name}")
            for scope in settings.scopes
        )
        self._required = {source.name for source in SOURCES if source.required}
        self._notifier = (
            Notifier(notifier_settings(settings), ledger) if settings.alertmanager_urls else None
        )
        self._tasks = SupervisedTasks()
        self_metrics = SelfMetrics(
            pipeline.families,
            self._followed,
            ledger,
            self._notifier,
            lambda: self._tasks.restarts,
        )
        health = Health(alive=self._not_alive, ready=self._not_ready)
        view = View(
            self._followed,
            pipeline.crawls,
            ledger,
            pause_limit=settings.pause_limit,
            health=health,
        )
        self.web = WebServer(
            pipeline.exposition(self_metrics.registry),
            WebSettings(
                listen=settings.listen_addresses,
                telemetry_path=settings.telemetry_path,
                allowed_hosts=settings.allowed_hosts,
            ),
            health=health,
            on_scrape=self_metrics.on_scrape,
            view=None if settings.disable_status_page else view,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; then let scrapes in flight finish. Raises ListenError."""
        async with AsyncExitStack() as ending:
            await self.web.start()
            ending.push_async_callback(self.web.stop)
            for address in self.web.addresses:
                log.info("listening", extra={"address": address, "version": __version__})
            keep_collections_short()
            ending.callback(self._ledger.close)
            ending.push_async_callback(self._tasks.cancel)
            for one in self._followed:
                where = f"{one.source} in {one.scope or 'all namespaces'}"
                kind = "lists" if isinstance(one, Poller) else "watch"
                self._tasks.start(f"{kind} of {where}", partial(self._follow, one))
            self._tasks.start("history", self._pipeline.recorder.run)
            if self._pipeline.vanished is not None:
                self._tasks.start("vanished crawls", self._pipeline.vanished.run)
            self._tasks.start("garbage collection", collect_periodically)
            if self._notifier is not None:
                self._notifier.start(self._tasks)
            await stop.wait()
            log.info("stopping")
            if self._notifier is not None:
                await self._notifier.drain()

    async def _follow(self, one: Reflector[Any] | Poller[Any]) -> None:
        """Run one source, but ready first: there are four pods to a crawl, of twice its size."""
        if one.source not in self._required:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEAD_START):
                    while self._not_ready():  # noqa: ASYNC110 - nobody says when, only whether
                        await asyncio.sleep(_LOOK_AGAIN)
        await one.run()

    def _not_alive(self) -> str | None:
        failing = ", ".join(self._tasks.failing)
        return f"fails again and again: {failing}; the log says why" if failing else None

    def _not_ready(self) -> str | None:
        missing = [
            f"{one.scope or 'all namespaces'}: {one.last_error or 'not listed yet'}"
            for one in self._followed
            if one.source in self._required and not one.synced
        ]
        return "; ".join(missing) or None


def _follow(  # noqa: PLR0913, PLR0917 - all there is to wire
    source: Source[Any],
    scope: str,
    settings: Settings,
    connection: ApiClient,
    pipeline: Pipeline,
    ledger: Ledger,
) -> Reflector[Any] | Poller[Any]:
    """Make what follows one source in one scope."""
    handler = pipeline.handlers[source.name]
    common: dict[str, Any] = {
        "source": source.name,
        "selector": source.selection(settings.selector),
        "idle_limit": settings.idle_limit,
    }
    if source.polled:
        interval = getattr(settings, f"source_{source.name}_interval")
        return Poller(connection, source.resource, scope, handler, interval=interval, **common)
    return Reflector(
        connection,
        source.resource,
        scope,
        handler,
        required=source.required,
        may_be_absent=source.may_be_absent,
        resume=ledger.resume_point(source.name, scope),
        **common,
    )


def notifier_settings(settings: Settings) -> NotifierSettings:
    """Pick all that is set about Alertmanagers."""
    return NotifierSettings(
        urls=settings.alertmanager_urls,
        labels=settings.alertmanager_labels,
        tuning=AlertTuning.of(settings),
        http_config=HTTPClientConfig(
            ca_file=settings.alertmanager_ca_file,
            cert_file=settings.alertmanager_cert_file,
            key_file=settings.alertmanager_key_file,
            server_name=settings.alertmanager_server_name,
            username=settings.alertmanager_username,
            password_file=settings.alertmanager_password_file,
            bearer_token_file=settings.alertmanager_bearer_token_file,
            headers=settings.alertmanager_headers,
            header_files=tuple(
                (name, Path(file)) for name, file in settings.alertmanager_header_files
            ),
        ),
    )


async def serve(settings: Settings) -> None:
    """Run an exporter until SIGTERM or SIGINT.

    Raises ConfigError where the cluster's configuration is wrong, HTTPClientConfigError where a
    file for Alertmanager is, LedgerError where the ledger cannot be used, ListenError where it
    cannot listen.
    """
    Credentials(notifier_settings(settings).http_config)  # to fail before anything is open
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connection = await _unless(stop, ApiClient.open(settings.kubeconfig, settings.context))
    if connection is None:
        return
    try:
        await Exporter(settings, connection, _ledger(settings, connection)).run(stop)
    finally:
        await connection.close()


def _ledger(settings: Settings, connection: ApiClient) -> Ledger:
    ledger = Ledger.open(
        settings.history_path,
        cluster=f"{connection.server} {settings.selector}",
        retention=settings.history_retention,
        max_finished=settings.history_max_finished,
    )
    if settings.history_path is None:
        log.warning(
            "history is kept in memory only: a restart forgets counters, pauses and crawls that "
            "are over, and misses what happens meanwhile; set --history.path"
        )
    return ledger


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What the work returns; None where ``stop`` is set before: then it is cancelled."""
    task, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if task.done():
        return task.result()
    await cancel_and_wait(task)
    return None

"""Start reading here: the one place that knows every package, and wires them.

Each source is followed by a reflector in each scope; the join makes crawls of what they emit. What
happened to a crawl goes into the ledger, and from there to Alertmanagers, if there are any; how it
is goes into the series store, which the exposition reads and the web server serves. Everything
runs on one event loop, and ends together.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from exporter import __version__
from exporter.alerting.http_config import Credentials
from exporter.alerting.notifier import Notifier
from exporter.browsertrix import BrowsertrixClient, Handlers
from exporter.cluster.changes import PartHandler
from exporter.cluster.client import ApiClient, ConfigError
from exporter.cluster.followed import Followed
from exporter.cluster.poller import Poller
from exporter.cluster.reflector import Reflector
from exporter.crawls import CrawlJoin, PauseLimit
from exporter.history.ledger import Ledger
from exporter.history.lookup import VanishedCrawls
from exporter.history.recorder import HistoryRecorder
from exporter.hook_wiring import CARRIED, HookSide
from exporter.metrics import (
    BrowsertrixTables,
    Exposition,
    HistoryCollector,
    IndexTable,
    Pulse,
    SelfMetrics,
    SeriesStore,
    catalog,
    families_of,
    selected,
)
from exporter.metrics.catalog import Family
from exporter.part_settings import (
    browsertrix_settings,
    given_pause_limit,
    notifier_settings,
    shard_of,
    web_settings,
)
from exporter.runtime import head_start
from exporter.runtime.garbage_collection import collect_periodically, keep_collections_short
from exporter.runtime.tasks import SupervisedTasks, cancel_and_wait
from exporter.settings import Settings
from exporter.sources import INDEXES, SOURCES, Source
from exporter.web import Health, View, WebConfigFile, WebServer

log = logging.getLogger(__name__)

T = TypeVar("T")


class Pipeline:
    """What becomes of a crawl's change: first it is recorded, then it is served."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self.pause_limit = PauseLimit(given_pause_limit(settings))
        chosen = selected(
            catalog(self.pause_limit, ledger.baseline_of),
            settings.metrics_include,
            settings.metrics_exclude,
        )
        self.families = families_of(shard_of(settings), chosen)
        self.recorder = HistoryRecorder(
            ledger,
            settings.scopes,
            pause_limit=self.pause_limit,
            hold_back=settings.browsertrix_url is not None,
        )
        self._store = SeriesStore(self.families, ledger.pods_before)
        self.pause_limit.listeners.append(self._store.reread_paused)
        self._browsertrix = _browsertrix_tables(settings, self.families)
        also = () if self._browsertrix is None else (self._browsertrix.crawls,)
        self.crawls = CrawlJoin(self.recorder, self._store, *also)
        """Joins the changes of each source."""
        self._history = HistoryCollector(self.families, ledger)
        self._indexes = IndexTable(self.families)
        self._names = ledger.names
        if settings.browsertrix_url is None or not settings.browsertrix_names:
            self._names.withhold()
        self.handlers: Mapping[str, PartHandler[Any]] = {
            **self.crawls.by_source,
            INDEXES.name: self._indexes,
        }
        """What handles the changes of each source's objects, by the source's name."""

    @property
    def polled(self) -> Handlers:
        """What takes that which Browsertrix is asked for, by the source's name."""
        tables = {} if self._browsertrix is None else self._browsertrix.by_source
        others: Handlers = {"settings": (self.pause_limit,), **self._names.by_source}
        return {name: (table, *others.get(name, ())) for name, table in tables.items()}

    def pulse(self) -> Mapping[str, Pulse]:
        """That of Browsertrix's operator, by namespace."""
        return self._store.pulse()

    def exposition(self, self_metrics: CollectorRegistry) -> Exposition:
        """Return what is to be served; ``self_metrics`` are those of the exporter itself."""
        polled = () if self._browsertrix is None else self._browsertrix.by_source.values()
        tables = (self._indexes, *polled)
        return Exposition(self.families, self._store, self._history, self_metrics, tables)


class Exporter:
    """One exporter: its watches, its series, its web server."""

    def __init__(self, settings: Settings, connection: ApiClient | None, ledger: Ledger) -> None:
        """Wire the packages; nothing starts yet. The connection is closed by who opened it.

        Without one there is only what metacontroller tells.

        Raises WebConfigError.
        """
        self._ledger = ledger
        ledger.take_share(shard_of(settings))
        self._pipeline = pipeline = Pipeline(settings, ledger)
        self._asked = tuple(
            _follow(source, scope, settings, connection, pipeline, ledger)
            for source in SOURCES
            if source.required or getattr(settings, f"source_{source.name}")
            if connection is not None and not (settings.is_hook and source in CARRIED)
            for scope in settings.scopes
        )
        web_config = None
        if settings.web_config_file is not None:
            web_config = WebConfigFile(settings.web_config_file, open_probes=settings.open_probes)
            web_config.log_what_does_nothing()
        self._hook = (
            HookSide(settings, ledger, pipeline.handlers, web_config) if settings.is_hook else None
        )
        told = () if self._hook is None else self._hook.followed
        self._followed: tuple[Followed, ...] = (*told, *self._asked)
        self._required = {source.name for source in SOURCES if source.required}
        self._notifier = (
            Notifier(notifier_settings(settings), ledger) if settings.alertmanager_urls else None
        )
        self._browsertrix = (
            BrowsertrixClient(browsertrix_settings(settings), pipeline.polled)
            if settings.browsertrix_url is not None
            else None
        )
        self._vanished = (
            VanishedCrawls(ledger, self._browsertrix, pause_limit=pipeline.pause_limit)
            if self._browsertrix is not None
            else None
        )
        self._tasks = SupervisedTasks()
        self_metrics = SelfMetrics(
            pipeline.families,
            self._followed,
            ledger,
            self._notifier,
            lambda: self._tasks.restarts,
        )
        self_metrics.serve_shard(shard_of(settings))
        if web_config is not None:
            self_metrics.serve_reloads(lambda: web_config.reloads)
        if self._hook is not None:
            self_metrics.serve_hooks(self._hook.hooks)
        if self._browsertrix is not None:
            self_metrics.serve_client(self._browsertrix, pipeline.pause_limit)
        health = Health(alive=self._not_alive, ready=self._not_ready)
        view = View(
            self._followed,
            pipeline.crawls,
            ledger,
            pause_limit=pipeline.pause_limit,
            health=health,
            pulse=pipeline.pulse,
            polled=() if self._browsertrix is None else self._browsertrix.sources,
            browsertrix=settings.browsertrix_public_url,
        )
        self.web = WebServer(
            pipeline.exposition(self_metrics.registry),
            web_settings(settings, web_config),
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
                log.info(
                    "listening",
                    extra={"address": address, "tls": self.web.secure, "version": __version__},
                )
            keep_collections_short()
            ending.callback(self._ledger.close)
            if self._browsertrix is not None:
                ending.push_async_callback(self._browsertrix.close)
            ending.push_async_callback(self._tasks.cancel)
            if self._hook is not None:
                await self._hook.start(self._tasks, ending)
            for one in self._asked:
                where = f"{one.source} in {one.scope or 'all namespaces'}"
                kind = "lists" if isinstance(one, Poller) else "watch"
                self._tasks.start(f"{kind} of {where}", partial(self._follow, one))
            self._tasks.start("history", self._pipeline.recorder.run)
            if self._vanished is not None:
                self._tasks.start("vanished crawls", self._vanished.run)
            self._tasks.start("garbage collection", collect_periodically)
            if self._notifier is not None:
                self._notifier.start(self._tasks)
            if self._browsertrix is not None:
                self._browsertrix.start(self._tasks)
            await stop.wait()
            log.info("stopping")
            if self._notifier is not None:
                await self._notifier.drain()

    async def _follow(self, one: Reflector[Any] | Poller[Any]) -> None:
        if one.source not in self._required:
            await head_start.wait_for(lambda: self._not_ready() is None, self._listed)
        await one.run()

    def _listed(self) -> int:
        """A number that grows while required sources are listed."""
        required = [one for one in self._followed if one.source in self._required]
        return sum(one.stats.pages + len(one.objects) for one in required)

    def _not_alive(self) -> str | None:
        failing = ", ".join(self._tasks.failing)
        return f"fails again and again: {failing}; the log says why" if failing else None

    def _not_ready(self) -> str | None:
        missing = [
            f"{one.scope or 'all namespaces'}: {one.last_error or 'not listed yet'}"
            for one in self._followed
            if one.source in self._required and not one.synced
            # Nobody says that metacontroller will ever call: then what there is may be scraped.
            if self._hook is None or self._hook.waits or one not in self._hook.followed
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
        if not shard_of(settings).is_everything:
            common["keeps"] = pipeline.crawls.has_crawl_of
        return Poller(connection, source.resource, scope, handler, interval=interval, **common)
    return Reflector(
        connection,
        source.resource,
        scope,
        handler,
        required=source.required,
        may_be_absent=source.may_be_absent,
        resume=ledger.resume_point(source.name, scope),
        shard=shard_of(settings),
        **common,
    )


def _browsertrix_tables(settings: Settings, families: Iterable[Family]) -> BrowsertrixTables | None:
    if settings.browsertrix_url is None:
        return None
    return BrowsertrixTables(
        families,
        settings.scopes,
        names=settings.browsertrix_names,
        max_workflows=settings.browsertrix_workflows_max,
    )


async def serve(settings: Settings) -> None:
    """Run an exporter until SIGTERM or SIGINT.

    Raises WebConfigError where the web configuration cannot be used, ConfigError where the
    cluster's is wrong, HTTPClientConfigError where a file for Alertmanager or Browsertrix is,
    LedgerError where the ledger cannot be used, ListenError where it cannot listen.
    """
    Credentials(notifier_settings(settings).http_config)  # to fail before anything is open
    if settings.browsertrix_url is not None:
        BrowsertrixClient(browsertrix_settings(settings), {})  # for the same reason
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    connection = await _unless(stop, _connect(settings))
    if stop.is_set():
        return
    try:
        await Exporter(settings, connection, _ledger(settings, connection)).run(stop)
    finally:
        if connection is not None:
            await connection.close()


async def _connect(settings: Settings) -> ApiClient | None:
    """Open the API server; None where only metacontroller tells of the cluster."""
    try:
        return await ApiClient.open(settings.kubeconfig, settings.context)
    except ConfigError as error:
        if not settings.is_hook or settings.kubeconfig is not None or settings.context is not None:
            raise
        log.warning("no access to the API server, usage and indexes are unknown: %s", error)
        return None


def _ledger(settings: Settings, connection: ApiClient | None) -> Ledger:
    ledger = Ledger.open(
        settings.history_path,
        cluster=None if connection is None else f"{connection.server} {settings.selector}",
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

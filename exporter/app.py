"""Start reading here: the one place that knows every room, and wires them.

Reflectors tell the series store of every change; the exposition joins what the store has ready;
the web server serves it. Everything runs on one event loop, and ends together.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from exporter import __version__
from exporter.cluster.connection import Connection
from exporter.cluster.reflector import Reflector
from exporter.metrics import Exposition, OwnMetrics, SeriesStore, catalog, selected
from exporter.settings import Settings
from exporter.web import Health, WebServer, WebSettings

log = logging.getLogger(__name__)


_COLLECT_EVERY: Final = 3600.0
_NEVER: Final = 1_000_000


def keep_collections_short() -> None:
    """Let automatic garbage collections look only at what is young.

    CrawlJobs and their series form no cycles and are freed when they are replaced; yet each full
    collection would look at all of them: 140 ms for ten thousand, every few thousand changes.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


class Exporter:
    """One exporter: its watches, its series, its web server."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        """Wire the rooms; nothing starts yet."""
        families = selected(
            catalog(settings.pause_limit), settings.metrics_include, settings.metrics_exclude
        )
        self._connection = connection
        self._store = SeriesStore(families)
        self._reflectors = tuple(
            Reflector(
                connection,
                scope,
                self._store,
                selector=settings.selector,
                idle_limit=settings.idle_limit,
            )
            for scope in settings.namespaces
        )
        own = OwnMetrics(families, self._reflectors)
        self.web = WebServer(
            Exposition(families, self._store, own.registry),
            WebSettings(
                listen=settings.listen_addresses,
                telemetry_path=settings.telemetry_path,
            ),
            health=Health(alive=self._not_alive, ready=self._not_ready),
            scraped=own.scraped,
        )
        self._watches: Sequence[asyncio.Task[None]] = ()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set; then let scrapes in flight finish. Raises ListenError."""
        async with AsyncExitStack() as ending:
            ending.push_async_callback(self._connection.close)
            await self.web.start()
            ending.push_async_callback(self.web.stop)
            for address in self.web.addresses:
                log.info("listening", extra={"address": address, "version": __version__})
            self._watches = [
                asyncio.create_task(self._watch(reflector), name=f"watch {reflector.scope}")
                for reflector in self._reflectors
            ]
            ending.push_async_callback(self._end_watches)
            keep_collections_short()
            collecting = asyncio.create_task(_collect_now_and_then())
            ending.callback(collecting.cancel)
            await stop.wait()
            log.info("stopping")

    async def _watch(self, reflector: Reflector) -> None:
        """Follow one scope; a fault of ours there is told by /livez, and the rest goes on."""
        try:
            await reflector.run()
        except Exception:
            log.exception("the watch ended", extra={"namespace": reflector.scope})
            raise

    async def _end_watches(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def _not_alive(self) -> str | None:
        ended = [watch.get_name() for watch in self._watches if watch.done()]
        return f"ended by a fault: {', '.join(ended)}; the log says which" if ended else None

    def _not_ready(self) -> str | None:
        missing = [
            f"{reflector.scope or 'all namespaces'}: {reflector.trouble or 'not listed yet'}"
            for reflector in self._reflectors
            if not reflector.synced
        ]
        return "; ".join(missing) or None


async def _collect_now_and_then() -> None:
    """Free the cycles that got old: those of connections that have ended."""
    while True:
        await asyncio.sleep(_COLLECT_EVERY)
        gc.collect()


async def serve(settings: Settings) -> None:
    """Run an exporter until SIGTERM or SIGINT.

    Raises ConfigError where the cluster's configuration is wrong, ListenError where it cannot
    listen.
    """
    exporter = Exporter(settings, await Connection.open(settings.kubeconfig, settings.context))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await exporter.run(stop)

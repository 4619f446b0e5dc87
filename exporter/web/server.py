"""The web server: which handler each path has, its limits, its start and its shutdown."""

import asyncio
import logging
import resource
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web, web_response
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from exporter.settings.address import Address
from exporter.settings.defaults import DEFAULT_TELEMETRY_PATH
from exporter.web.listen import bound_address, open_sockets
from exporter.web.metrics_handler import MAX_SCRAPES, Gatherer, MetricsHandler, OnScrape
from exporter.web.pages import LANDING_PATH, LIVENESS_PATHS, READINESS_PATH, Health, Pages
from exporter.web.status import API, PREFIXES, StatusHandlers, View

logger = logging.getLogger(__name__)

GRACE: Final = 10.0
"""Seconds. As long as Prometheus waits for a scrape by default."""

_KEEPALIVE: Final = 310.0
"""Seconds. Prometheus closes an idle connection after 300; later than it, we never close one that
it is about to use. It also limits how long a request may take to arrive."""

_LONGEST_HEADER: Final = 16 * 1024

MAX_CONNECTIONS: Final = 512
"""At once, as Prometheus's own ``--web.max-connections``; of few descriptors, half."""

_BACKLOG: Final = 128
_NAME: Final = "browsertrix-exporter"

# The framework answers what is no HTTP itself, and names its version and Python's.
web_response.SERVER_SOFTWARE = _NAME  # type: ignore[attr-defined]


def refuse_reserved_path(path: str) -> None:
    """Raise ValueError, with one readable line, where metrics at this path would hide a page."""
    if path.rstrip("/") in {*LIVENESS_PATHS, READINESS_PATH}:
        raise ValueError("expected a path of its own: this one is a probe's")
    if f"{path}/".startswith(PREFIXES):
        raise ValueError("expected a path of its own: /status/ and /api/ are the status page's")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings:
    """Options of the web server; those of the command line are in ``exporter.settings``."""

    listen: Sequence[Address]
    telemetry_path: str = DEFAULT_TELEMETRY_PATH
    max_scrapes: int = MAX_SCRAPES
    """At once; more are refused with 503."""
    grace: float = GRACE
    """Seconds for scrapes in flight to finish at shutdown."""


class WebServer:
    """Serves the metrics, the probes, and the status page or, without one, the landing page."""

    def __init__(
        self,
        gatherer: Gatherer,
        settings: WebSettings,
        *,
        health: Health,
        on_scrape: OnScrape,
        view: View | None = None,
    ) -> None:
        """``view`` None switches the status page and its JSON off."""
        self._settings = settings
        self._status = (
            None if view is None else StatusHandlers(view, telemetry_path=settings.telemetry_path)
        )
        self._metrics = MetricsHandler(gatherer, on_scrape, max_scrapes=settings.max_scrapes)
        self._pages = Pages(health, telemetry_path=settings.telemetry_path)
        self._runner: web.AppRunner | None = None
        self._addresses: tuple[Address, ...] = ()
        self._listeners: list[asyncio.Server] = []

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system chose; empty before and after."""
        return self._addresses

    async def start(self) -> None:
        """Listen. Raises ListenError if that is not possible on one of the addresses."""
        sockets = await open_sockets(self._settings.listen)
        runner = web.AppRunner(
            self._application(),
            handle_signals=False,
            access_log=None,
            logger=_connection_log(),
            keepalive_timeout=_KEEPALIVE,
            lingering_time=0,  # nothing here reads a request's body
            # The runner waits this long, asks requests to stop, which scrapes ignore, and waits
            # as long again before it cancels them.
            shutdown_timeout=self._settings.grace / 2,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        await runner.setup()
        for one in sockets:
            self._listeners.append(await _listen(runner, one))
        self._runner = runner
        self._addresses = tuple(bound_address(one) for one in sockets)

    async def stop(self) -> None:
        """Accept nothing more, close idle connections, let scrapes in flight finish in time."""
        runner, self._runner = self._runner, None
        self._addresses = ()
        while self._listeners:
            self._listeners.pop().close()
        if runner is not None:
            await runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=1024, middlewares=[_answer_errors, _guard])
        application.on_response_prepare.append(_add_headers)
        landing = ((LANDING_PATH, self._pages.landing),)
        for path, handler in (
            *(landing if self._status is None else self._status.routes()),
            *((path, self._pages.live) for path in LIVENESS_PATHS),
            (READINESS_PATH, self._pages.readiness),
            (self._settings.telemetry_path, self._metrics.handle),
        ):
            application.router.add_get(path, handler)
        return application


async def _listen(runner: web.AppRunner, one: socket.socket) -> asyncio.Server:
    """Accept connections, up to a limit: every part of the exporter needs descriptors, too."""
    server = runner.server
    assert server is not None, "it was set up"  # noqa: S101
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 2)

    def protocol() -> asyncio.BaseProtocol:
        return server() if len(server.connections) < most else _Refused()

    # asyncio accepts as many at a time as its backlog, and out of descriptors it logs a traceback
    # for each of these. So it takes one at a time, and the kernel's queue is made longer.
    listener = await asyncio.get_running_loop().create_server(protocol, sock=one, backlog=1)
    one.listen(_BACKLOG)
    return listener


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No other site's page reads the JSON in the browser of somebody who may."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.path.startswith(API) and site not in ("none", "same-origin"):
        raise web.HTTPForbidden
    return await handler(request)


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No traceback and no page of the framework's reaches a client."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = {hdrs.ALLOW: ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))}
        if request.method == hdrs.METH_OPTIONS:  # HAProxy probes by it (RFC 9110, 9.3.7)
            return web.Response(status=204, headers=allowed)
        return web.Response(status=error.status, text=f"{error.reason}\n", headers=allowed)
    except web.HTTPException as error:
        return web.Response(status=error.status, text=f"{error.reason}\n")
    except Exception:
        logger.exception(
            "a request failed",
            extra={"method": request.method, "path": request.rel_url.raw_path},
        )
        return web.Response(status=500, text="Internal Server Error\n")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """On every answer: fresh, taken as what it says it is, and silent about versions."""
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers[hdrs.SERVER] = _NAME
    response.headers["X-Content-Type-Options"] = "nosniff"


def _connection_log() -> logging.Logger:
    """The framework's log without requests that were no HTTP: whoever scans ports sends those."""
    connections = logging.getLogger(f"{__name__}.connections")
    connections.addFilter(_is_not_about_a_malformed_request)
    return connections


def _is_not_about_a_malformed_request(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

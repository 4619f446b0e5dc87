"""The web server: which handler each path has, its limits, its start and its shutdown."""

import asyncio
import ipaddress
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web, web_response
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from exporter.settings.address import Address
from exporter.settings.defaults import DEFAULT_TELEMETRY_PATH
from exporter.web.config import WebConfigFile, protection
from exporter.web.connections import Connections, add_headers
from exporter.web.listen import bound_address, open_sockets
from exporter.web.metrics_handler import MAX_SCRAPES, Gatherer, MetricsHandler, OnScrape
from exporter.web.pages import LANDING_PATH, LIVENESS_PATHS, READINESS_PATH, Health, Pages
from exporter.web.status import API, PREFIXES, StatusHandlers, View

logger = logging.getLogger(__name__)

GRACE: Final = 10.0
"""Seconds. As long as Prometheus waits for a scrape by default."""

_KEEPALIVE: Final = 310.0
"""Seconds. Prometheus closes an idle connection after 300; later than it, we never close one that
it is about to use."""

_LONGEST_HEADER: Final = 16 * 1024

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
    allowed_hosts: Collection[str] = ()
    """Names in ``Host`` that are answered, in lower case; none is all."""
    max_scrapes: int = MAX_SCRAPES
    """At once; more are refused with 503."""
    config: WebConfigFile | None = None
    """TLS, users, headers, rate; None is plain HTTP for everybody."""
    open_probes: bool = False
    """Whether probes are answered to everybody."""
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
        self._connections: Connections | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system chose; empty before and after."""
        return self._addresses

    @property
    def secure(self) -> bool:
        """Whether it speaks HTTPS."""
        config = self._settings.config
        return config is not None and config.in_force().tls is not None

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
        assert runner.server is not None, "it was set up"  # noqa: S101
        self._connections = Connections(runner.server, self._settings.config)
        for one in sockets:
            self._listeners.append(await self._connections.listen(one))
        self._runner = runner
        self._addresses = tuple(bound_address(one) for one in sockets)

    async def stop(self) -> None:
        """Accept nothing more, close idle connections, let scrapes in flight finish in time."""
        runner, self._runner = self._runner, None
        self._addresses = ()
        while self._listeners:
            self._listeners.pop().close()
        connections, self._connections = self._connections, None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._settings.grace
        if runner is not None:
            await runner.cleanup()
        if connections is not None:
            await connections.end(deadline - loop.time())

    def _application(self) -> web.Application:
        middlewares: list[Middleware] = [answer_errors]
        config = self._settings.config
        if config is not None:
            probes = {*LIVENESS_PATHS, READINESS_PATH}
            middlewares.append(protection(config, probes if self._settings.open_probes else ()))
        middlewares.append(_guard)
        if self._settings.allowed_hosts:
            middlewares.append(
                _only_hosts(self._settings.allowed_hosts, self._settings.telemetry_path)
            )
        application = web.Application(client_max_size=1024, middlewares=middlewares)

        async def add_headers_to(_: web.Request, response: web.StreamResponse) -> None:
            """Those common to all, and no version."""
            add_headers(response, config)
            response.headers[hdrs.SERVER] = _NAME

        application.on_response_prepare.append(add_headers_to)
        landing = ((LANDING_PATH, self._pages.landing),)
        for path, handler in (
            *(landing if self._status is None else self._status.routes()),
            *((path, self._pages.live) for path in LIVENESS_PATHS),
            (READINESS_PATH, self._pages.readiness),
            (self._settings.telemetry_path, self._metrics.handle),
        ):
            application.router.add_get(path, handler)
        return application


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """No other site's page reads the JSON in the browser of somebody who may."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.path.startswith(API) and site not in ("none", "same-origin"):
        raise web.HTTPForbidden
    return await handler(request)


def _only_hosts(allowed: Collection[str], scraped_at: str) -> Middleware:
    """No page whose name was rebound to our address (DNS rebinding) reads what we serve.

    Kubernetes probes and Prometheus scrapes by address: a name cannot be rebound to one, so these
    may, at their own paths.
    """
    by_address = {*LIVENESS_PATHS, READINESS_PATH, scraped_at}

    @web.middleware
    async def only_hosts(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = _name_of(request.headers.get(hdrs.HOST, ""))
        if host not in allowed and not (request.path in by_address and _is_address(host)):
            raise web.HTTPMisdirectedRequest
        return await handler(request)

    return only_hosts


def _name_of(host: str) -> str:
    """The host of a ``Host`` header, without its port and the brackets of IPv6."""
    name, colon, port = host.lower().rpartition(":")
    return (name if colon and port.isdecimal() else host.lower()).strip("[]").rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
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


def _connection_log() -> logging.Logger:
    """The framework's log without requests that were no HTTP: whoever scans ports sends those."""
    connections = logging.getLogger(f"{__name__}.connections")
    connections.addFilter(_is_not_about_a_malformed_request)
    return connections


def _is_not_about_a_malformed_request(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

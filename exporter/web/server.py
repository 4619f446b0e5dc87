"""The web server: which handler each path has, and who is answered."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from exporter.settings.address import Address
from exporter.settings.defaults import DEFAULT_TELEMETRY_PATH
from exporter.web.config import WebConfigFile, protection
from exporter.web.listener import Listener, application_of
from exporter.web.metrics_handler import MAX_SCRAPES, Gatherer, MetricsHandler, OnScrape
from exporter.web.pages import LANDING_PATH, LIVENESS_PATHS, READINESS_PATH, Health, Pages
from exporter.web.status import API, PREFIXES, StatusHandlers, View

GRACE: Final = 10.0
"""Seconds. As long as Prometheus waits for a scrape by default."""


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
        self._listener = Listener(
            self._application,
            settings.listen,
            settings.config,
            grace=settings.grace,
            lingering_time=0,  # nothing here reads a request's body
        )

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system chose; empty before and after."""
        return self._listener.addresses

    @property
    def secure(self) -> bool:
        """Whether it speaks HTTPS."""
        config = self._settings.config
        return config is not None and config.in_force().tls is not None

    async def start(self) -> None:
        """Listen. Raises ListenError if that is not possible on one of the addresses."""
        await self._listener.start()

    async def stop(self) -> None:
        """Accept nothing more, close idle connections, let scrapes in flight finish in time."""
        await self._listener.stop()

    def _application(self) -> web.Application:
        middlewares: list[Middleware] = []
        config = self._settings.config
        if config is not None:
            probes = {*LIVENESS_PATHS, READINESS_PATH}
            middlewares.append(protection(config, probes if self._settings.open_probes else ()))
        middlewares.append(_guard)
        if self._settings.allowed_hosts:
            middlewares.append(
                _only_hosts(self._settings.allowed_hosts, self._settings.telemetry_path)
            )
        application = application_of(config, middlewares, longest_body=1024)
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

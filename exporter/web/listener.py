"""Where an application is served: its sockets, its connections, its limits and its end.

One for each port: the metrics have one, and metacontroller's calls another. What is common to all
answers is put on here, so that no port tells more of us than another.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from aiohttp import hdrs, web, web_response
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from exporter.settings.address import Address
from exporter.web.config import WebConfigFile
from exporter.web.connections import Connections, add_headers
from exporter.web.listen import bound_address, open_sockets

logger = logging.getLogger(__name__)

_KEEPALIVE: Final = 310.0
"""Seconds. Prometheus closes an idle connection after 300, Go's client after 90; later than they,
we never close one that they are about to use."""

_LONGEST_HEADER: Final = 16 * 1024

_NAME: Final = "browsertrix-exporter"

# The framework answers what is no HTTP itself, and names its version and Python's.
web_response.SERVER_SOFTWARE = _NAME  # type: ignore[attr-defined]


class Listener:
    """Serves an application at some addresses, from ``start`` to ``stop``."""

    def __init__(
        self,
        application: Callable[[], web.Application],
        addresses: Sequence[Address],
        config: WebConfigFile | None,
        *,
        grace: float,
        **options: Any,
    ) -> None:
        """``application`` makes it anew for each start: see ``application_of``.

        ``config`` has TLS and headers; ``grace`` is in seconds, for requests in flight at the end;
        ``options`` are more of aiohttp's ``AppRunner``.
        """
        self._application = application
        self._listen = addresses
        self._config = config
        self._grace = grace
        self._options = options
        self._runner: web.AppRunner | None = None
        self._servers: list[asyncio.Server] = []
        self.connections: Connections | None = None
        """Those that are open; None before and after."""
        self.addresses: tuple[Address, ...] = ()
        """Where it listens, with the ports that the system chose; empty before and after."""

    async def start(self) -> None:
        """Listen. Raises ListenError if that is not possible on one of the addresses."""
        sockets = await open_sockets(self._listen)
        runner = web.AppRunner(
            self._application(),
            handle_signals=False,
            access_log=None,
            logger=_connection_log(),
            keepalive_timeout=_KEEPALIVE,
            # The runner waits this long, asks requests to stop, which scrapes ignore, and waits
            # as long again before it cancels them.
            shutdown_timeout=self._grace / 2,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
            **self._options,
        )
        await runner.setup()
        assert runner.server is not None, "it was set up"  # noqa: S101
        self.connections = Connections(runner.server, self._config)
        for one in sockets:
            self._servers.append(await self.connections.listen(one))
        self._runner = runner
        self.addresses = tuple(bound_address(one) for one in sockets)

    async def stop(self) -> None:
        """Accept nothing more, close idle connections, let requests in flight finish in time."""
        runner, self._runner = self._runner, None
        self.addresses = ()
        while self._servers:
            self._servers.pop().close()
        connections, self.connections = self.connections, None
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._grace
        if runner is not None:
            await runner.cleanup()
        if connections is not None:
            await connections.end(deadline - loop.time())


def application_of(
    config: WebConfigFile | None, middlewares: Iterable[Middleware], *, longest_body: int
) -> web.Application:
    """Make an application without paths, whose answers have the headers common to all.

    ``longest_body`` is in bytes.
    """
    application = web.Application(
        client_max_size=longest_body, middlewares=[_answer_errors, *middlewares]
    )

    async def add_headers_to(_: web.Request, response: web.StreamResponse) -> None:
        """Those common to all, and no version."""
        add_headers(response, config)
        response.headers[hdrs.SERVER] = _NAME

    application.on_response_prepare.append(add_headers_to)
    return application


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


def _connection_log() -> logging.Logger:
    """The framework's log without requests that were no HTTP: whoever scans ports sends those."""
    connections = logging.getLogger(f"{__name__}.connections")
    connections.addFilter(_is_not_about_a_malformed_request)
    return connections


def _is_not_about_a_malformed_request(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))

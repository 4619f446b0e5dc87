"""The listener that metacontroller calls: a port of its own, which a network policy can tell apart.

TLS, users and connections are as at the metrics. What a call cannot mean is answered by a status of
4xx and one line; metacontroller tries such a call again with a growing delay.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from exporter.metacontroller import Hook, Hooks, InvalidRequestError
from exporter.settings.address import Address
from exporter.web.config import WebConfigFile, protection
from exporter.web.connections import Connections, add_headers
from exporter.web.listen import bound_address, open_sockets
from exporter.web.server import answer_errors

LONGEST_BODY: Final = 64 * 1024 * 1024
"""Bytes. A CrawlJob has 1.5 MiB at most, as etcd has, and a hundred pods come with it."""
_BODY_TIMEOUT: Final = 10.0
"""Seconds for a body to arrive: metacontroller gives up by then."""
_GRACE: Final = 5.0
"""Seconds for calls in flight at shutdown."""

logger = logging.getLogger(__name__)


class HookServer:
    """Serves one path for each hook, by POST alone."""

    def __init__(
        self, hooks: Hooks, addresses: Sequence[Address], config: WebConfigFile | None
    ) -> None:
        """``config`` has TLS and users; None is plain HTTP for everybody."""
        self._hooks = hooks
        self._listen = addresses
        self._config = config
        self._runner: web.AppRunner | None = None
        self._listeners: list[asyncio.Server] = []
        self._connections: Connections | None = None
        self.addresses: tuple[Address, ...] = ()
        """Where it listens, with the ports that the system chose; empty before and after."""

    async def start(self) -> None:
        """Listen. Raises ListenError if that is not possible on one of the addresses."""
        sockets = await open_sockets(self._listen)
        middlewares: list[Middleware] = [answer_errors]
        if self._config is not None:
            # Metacontroller would repeat at once what a rate limit refuses, before any scrape.
            middlewares.append(protection(self._config, limits_rate=False))
        application = web.Application(client_max_size=LONGEST_BODY, middlewares=middlewares)

        async def add_headers_to(_: web.Request, response: web.StreamResponse) -> None:
            add_headers(response, self._config)

        application.on_response_prepare.append(add_headers_to)
        for hook in Hook:
            application.router.add_post(f"/{hook.value}", self._handler(hook))
        runner = web.AppRunner(
            application, handle_signals=False, access_log=None, shutdown_timeout=_GRACE / 2
        )
        await runner.setup()
        assert runner.server is not None, "it was set up"  # noqa: S101
        self._connections = Connections(runner.server, self._config)
        for one in sockets:
            self._listeners.append(await self._connections.listen(one))
        self._runner = runner
        self.addresses = tuple(bound_address(one) for one in sockets)

    async def stop(self) -> None:
        """Accept nothing more, and let calls in flight finish in time."""
        self.addresses = ()
        while self._listeners:
            self._listeners.pop().close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._connections is not None:
            await self._connections.end(0.0)
        self._runner = self._connections = None

    def _handler(
        self, hook: Hook
    ) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
        return partial(self._call, hook)

    async def _call(self, hook: Hook, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            return self._refuse(hook, 415, "expected Content-Type: application/json")
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(hook, 413, f"the body is longer than {LONGEST_BODY} bytes")
        except TimeoutError:
            return self._refuse(hook, 408, f"no whole body within {_BODY_TIMEOUT:g} s")
        try:
            answer = await self._hooks.call(hook, body)
        except InvalidRequestError as error:
            logger.warning("a call of the hook %s cannot be read: %s", hook.value, error)
            return web.Response(status=400, text=f"{error}\n")
        if answer.json is None:
            wait = str(max(1, round(answer.retry_after)))
            return web.Response(
                status=429,
                headers={hdrs.RETRY_AFTER: wait},
                text="nothing is to be changed; call again\n",
            )
        return web.json_response(answer.json)

    def _refuse(self, hook: Hook, status: int, text: str) -> web.StreamResponse:
        self._hooks.refused(hook)
        return web.Response(status=status, text=f"{text}\n")

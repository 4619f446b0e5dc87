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
from exporter.web.listener import Listener, application_of

LONGEST_BODY: Final = 64 * 1024 * 1024
"""Bytes. A CrawlJob has 1.5 MiB at most, as etcd has, and a hundred pods come with it."""
_BODY_TIMEOUT: Final = 10.0
"""Seconds for a body to arrive: metacontroller gives up by then."""
_GRACE: Final = 5.0
"""Seconds for calls in flight at shutdown."""
_CALL_AGAIN: Final = 429
"""An answer, not a refusal."""

_HOOKS: Final = {f"/{hook.value}": hook for hook in Hook}
"""By path."""

logger = logging.getLogger(__name__)


class HookServer:
    """Serves one path for each hook, by POST alone."""

    def __init__(
        self, hooks: Hooks, addresses: Sequence[Address], config: WebConfigFile | None
    ) -> None:
        """``config`` has TLS and users; None is plain HTTP for everybody."""
        self._hooks = hooks
        self._config = config
        self._listener = Listener(self._application, addresses, config, grace=_GRACE)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports that the system chose; empty before and after."""
        return self._listener.addresses

    async def start(self) -> None:
        """Listen. Raises ListenError if that is not possible on one of the addresses."""
        await self._listener.start()

    async def stop(self) -> None:
        """Accept nothing more, and let calls in flight finish in time."""
        await self._listener.stop()

    def _application(self) -> web.Application:
        middlewares: list[Middleware] = []
        if self._config is not None:
            # Metacontroller would repeat at once what a rate limit refuses, before any scrape.
            middlewares.append(protection(self._config, limits_rate=False))
        application = application_of(self._config, middlewares, longest_body=LONGEST_BODY)
        application.on_response_prepare.append(self._count_refused)
        for path, hook in _HOOKS.items():
            application.router.add_post(path, self._handler(hook))
        return application

    async def _count_refused(self, request: web.Request, response: web.StreamResponse) -> None:
        """Count what is answered by a status of 4xx, whoever refuses it and why."""
        if 400 <= response.status < 500 and response.status != _CALL_AGAIN:
            self._hooks.refused(_HOOKS.get(request.path))

    def _handler(
        self, hook: Hook
    ) -> Callable[[web.Request], Coroutine[Any, Any, web.StreamResponse]]:
        return partial(self._call, hook)

    async def _call(self, hook: Hook, request: web.Request) -> web.StreamResponse:
        if request.content_type != "application/json":
            return _refusal(415, "expected Content-Type: application/json")
        try:
            async with asyncio.timeout(_BODY_TIMEOUT):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _refusal(413, f"the body is longer than {LONGEST_BODY} bytes")
        except TimeoutError:
            return _refusal(408, f"no whole body within {_BODY_TIMEOUT:g} s")
        try:
            answer = await self._hooks.call(hook, body)
        except InvalidRequestError as error:
            logger.warning("a call of the hook %s cannot be read: %s", hook.value, error)
            return _refusal(400, str(error))
        if answer.json is None:
            wait = str(max(1, round(answer.retry_after)))
            return web.Response(
                status=_CALL_AGAIN,
                headers={hdrs.RETRY_AFTER: wait},
                text="nothing is to be changed; call again\n",
            )
        return web.json_response(answer.json)


def _refusal(status: int, text: str) -> web.StreamResponse:
    return web.Response(status=status, text=f"{text}\n")

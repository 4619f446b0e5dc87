"""Connections of the web server: how many, how slow, and what they get that send no HTTP.

aiohttp's own would wait five minutes for the end of a request's headers, and answers what is no
HTTP without our headers.
"""

import asyncio
import resource
import socket
from typing import Any, Final

from aiohttp import hdrs, web, web_protocol

MAX_CONNECTIONS: Final = 512
"""At once, as Prometheus's own ``--web.max-connections``; of few descriptors, half."""
HEADERS_TIMEOUT: Final = 10.0
"""Seconds from a request's first byte to the end of its headers."""

_BACKLOG: Final = 128

COMMON_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
"""On every answer: fresh, and taken as what it says it is."""


class Connection(web_protocol.RequestHandler):
    """One connection."""

    __slots__ = ("_overdue",)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._overdue: asyncio.TimerHandle | None = None

    @property
    def is_closing(self) -> bool:
        """Whether its end has begun; the framework still counts it, some turns of the loop long."""
        return self.transport is None or self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """Whether no request is at work, or on its way."""
        return not self._messages and self._current_request is None and self._overdue is None

    def data_received(self, data: bytes) -> None:
        """Give what has begun to arrive ten seconds; a request that is at work has all it needs."""
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self._in_time()
        elif self._overdue is None:
            self._overdue = self._loop.call_later(HEADERS_TIMEOUT, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Nothing is late any more."""
        self._in_time()
        super().connection_lost(exc)

    def handle_error(self, *arguments: Any, **options: Any) -> web.StreamResponse:
        """What is answered to a request that is no HTTP, with the headers of all other answers."""
        response = super().handle_error(*arguments, **options)
        response.headers.update(COMMON_HEADERS)
        return response

    def _in_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


async def listen(server: web.Server, one: socket.socket) -> asyncio.Server:
    """Accept connections, up to a limit: every part of the exporter needs descriptors, too.

    A connection too many takes the place of one that is idle; where none is, it is closed.
    """
    loop = asyncio.get_running_loop()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, soft // 2)

    def protocol() -> asyncio.BaseProtocol:
        if len(server.connections) >= most:
            found = (one for one in server.connections if isinstance(one, Connection))
            left = [one for one in found if not one.is_closing]
            if len(left) >= most:
                idle = next((one for one in left if one.is_idle), None)
                if idle is None:
                    return _Refused()
                idle.force_close()
        return Connection(server, loop=loop, **server._kwargs)  # noqa: SLF001 - as Server makes them

    # asyncio accepts as many at a time as its backlog, and out of descriptors it logs a traceback
    # for each of these. So it takes one at a time, and the kernel's queue is made longer.
    listener = await loop.create_server(protocol, sock=one, backlog=1)
    one.listen(_BACKLOG)
    return listener


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()

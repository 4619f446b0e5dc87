"""Connections of the web server: how many, how slow, and what they get that send no HTTP.

aiohttp's own would wait five minutes for the end of a request's headers, and answers what is no
HTTP without our headers.
"""

import asyncio
import logging
import resource
import socket
from typing import Any, Final

from aiohttp import hdrs, web, web_protocol

from exporter.web.config import WebConfigFile
from exporter.web.tls_connection import TlsConnection, Turns

logger = logging.getLogger(__name__)

MAX_CONNECTIONS: Final = 512
"""At once, as Prometheus's own ``--web.max-connections``; of few descriptors, half."""
HEADERS_TIMEOUT: Final = 10.0
"""Seconds from a request's first byte to the end of its headers."""

_BACKLOG: Final = 128
_LOOK_EVERY: Final = 0.01

COMMON_HEADERS: Final = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff"}
"""On every answer: fresh, and taken as what it says it is."""


class Connection(web_protocol.RequestHandler):
    """One connection."""

    __slots__ = ("_config", "_open", "_overdue", "_socket_transport", "_tls")

    def __init__(
        self, server: web.Server, config: WebConfigFile | None, open_: dict["Connection", None]
    ) -> None:
        """It is in ``open_`` while it holds a descriptor."""
        loop = asyncio.get_running_loop()
        super().__init__(server, loop=loop, **server._kwargs)  # noqa: SLF001 - as Server makes them
        self._config = config
        self._tls = None if config is None else config.in_force().tls
        self._open = open_
        self._overdue: asyncio.TimerHandle | None = None
        self._socket_transport: asyncio.Transport | None = None

    def protocol(self, turns: Turns) -> asyncio.BaseProtocol:
        """What speaks to the socket: this itself, or TLS for it."""
        return self if self._tls is None else TlsConnection(self, self, self._tls, turns)

    @property
    def is_closing(self) -> bool:
        """Whether its descriptor is as good as given back, some turns of the loop later."""
        return self._socket_transport is None or self._socket_transport.is_closing()

    @property
    def is_changing(self) -> bool:
        """Whether it is in the handshake of TLS, or waits for its end to be confirmed."""
        return self.transport is None

    @property
    def is_idle(self) -> bool:
        """Whether no request is at work, or on its way."""
        return not self._messages and self._current_request is None and self._overdue is None

    @property
    def has_unsent(self) -> bool:
        """Whether the kernel has not taken yet all that was sent over TLS."""
        transport = self._socket_transport
        return (
            self._tls is not None
            and transport is not None
            and transport.get_write_buffer_size() > 0
        )

    def drop(self) -> None:
        """End it at once."""
        if self._socket_transport is not None:
            self._socket_transport.abort()

    def socket_opened(self, transport: asyncio.Transport) -> None:
        """It holds a descriptor."""
        self._socket_transport = transport
        self._open[self] = None

    def socket_closed(self) -> None:
        """It does no more."""
        self._open.pop(self, None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take requests, unless the other side's certificate is of nobody who may send any."""
        super().connection_made(transport)
        if self._tls is None:
            assert isinstance(transport, asyncio.Transport), "of a stream"  # noqa: S101
            self.socket_opened(transport)
        elif not self._tls.admits_connection(transport.get_extra_info("peercert")):
            logger.warning("a client's certificate has none of client_allowed_sans")
            self.drop()

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
        self.socket_closed()
        super().connection_lost(exc)

    def handle_error(self, *arguments: Any, **options: Any) -> web.StreamResponse:
        """What is answered to a request that is no HTTP, with the headers of all other answers."""
        response = super().handle_error(*arguments, **options)
        add_headers(response, self._config)
        return response

    def _in_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None


def add_headers(response: web.StreamResponse, config: WebConfigFile | None) -> None:
    """Give an answer the headers that are common to all, and those that the user wants on all.

    A page's own Content-Security-Policy stands.
    """
    response.headers.update(COMMON_HEADERS)
    if config is not None:
        for name, value in config.in_force().config.headers.items():
            response.headers.setdefault(name, value)


class Connections:
    """All of one server: up to a limit, for every part of the exporter needs descriptors, too."""

    def __init__(self, server: web.Server, config: WebConfigFile | None) -> None:
        self._server = server
        self._config = config
        self._open: dict[Connection, None] = {}
        self._turns = Turns()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limited = soft != resource.RLIM_INFINITY
        self._most = min(MAX_CONNECTIONS, soft // 2) if limited else MAX_CONNECTIONS

    async def listen(self, one: socket.socket) -> asyncio.Server:
        """Accept connections.

        One too many takes the place of one in a handshake, of these the oldest, or of one that is
        idle; where none is, it is closed.
        """
        # asyncio accepts as many at a time as its backlog, and out of descriptors it logs a
        # traceback for each of these. So it takes one at a time, and the kernel's queue is made
        # longer.
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(self._accept, sock=one, backlog=1)
        one.listen(_BACKLOG)
        return listener

    async def end(self, grace: float) -> None:
        """End all; what was sent over TLS, the kernel has so many seconds to take."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        unsent = True
        while unsent and loop.time() < deadline:
            await asyncio.sleep(_LOOK_EVERY)
            unsent = any(one.has_unsent for one in self._open)
        for one in tuple(self._open):
            one.drop()

    def _accept(self) -> asyncio.BaseProtocol:
        if not self._has_room():
            return _Refused()
        return Connection(self._server, self._config, self._open).protocol(self._turns)

    def _has_room(self) -> bool:
        if len(self._open) < self._most:
            return True
        left = [one for one in self._open if not one.is_closing]
        if len(left) < self._most:
            return True
        idle = [one for one in left if one.is_idle]
        found = next((one for one in idle if one.is_changing), None) or next(iter(idle), None)
        if found is not None:
            found.drop()
        return found is not None


class _Refused(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()

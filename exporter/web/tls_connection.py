"""TLS on one connection, by the context that is in force when it is made.

``create_server(ssl=…)`` has one context for good, gives each connection a buffer of 256 KiB, and
tells nobody which handshakes are under way: half a thousand clients that begin one would hold all
descriptors. And it does all the handshakes whose messages have come at once: each is milliseconds
of arithmetic. This is what it makes of a connection itself, with these four changed.
"""

import asyncio
from asyncio import sslproto
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from exporter.web.config.tls import ServerTls

HANDSHAKE_TIMEOUT: Final = 10
"""Seconds from a connection to the end of its handshake; as for a request's headers."""


class Turns:
    """Work that holds the loop for milliseconds: one piece each turn, so that all else goes on."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, work: Callable[[], None]) -> None:
        """Do this once it is its turn."""
        self._waiting.append(work)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        try:
            self._waiting[0]()
        finally:
            self._waiting.popleft()
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._next)


class SocketListener(Protocol):
    """Who knows of a connection's socket, which is there before and after TLS is."""

    @property
    def is_changing(self) -> bool:
        """Whether it is in the handshake."""

    def socket_opened(self, transport: asyncio.Transport, /) -> None:
        """The handshake begins."""

    def socket_closed(self) -> None:
        """It is over, whether or not it ever was secure."""


class TlsConnection(sslproto.SSLProtocol):
    """Deciphers for a protocol, which is connected once the handshake is over."""

    max_size = 16 * 1024  # bytes read at once: requests are small

    def __init__(
        self, protocol: asyncio.Protocol, listener: SocketListener, tls: ServerTls, turns: Turns
    ) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            protocol,
            tls.context,
            None,  # type: ignore[arg-type]  # nobody waits for it
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
        )
        self._listener = listener
        self._turns = turns
        self._beneath: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport), "of a stream"  # noqa: S101
        self._beneath = transport
        self._listener.socket_opened(transport)
        super().connection_made(transport)

    def buffer_updated(self, nbytes: int) -> None:
        """Go on with the handshake once it is its turn, until when nothing more is read."""
        if not self._listener.is_changing or self._beneath is None:
            super().buffer_updated(nbytes)
            return
        self._beneath.pause_reading()
        self._turns.take(partial(self._go_on, nbytes))

    def _go_on(self, nbytes: int) -> None:
        if self._beneath is not None:
            self._beneath.resume_reading()
            super().buffer_updated(nbytes)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._beneath = None
        self._listener.socket_closed()
        super().connection_lost(exc)

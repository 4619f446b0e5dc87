"""TLS on one connection, by the context that is in force when it is made.

``create_server(ssl=…)`` has one context for good, gives each connection a buffer of 256 KiB, and
tells nobody which handshakes are under way: half a thousand clients that begin one would hold all
descriptors. This is what it makes of a connection itself, with these three changed.
"""

import asyncio
from asyncio import sslproto
from typing import Final, Protocol

from exporter.web.config.tls import ServerTls

HANDSHAKE_TIMEOUT: Final = 10
"""Seconds from a connection to the end of its handshake; as for a request's headers."""


class SocketListener(Protocol):
    """Who knows of a connection's socket, which is there before and after TLS is."""

    def socket_opened(self, transport: asyncio.Transport, /) -> None:
        """The handshake begins."""

    def socket_closed(self) -> None:
        """It is over, whether or not it ever was secure."""


class TlsConnection(sslproto.SSLProtocol):
    """Deciphers for a protocol, which is connected once the handshake is over."""

    max_size = 16 * 1024  # bytes read at once: requests are small

    def __init__(
        self, protocol: asyncio.Protocol, listener: SocketListener, tls: ServerTls
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        assert isinstance(transport, asyncio.Transport), "of a stream"  # noqa: S101
        self._listener.socket_opened(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._listener.socket_closed()
        super().connection_lost(exc)

"""The network between a client and a server: it can break off, and be away for a while."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Final, Self

_CHUNK: Final = 64 * 1024


class TcpProxy:
    """Passes bytes on to a port on 127.0.0.1; see ``running``."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._connections: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        """Where it listens, also after it was closed and opened again."""

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, target: int) -> AsyncIterator[Self]:
        """Listen on a port of its own, for as long as needed."""
        proxy = cls(target)
        await proxy.open()
        try:
            yield proxy
        finally:
            await proxy.close()

    async def open(self) -> None:
        """Listen, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and cut those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    def cut(self, *, reset: bool = False) -> None:
        """End all connections, by a close in the midst of whatever is sent, or by a reset."""
        for connection in self._connections:
            found = connection.get_extra_info("socket")
            is_open = found is not None and found.fileno() >= 0
            if reset and is_open:  # a lingering time of zero makes the close a reset
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                there, onward = await asyncio.open_connection("127.0.0.1", self._target)
                self._connections |= {writer, onward}
                await asyncio.gather(_pass_on(reader, onward), _pass_on(there, writer))
                self._connections -= {onward}
                onward.close()
        finally:
            self._connections -= {writer}
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort() if reader.exception() else writer.close()

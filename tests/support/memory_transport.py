"""A connection without a network, for tests in virtual time: what a client sends, it is given."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from support.virtual_time import now


class MemoryTransport(asyncio.Transport):
    """The server's end. A client that ``takes_nothing`` lets the server wait."""

    def __init__(self, protocol: Any, *, takes_nothing: bool = False) -> None:
        super().__init__()
        self.written = b""
        self.closed_at: float | None = None
        """Seconds since the test began; None while it is open."""
        self._protocol = protocol
        self._takes_nothing = takes_nothing
        self._paused = False
        protocol.connection_made(self)

    def send(self, data: bytes) -> None:
        """As the client."""
        self._protocol.data_received(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _Socket() if name == "socket" else default

    def write(self, data: Any) -> None:
        self.written += bytes(data)
        if self._takes_nothing and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def writelines(self, data: Any) -> None:
        self.write(b"".join(map(bytes, data)))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed_at is not None

    def close(self) -> None:
        if self.closed_at is None:
            self.closed_at = now()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def _force_close(self, _: BaseException | None) -> None:
        """What asyncio's TLS calls."""
        self.close()


Connect = Callable[..., MemoryTransport]


def connecting(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Give a way to connect to the server that this event loop makes next."""
    protocols: list[Callable[[], asyncio.BaseProtocol]] = []
    create_server = asyncio.get_running_loop().create_server

    async def create(protocol: Any, **options: Any) -> asyncio.Server:
        protocols.append(protocol)
        return await create_server(protocol, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "create_server", create)

    def connect(*, takes_nothing: bool = False) -> MemoryTransport:
        return MemoryTransport(protocols[0](), takes_nothing=takes_nothing)

    return connect


class _Socket:
    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP

    def setsockopt(self, *_: Any) -> None:
        pass

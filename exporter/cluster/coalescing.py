"""Lets the kernel gather what a watch is sent, so that many events are read in one go.

One event costs the loop, TLS and HTTP 200 µs when it is read alone, and 45 µs when twelve are read
at once (6 KB each, 200 a second, one core): more than all that is done with it. And what is done
with it costs less for each that follows at once, while code and tables are in the processor's
caches: an eighth less for fifty than for twenty. So after each read
the socket's low-water mark is raised (``SO_RCVLOWAT``: it is not readable below that many bytes)
and lowered again a quarter of a second later. A lone event is read at once, for it finds the mark
low; a burst is read in pieces of the mark's size, as fast as it comes; and the end of a connection
always shows. Pausing the transport instead would still wake the loop for every TLS record, at
110 µs an event, and hold up a burst.
"""

import asyncio
import socket
import sys
from contextlib import suppress
from typing import Final

PAUSE: Final = 0.25
"""Seconds after a read for which events may wait for the next."""
ENOUGH: Final = 512 * 1024
"""Bytes that do not wait: a quarter of what aiohttp buffers before it stops reading."""


class ReadCoalescing:
    """Of one connection; without effect where the system is not Linux."""

    def __init__(self, transport: asyncio.BaseTransport | None) -> None:
        self._socket: socket.socket | None = (
            transport.get_extra_info("socket") if transport and sys.platform == "linux" else None
        )
        self._lowering: asyncio.TimerHandle | None = None

    def after_read(self) -> None:
        """Let what comes next gather, for ``PAUSE`` from now or until it is ``ENOUGH``."""
        if self._socket is None:
            return
        if self._lowering is not None:
            self._lowering.cancel()
        _set_low_water_mark(self._socket, ENOUGH)
        loop = asyncio.get_running_loop()
        self._lowering = loop.call_later(PAUSE, _set_low_water_mark, self._socket, 1)


def _set_low_water_mark(connection: socket.socket, size: int) -> None:
    with suppress(OSError):  # closed meanwhile
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)

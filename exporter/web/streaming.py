"""What every answer has in common, whoever reads it: it is sent in portions, each within a time.

A client that reads slowly or not at all so costs the memory of one portion, and not for long.
"""

import asyncio
import logging
import socket
import struct
from typing import Final

from aiohttp import hdrs, web

logger = logging.getLogger(__name__)

WRITE_TIMEOUT: Final = 30.0
"""Seconds for a client to take one portion."""

UNSENT: Final = 1024 * 1024
"""Bytes that may wait for a client in our memory before it is waited for."""

_PORTION: Final = 256 * 1024


async def send(
    request: web.Request, response: web.Response, *, write_timeout: float = WRITE_TIMEOUT
) -> web.StreamResponse:
    """Send a response whose body is made; returns once the kernel has all of it.

    A client that takes no portion within ``write_timeout`` seconds is disconnected.
    """
    body = response.body
    if not isinstance(body, bytes) or len(body) <= _PORTION or request.method == hdrs.METH_HEAD:
        return response
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)
    try:
        if (transport := request.transport) is None:
            raise ConnectionResetError
        transport.set_write_buffer_limits(high=UNSENT)
        await stream.prepare(request)
        for place in range(0, len(body), _PORTION):
            async with asyncio.timeout(write_timeout):
                await stream.write(body[place : place + _PORTION])
        transport.set_write_buffer_limits(high=0)
        async with asyncio.timeout(write_timeout):
            await stream.write_eof()
    except (ConnectionError, TimeoutError):
        logger.debug("a client left, or read too slowly", extra={"client": request.remote})
        abort(request)
    return stream


def abort(request: web.Request) -> None:
    """End the connection such that no client takes what it has for the whole.

    By a reset, for to HTTP/1.0 a connection that closes is the end of a body as any other.
    """
    if (transport := request.transport) is not None:
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        transport.abort()

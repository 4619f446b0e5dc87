"""A client that costs next to nothing: the time measured is the server's."""

import socket
import time
from dataclasses import dataclass
from typing import Final

_BUFFER: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    seconds: float
    """From the request to the last byte."""
    size: int
    """Bytes on the wire."""


def get(port: int, path: str, *, gzip: bool = False) -> Answer:
    """Fetch from 127.0.0.1, throwing the body away; the end is the server closing."""
    encoding = "gzip" if gzip else "identity"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;version=0.0.4\r\n"
        f"Accept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
    ).encode()
    buffer = bytearray(_BUFFER)
    size, head = 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        started = time.perf_counter()
        connection.sendall(request)
        while received := connection.recv_into(buffer):
            if len(head) < 16:
                head += bytes(buffer[:16])
            size += received
        seconds = time.perf_counter() - started
    return Answer(int(head.split()[1]), seconds, size)


def text(port: int, path: str) -> bytes:
    """Fetch a whole body, uncompressed."""
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
    parts = []
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(request)
        while part := connection.recv(_BUFFER):
            parts.append(part)
    return b"".join(parts).partition(b"\r\n\r\n")[2]

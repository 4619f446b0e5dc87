"""The sockets of ``--web.listen-address``.

``:PORT`` means every interface, over IPv6 and IPv4; ``HOST:PORT`` every address the name has
here; ``[::1]:PORT`` an IPv6 address. Port 0 lets the system choose.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Sequence
from typing import Final

from exporter.settings.address import Address

_BACKLOG: Final = 128
# A machine without IPv6 has these for it.
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class ListenError(Exception):
    """An address cannot be listened on; one readable line says which and why."""


async def open_sockets(addresses: Sequence[Address]) -> list[socket.socket]:
    """Listening sockets for all of these addresses, or none at all.

    Raises ListenError if one of them cannot be listened on.
    """
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                opened += await _open(address)
            except (OSError, UnicodeError) as error:  # the latter for a name no DNS can hold
                raise ListenError(f"cannot listen on {address}: {_reason(error)}") from error
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


async def _open(address: Address) -> list[socket.socket]:
    if not address.host:
        return [_open_everywhere(address.port)]
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    opened: list[socket.socket] = []
    failure: OSError | None = None
    for family, _, _, _, where in dict.fromkeys(found):
        try:
            opened.append(socket.create_server(where, family=family, backlog=_BACKLOG))
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY:
                for one in opened:
                    one.close()
                raise
            # "localhost" has an IPv6 address in /etc/hosts even where the machine has none.
            failure = error
        if opened and not address.port:
            break  # no second socket can be promised the port that the system chose for the first
    if not opened and failure:
        raise failure
    return opened


def _open_everywhere(port: int) -> socket.socket:
    """One socket for both families; IPv4 alone where the machine has no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True
            )
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY:
                raise
    return socket.create_server(("", port), family=socket.AF_INET, backlog=_BACKLOG)


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return "the host's name is not known here"
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop what uses it or set another with --web.listen-address"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "not permitted; ports below 1024 need privileges"
    return os.strerror(error.errno) if error.errno else str(error)


def bound_address(one: socket.socket) -> Address:
    """Where a socket listens: with the port that the system chose where 0 was asked for."""
    host, port = one.getsockname()[:2]
    return Address(host, port)

"""What DNS says of an Alertmanager's name.

Addresses come from the system's resolver, as for every other name, so that ``/etc/hosts`` and
search domains hold. It looks up no SRV records: those, and their targets, are asked of the same
servers by dnspython.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from exporter.settings.values import is_dns_name

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as DnsResolver

TIMEOUT: Final = 10.0
"""Seconds for all queries of one name; the system's resolver may take twice as long."""

MOST_ADDRESSES: Final = 64
"""Of one name: more are left out, for each costs a queue and a connection."""

RESOLUTION_REASONS: Final = ("not_found", "timeout", "failed")
"""Every value of ``ResolutionError.reason``. ``not_found`` is an answer, the others are none."""

_NO_ADDRESSES: Final = frozenset(
    getattr(socket, name)
    for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY")
    if hasattr(socket, name)  # the last two are glibc's
)


class ResolutionError(Exception):
    """A name has no addresses, or could not be resolved; the text is one line."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True, order=True)
class Service:
    """An address of an SRV record's target."""

    target: str
    """Without a dot at its end."""
    port: int
    address: str


class Resolver(Protocol):
    """Where names are looked up; a test has its own. Neither method returns nothing at all."""

    async def addresses(self, name: str) -> Sequence[str]:
        """All A and AAAA addresses. Raises ResolutionError."""

    async def services(self, name: str) -> Sequence[Service]:
        """All addresses of the targets of all SRV records. Raises ResolutionError."""


@dataclass(slots=True)
class SystemResolver:
    """Resolves as ``/etc/resolv.conf`` and, for addresses, ``/etc/nsswitch.conf`` say."""

    servers: Sequence[tuple[str, int]] = ()
    """Addresses and ports to ask for SRV records instead of those of ``/etc/resolv.conf``."""
    _lookups: dict[str, asyncio.Future[list[str] | OSError | ValueError]] = field(
        default_factory=dict
    )
    """Of the system's resolver, those that run; one a name, however long it takes."""

    async def addresses(self, name: str) -> Sequence[str]:
        """All A and AAAA addresses, within ``TIMEOUT``. Raises ResolutionError."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = _look_up(name)
            lookup.add_done_callback(lambda _: self._lookups.pop(name, None))
        try:
            async with asyncio.timeout(TIMEOUT):
                found = await asyncio.shield(lookup)
        except TimeoutError:
            raise _timeout(name) from None
        if isinstance(found, socket.gaierror) and found.errno in _NO_ADDRESSES:
            raise ResolutionError("not_found", f"{name} has no addresses") from None
        if isinstance(found, Exception):
            why = getattr(found, "strerror", None) or str(found)
            raise ResolutionError("failed", f"{name}: {why}") from found
        return found

    async def services(self, name: str) -> Sequence[Service]:
        """All addresses of the targets of all SRV records, within ``TIMEOUT``.

        Priorities and weights are of no account: every member of a cluster is notified. Raises
        ResolutionError; where one target's addresses cannot be asked for, too.
        """
        from dns.exception import DNSException, Timeout  # noqa: PLC0415 - few need it

        try:
            async with asyncio.timeout(TIMEOUT):
                found = await _services(self._dns(), name)
        except (TimeoutError, Timeout):
            raise _timeout(name) from None
        except (DNSException, OSError, ValueError) as error:
            text = " ".join(str(error).split())[:300] or type(error).__name__
            raise ResolutionError("failed", f"{name}: {text}") from error
        if not found:
            raise ResolutionError("not_found", f"{name} has no SRV records with addresses")
        return found

    def _dns(self) -> "DnsResolver":
        """One made anew for each resolution: ``/etc/resolv.conf`` may have changed."""
        from dns.asyncresolver import Resolver as DnsResolver  # noqa: PLC0415
        from dns.nameserver import Do53Nameserver  # noqa: PLC0415

        resolver = DnsResolver(configure=not self.servers)
        if self.servers:
            resolver.nameservers = [Do53Nameserver(*server) for server in self.servers]
        resolver.lifetime = TIMEOUT
        return resolver


async def _services(resolver: "DnsResolver", name: str) -> list[Service]:
    from dns.resolver import NXDOMAIN, NoAnswer  # noqa: PLC0415

    try:
        records = await resolver.resolve(name, "SRV", search=True)
    except (NXDOMAIN, NoAnswer):
        return []
    targets = {(one.target.to_text(omit_final_dot=True), one.port) for one in records}
    found = []
    # A target that is no host's name is a dot, for no service at all (RFC 2782), or nonsense.
    hosts_named = sorted(one for one in targets if is_dns_name(one[0]))
    for target, port in hosts_named[: MOST_ADDRESSES + 1]:  # one more shows that there are more
        with contextlib.suppress(NXDOMAIN, NoAnswer):  # as that of a pod that is about to come
            hosts = await resolver.resolve_name(f"{target}.", search=False)
            found += [Service(target, port, address) for address in hosts.addresses()]
    return found


def _look_up(name: str) -> asyncio.Future[list[str] | OSError | ValueError]:
    """Ask the system's resolver, in a thread that may hang and that no shutdown waits for.

    One of the event loop's own threads would keep the process, and other names, waiting.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str] | OSError | ValueError] = loop.create_future()

    def settle(result: list[str] | OSError | ValueError) -> None:
        if not future.done():
            future.set_result(result)

    def work() -> None:
        result: list[str] | OSError | ValueError
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            result = list(dict.fromkeys(str(address[0]) for *_, address in found))
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError
            result = error
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=work, name=f"resolve {name}", daemon=True).start()
    return future


def _timeout(name: str) -> ResolutionError:
    return ResolutionError("timeout", f"{name}: no answer within {TIMEOUT:g} s")

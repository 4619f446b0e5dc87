"""A small DNS server that answers with what a test has set, and the system's resolver asking it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.rrset
from dns.nameserver import Do53Nameserver

HOST = "127.0.0.1"


@dataclass
class DNSServer(asyncio.DatagramProtocol):
    """Authoritative for all names, over UDP; TTLs are zero."""

    records: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By name and type, as in a zone file; a name that is not there is NXDOMAIN."""
    silent: bool = False
    """Does not answer at all."""
    rcode: dns.rcode.Rcode | None = None
    """Answered instead."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Names and types, in order."""
    port: int = 0
    _transport: asyncio.DatagramTransport | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(HOST, self.port)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        try:
            yield
        finally:
            transport.close()

    @contextlib.contextmanager
    def as_the_systems(self) -> Iterator[None]:
        """Within it, ``socket.getaddrinfo`` asks here; gives up after a second."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [Do53Nameserver(HOST, self.port)]
        resolver.lifetime = 1.0
        dns.resolver.override_system_resolver(resolver)
        try:
            yield
        finally:
            dns.resolver.restore_system_resolver()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if self.silent or self._transport is None:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        found = self.records.get(name)
        if self.rcode is not None:
            answer.set_rcode(self.rcode)
        elif found is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in found:
            answer.answer.append(
                dns.rrset.from_text_list(question.name, 0, "IN", kind, found[kind])
            )
        self._transport.sendto(answer.to_wire(), addr)

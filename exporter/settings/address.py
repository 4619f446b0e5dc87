"""Addresses to listen on, as exporters take them (``--web.listen-address``)."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, Self

_ADDRESS: Final = re.compile(
    r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<host>[A-Za-z0-9_.-]*)):(?P<port>\d{1,5})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; an empty host stands for every interface, port 0 for any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``:PORT``, ``HOST:PORT`` or ``[IPv6]:PORT``.

        Raises ValueError with one readable line.
        """
        match = _ADDRESS.fullmatch(text)
        if not match:
            if text.count(":") > 1:
                raise ValueError("expected an IPv6 address in brackets, such as [::1]:9090")
            raise ValueError("expected HOST:PORT or :PORT")
        port = int(match["port"])
        if port > 65535:
            raise ValueError("expected a port of at most 65535")
        if (host := match["bracketed"]) is not None:
            try:
                IPv6Address(host.partition("%")[0])
            except ValueError:
                raise ValueError("expected an IPv6 address between the brackets") from None
        return cls(host or match["host"] or "", port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """Where a client on this machine finds it."""
        everywhere = self.host in {"", "::", "0.0.0.0"}  # noqa: S104 - compared, not bound
        return f"http://{Address('localhost', self.port) if everywhere else self}"

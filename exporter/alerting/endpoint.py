"""Where one Alertmanager is: the URL given, or one of the addresses that its name has in DNS.

A request to an address is one to the name all the same: ``Host``, the certificate and the choice of
a proxy are the name's. So an Alertmanager behind a virtual host, or with a certificate for its
name, is reached as it would be without discovery.
"""

from dataclasses import dataclass

from yarl import URL

from exporter.settings.values import ALERTS_PATH


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One Alertmanager's API; two of the same URL and address are the same one."""

    url: str
    """As given; the ``alertmanager`` of logs and metrics."""
    named: URL
    """Where alerts are posted, by name."""
    address: str = ""
    """``10.0.0.1:9093`` or ``[fd00::1]:9093``; empty where the URL itself is one Alertmanager's."""
    connect: URL | None = None
    """The same place by address; None where the HTTP library is to look up the name."""

    @classmethod
    def of(cls, url: str) -> "Endpoint":
        """Where the URL itself is one Alertmanager's, with the prefix of its paths if it has one.

        One with ``dns+`` or ``dnssrv+`` gives what its endpoints have in common.
        """
        base = URL(url.rstrip("/") + ALERTS_PATH)
        return cls(url, base.with_scheme(base.scheme.rpartition("+")[2]))

    def at(self, address: str, port: int | None = None, name: str | None = None) -> "Endpoint":
        """The one at an address; port and name are the URL's, or an SRV record's."""
        named = self.named if name is None else self.named.with_host(name)
        if port is not None:
            named = named.with_port(port)
        host = f"[{address}]" if ":" in address else address
        return Endpoint(self.url, named, f"{host}:{named.port}", named.with_host(address))

    @property
    def name(self) -> str:
        """The host that its certificate is for; without a dot at its end."""
        return (self.named.raw_host or "").removesuffix(".")

    @property
    def host_header(self) -> str:
        """The value of ``Host``: the name and, unless it is the scheme's own, the port."""
        return self.named.host_port_subcomponent or ""

    @property
    def fields(self) -> dict[str, str]:
        """Who it is, for the log."""
        address = {"address": self.address} if self.address else {}
        return {"alertmanager": self.url, **address}

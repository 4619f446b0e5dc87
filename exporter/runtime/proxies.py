"""Which proxy a request goes through: the one given for it, or as the environment says.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY`` (or in lower case) are read as Go's programs read
them, so that the exporter takes the way that kubectl and Prometheus take. The HTTP library reads
them otherwise (no networks, no ports, no proxy without a scheme), and from ``.netrc`` the
credentials, too, so it is asked to read nothing.
Source: golang.org/x/net/http/httpproxy.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Final

from yarl import URL

_PORTS: Final = {"http": 80, "https": 443}


class ProxyError(ValueError):
    """A proxy's address cannot be used; one line, without its user and password."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy for HTTP requests."""

    url: URL
    """Without user and password."""
    authorization: str | None = field(default=None, repr=False)
    """The header's value, for the proxy alone."""

    @classmethod
    def parse(cls, text: str) -> "Proxy":
        """Read an address; without a scheme it is an ``http`` one. Raises ProxyError."""
        wrong = ProxyError("a proxy's address is not of the form http://HOST:PORT")
        try:
            url = URL(text)
            if not url.scheme or not url.host:
                url = URL(f"http://{text}")
            port = url.port
        except ValueError:
            raise wrong from None
        if url.scheme.startswith("socks"):
            raise ProxyError("SOCKS proxies cannot be used; give the address of an HTTP proxy")
        if url.scheme not in _PORTS or not url.host or not port:
            raise wrong
        authorization = None
        if url.user is not None:
            pair = f"{url.user}:{url.password or ''}"  # yarl has decoded them
            authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return cls(url.origin(), authorization)


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What the environment says."""

    http: Proxy | None = None
    https: Proxy | None = None
    no_proxy: str = ""
    """Hosts, domains and networks that are reached without one, separated by commas."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "ProxyConfig":
        """Read the variables; raises ProxyError, which names the variable."""

        def variable(name: str) -> tuple[str, str]:
            return next(
                ((one, environ[one]) for one in (name, name.lower()) if environ.get(one)),
                (name, ""),
            )

        def proxy(name: str) -> Proxy | None:
            found, text = variable(name)
            try:
                return Proxy.parse(text) if text else None
            except ProxyError as error:
                raise ProxyError(f"{found}: {error}") from None

        return cls(proxy("HTTP_PROXY"), proxy("HTTPS_PROXY"), variable("NO_PROXY")[1])

    def choose(self, url: URL) -> Proxy | None:
        """Return the proxy for a request, or None where it goes straight there."""
        proxy = self.https if url.scheme == "https" else self.http
        if proxy is None or self._is_direct(url.host or "", url.port or _PORTS["http"]):
            return None
        return proxy

    def _is_direct(self, host: str, port: int) -> bool:
        host = host.lower().rstrip(".")
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return True
        entries = [entry.strip().lower() for entry in self.no_proxy.split(",")]
        return any(_matches(entry, host, address, port) for entry in entries if entry)


def request_options(proxy: Proxy | None) -> dict[str, Any]:
    """Return what aiohttp's ``request`` takes."""
    if proxy is None:
        return {}
    if proxy.authorization is None:
        return {"proxy": proxy.url}
    # It is sent as Proxy-Authorization, to the proxy alone.
    return {"proxy": proxy.url, "proxy_headers": {"Authorization": proxy.authorization}}


def _matches(entry: str, host: str, address: Any, port: int) -> bool:
    """Whether one entry of NO_PROXY means this host and port."""
    if "/" in entry:
        return address is not None and address in (_network(entry) or ())
    name, only = _split_port(entry)
    if not name or (only is not None and only != port):
        return False
    if (listed := _address(name)) is not None:
        return bool(listed == address)
    if name.startswith((".", "*.")):  # the domain's hosts, and not the domain
        return host.endswith(name.removeprefix("*"))
    return name in ("*", host) or host.endswith(f".{name}")


def _network(entry: str) -> Any:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _split_port(entry: str) -> tuple[str, int | None]:
    """``host:80``, ``[::1]:80``, or either without a port."""
    name, colon, port = entry.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.startswith("[")):
        return name.strip("[]"), int(port)
    return entry.strip("[]"), None


def _address(text: str) -> Any:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

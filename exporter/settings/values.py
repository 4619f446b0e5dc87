"""How the text of a flag, a variable or the file becomes a value.

Each function raises ValueError with one readable line that says what was expected; whoever reads
the option adds where the text came from.
"""

import re
import socket
from typing import Final

from yarl import URL

ALERTS_PATH: Final = "/api/v2/alerts"
"""Below an Alertmanager's address, which is given without it."""
ORDINAL: Final = "ordinal"

_DURATION: Final = re.compile(
    r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?", re.ASCII
)
_DURATION_UNITS: Final = (7 * 86400, 86400, 3600, 60, 1, 0.001)
_NAMESPACE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)+/?", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HOST: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}|\[?[0-9A-Fa-f:]+\]?", re.ASCII)
_DNS_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_ORDINAL: Final = re.compile(r"-([0-9]{1,9})(?:\.|$)", re.ASCII)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


class CredentialsInUrlError(ValueError):
    """Not to be shown with the value, which holds a secret."""


_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "proxy-authorization",
        "transfer-encoding",
        "user-agent",
    }
)


def duration(text: str) -> float:
    """Seconds from a duration as Prometheus writes it (``7d``, ``1h30m``) or plain seconds."""
    match = _DURATION.fullmatch(text)
    if match and text:
        parts = zip(match.groups(), _DURATION_UNITS, strict=True)
        seconds = sum(int(count) * unit for count, unit in parts if count)
    elif text.isascii() and text.isdecimal():
        seconds = float(text)
    else:
        raise ValueError("expected a duration such as 7d, 12h or 1h30m")
    if not 0 < seconds <= 100 * 365 * 86400:
        raise ValueError("expected a duration above 0 and below 100 years")
    return float(seconds)


_SHORTEST_POLL: Final = 5.0


def poll_interval(text: str) -> float:
    """A duration of at least five seconds: nothing that is polled is measured more often."""
    seconds = duration(text)
    if seconds < _SHORTEST_POLL:
        raise ValueError(f"expected a duration of at least {_SHORTEST_POLL:g}s")
    return seconds


def whole_number(text: str) -> int:
    """A decimal number from 1 to 999,999,999."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text) > 0):
        raise ValueError("expected a whole number of at least 1")
    return int(text)


def shard(text: str) -> int:
    """A decimal number from 0, or ``ordinal``: the number at the end of the host's name.

    That is how a StatefulSet names its pods.
    """
    if text == ORDINAL:
        host = socket.gethostname()
        found = _ORDINAL.search(host)
        if found is None:
            raise ValueError(f"expected a host name that ends in -NUMBER, and it is {host}")
        return int(found[1])
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10):
        raise ValueError(f"expected a whole number of at least 0, or {ORDINAL}")
    return int(text)


def switch(text: str) -> bool:
    """``true``, ``yes``, ``on`` or ``1``, or their opposites, in any case."""
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("expected true or false")


def namespace(text: str) -> str:
    """Check the name of a namespace (RFC 1123 label)."""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("expected the name of a namespace: a-z, 0-9 and -, 63 characters at most")
    return text


def url_path(text: str) -> str:
    """Check a path to serve something at: absolute, and the same however it is normalised."""
    if not _PATH.fullmatch(text) or {".", ".."} & set(text.split("/")):
        raise ValueError("expected a path such as /metrics, of letters, digits, - . _ ~ and /")
    return text


def alertmanager_url(text: str) -> str:
    """Check the address of an Alertmanager, with or without a prefix of its paths.

    Before its scheme may be ``dns+`` or ``dnssrv+``, as Thanos has them: then the host is a name
    whose addresses, or whose SRV records' addresses, are an Alertmanager each. Returned without a
    slash at its end. Raises CredentialsInUrlError for one with a user in it.
    """
    if "@" in text:
        raise CredentialsInUrlError(
            "a URL with a user or password would be logged and served; give them by "
            "--alertmanager.username and --alertmanager.password-file"
        )
    wanted = "expected the address of an Alertmanager, such as http://alertmanager:9093"
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(wanted) from None
    discovery, plus, scheme = url.scheme.rpartition("+")
    if scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ValueError(wanted)
    if plus:
        _refuse_unresolvable(discovery, url)
    if url.path.rstrip("/").endswith(ALERTS_PATH):
        raise ValueError(f"expected the address without {ALERTS_PATH}")
    return text.rstrip("/")


def _refuse_unresolvable(discovery: str, url: URL) -> None:
    """Check what is particular to ``dns+`` and ``dnssrv+``."""
    if discovery not in ("dns", "dnssrv"):
        raise ValueError(f"expected dns+ or dnssrv+ before http:// or https://, not {discovery}+")
    if discovery == "dns" and url.explicit_port is None:
        raise ValueError("expected a port, such as dns+http://alertmanager:9093")
    if discovery == "dnssrv" and url.explicit_port is not None:
        raise ValueError("expected no port: the SRV records of a dnssrv+ name have it")
    if not is_dns_name((url.host or "").removesuffix(".")):
        raise ValueError(f"expected a name that DNS can have after {url.scheme}://")


def is_dns_name(text: str) -> bool:
    """Whether this can be a host or service in DNS, and is no address; without a dot at its end."""
    labels = text.split(".")
    fits = len(text) <= 253 and not labels[-1].isdecimal()
    return fits and all(_DNS_LABEL.fullmatch(label) for label in labels)


def browsertrix_url(text: str) -> str:
    """Check the address of a Browsertrix, with or without a prefix of its paths.

    Returned without a slash at its end. Raises CredentialsInUrlError for one with a user in it.
    """
    if "@" in text:
        raise CredentialsInUrlError(
            "a URL with a user or password would be logged and served; give them by "
            "--browsertrix.username and --browsertrix.password-file"
        )
    wanted = "expected the address of Browsertrix, such as https://browsertrix.example.org"
    try:
        url = URL(text)
    except ValueError:
        raise ValueError(wanted) from None
    if url.scheme not in ("http", "https") or not url.host or url.query_string or url.fragment:
        raise ValueError(wanted)
    if url.path.rstrip("/").endswith("/api"):
        raise ValueError("expected the address without /api")
    return text.rstrip("/")


def external_label(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``, of which NAME can be a Prometheus label and VALUE is not empty."""
    name, _, value = text.partition("=")
    if not _LABEL.fullmatch(name) or not value:
        raise ValueError("expected NAME=VALUE with the name of a label")
    return name, value


def host_name(text: str) -> str:
    """Check a host name or an address, without a port; in lower case."""
    if not _HOST.fullmatch(text):
        raise ValueError("expected the name of a host, without a port")
    return text.lower().strip("[]").rstrip(".")


def label_name(text: str) -> str:
    """Check the name of a Prometheus label."""
    if not _LABEL.fullmatch(text) or text.startswith("__"):
        raise ValueError("expected the name of a label")
    return text


def assignment(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``, neither of them empty."""
    name, _, value = text.partition("=")
    if not name.strip() or not value.strip():
        raise ValueError("expected NAME=VALUE")
    return name.strip(), value.strip()


def http_header(text: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``, of which NAME is a header that the exporter does not set itself."""
    name, _, value = text.partition("=")
    if not _HEADER.fullmatch(name) or not value or not value.isascii() or not value.isprintable():
        raise ValueError("expected NAME=VALUE with the name of an HTTP header")
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"the header {name} is the exporter's own to set")
    return name, value

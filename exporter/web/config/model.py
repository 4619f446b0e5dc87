"""What a web configuration says, in the exporter-toolkit's terms; nothing here is read or checked.

Source: prometheus/exporter-toolkit, docs/web-configuration.md.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final


class WebConfigError(Exception):
    """A web configuration cannot be used: one readable line, without a value that is a secret."""


class ClientAuth(StrEnum):
    """Go's policies for client certificates (crypto/tls, ClientAuthType)."""

    NO = "NoClientCert"
    REQUEST = "RequestClientCert"
    REQUIRE_ANY = "RequireAnyClientCert"
    VERIFY_IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRE_AND_VERIFY = "RequireAndVerifyClientCert"

    @property
    def verifies(self) -> bool:
        """Whether a certificate is asked for: here each one is verified then."""
        return self not in {ClientAuth.NO, ClientAuth.REQUEST}


VERSIONS: Final[Mapping[str, ssl.TLSVersion]] = {
    "TLS13": ssl.TLSVersion.TLSv1_3,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS10": ssl.TLSVersion.TLSv1,
}

CURVES: Final[Mapping[str, str]] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""Go's names, and OpenSSL's."""

CIPHERS: Final[Mapping[str, str]] = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
}
"""Go's names of those it calls secure, and OpenSSL's up to TLS 1.2.

Those of TLS 1.3, which have none here, can be named, but not chosen: neither by Go.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pem:
    """A certificate or a key: in the configuration itself, or in a file."""

    text: str = field(default="", repr=False)
    file: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.text) or self.file is not None

    def read(self, name: str) -> bytes:
        """Return its content; ``name`` is what the configuration calls it in an error."""
        if self.file is None:
            return self.text.encode()
        try:
            return self.file.read_bytes()
        except OSError as error:
            raise WebConfigError(f"{name}_file: {self.file}: {error.strerror}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsConfig:
    """``tls_server_config``."""

    cert: Pem = Pem()
    key: Pem = Pem()
    client_ca: Pem = Pem()
    """Whose client certificates are believed; none stands for the system's authorities."""
    client_auth: ClientAuth = ClientAuth.NO
    client_allowed_sans: tuple[str, ...] = ()
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    cipher_suites: tuple[str, ...] = ()
    """Go's names; none stands for OpenSSL's own choice."""
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()
    """Go's names; none stands for OpenSSL's own choice."""

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is read from."""
        return tuple(
            pem.file for pem in (self.cert, self.key, self.client_ca) if pem.file is not None
        )


@dataclass(frozen=True, slots=True)
class RateLimit:
    """``rate_limit``: a request each ``interval`` seconds, and ``burst`` of them at once."""

    interval: float
    burst: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """A whole file."""

    tls: TlsConfig | None = None
    """None serves plain HTTP."""
    http2: bool | None = None
    """None where the file does not say; it does nothing anyway."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """On every answer that has none of that name by itself."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Hashes of their passwords, by name; none lets everybody in."""
    rate_limit: RateLimit | None = None

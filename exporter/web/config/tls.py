"""``tls_server_config`` as an SSL context, and the check of a client's names that follows on it.

Go's terms are kept where OpenSSL, as Python has it, can do the same; where it cannot, parsing has
refused them.
"""

import ipaddress
import ssl
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

from exporter.runtime.certificate_chain import load_chain
from exporter.web.config.model import CIPHERS, CURVES, ClientAuth, TlsConfig, WebConfigError

_OLD: Final = frozenset({ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1})


class ServerTls:
    """What connections are made secure by: one context, for as long as its files stay the same.

    A new one has new keys for session tickets: who was let in by the old is verified again.
    """

    def __init__(self, config: TlsConfig, *, open_probes: bool) -> None:
        """Read the certificates; raises WebConfigError, which names the file.

        With ``open_probes`` a client without a certificate gets its connection, for these alone.
        """
        self._config = config
        self._sans = frozenset(map(_normal, config.client_allowed_sans))
        self._requires_certificate = bool(self._sans) or config.client_auth in {
            ClientAuth.REQUIRE_ANY,
            ClientAuth.REQUIRE_AND_VERIFY,
        }
        self._open_probes = open_probes
        self.context: Final = self._context()

    def admits_connection(self, peer: Mapping[str, Any] | None) -> bool:
        """Whether it may stay, by the verified certificate of the other side, if it has one."""
        return self.admits_request(peer) or (self._open_probes and not peer)

    def admits_request(self, peer: Mapping[str, Any] | None) -> bool:
        """Whether a request is answered, unless it is for a probe."""
        if not peer:
            return not self._requires_certificate
        return not self._sans or not self._sans.isdisjoint(_sans(peer))

    def _context(self) -> ssl.SSLContext:
        config = self._config
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        with warnings.catch_warnings():  # who names old versions knows that they are old
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = config.min_version
            context.maximum_version = config.max_version
        context.options |= ssl.OP_NO_RENEGOTIATION
        if not config.prefer_server_cipher_suites:
            context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        if len(config.curve_preferences) == 1:
            context.set_ecdh_curve(CURVES[config.curve_preferences[0]])
        self._choose_ciphers(context)
        try:
            load_chain(context, config.cert.read("cert"), config.key.read("key"))
        except (OSError, ValueError) as error:
            raise WebConfigError(f"{_names(config)}: {_reason(error)}") from None
        if config.client_auth.verifies:
            self._verify_clients(context)
        return context

    def _choose_ciphers(self, context: ssl.SSLContext) -> None:
        names = [CIPHERS[name] for name in self._config.cipher_suites if CIPHERS[name]]
        if self._config.min_version in _OLD:
            # Their signatures are below what OpenSSL takes for secure by itself.
            context.set_ciphers(":".join(names or ["DEFAULT"]) + ":@SECLEVEL=0")
        elif names:
            context.set_ciphers(":".join(names))
        elif self._config.cipher_suites:  # of TLS 1.3 alone
            if self._config.max_version < ssl.TLSVersion.TLSv1_3:
                raise WebConfigError("cipher_suites: none of them is one of max_version")
            context.minimum_version = ssl.TLSVersion.TLSv1_3

    def _verify_clients(self, context: ssl.SSLContext) -> None:
        config = self._config
        required = self._requires_certificate and not self._open_probes
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        # As Go does: each certificate in it is believed, not those alone that sign themselves.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if not config.client_ca:
            context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
            return
        where = config.client_ca.file or "client_ca"
        # Only comments beside the PEM can be anything else, and OpenSSL takes no other text.
        text = config.client_ca.read("client_ca").decode("ascii", "ignore")
        try:
            context.load_verify_locations(cadata=text)
        except (OSError, ValueError) as error:
            raise WebConfigError(f"{where}: {_reason(error)}") from None


def _names(config: TlsConfig) -> str:
    return ", ".join(
        str(pem.file or name) for name, pem in (("cert", config.cert), ("key", config.key))
    )


def _reason(error: OSError | ValueError) -> str:
    """What OpenSSL says, without what it was given."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return "no valid certificate or key"


def _sans(peer: Mapping[str, Any]) -> Iterable[str]:
    """DNS names, addresses, e-mail addresses and URIs; whatever else there is names nobody here."""
    return [
        _normal(value)
        for kind, value in peer.get("subjectAltName", ())
        if kind in {"DNS", "IP Address", "email", "URI"}
    ]


def _normal(name: str) -> str:
    """An IPv6 address as Go writes it; all else as it is."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name

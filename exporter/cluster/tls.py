"""What TLS is made of: authorities, and a client's certificate with its key, held as content.

The official client writes what a kubeconfig holds in base64 to temporary files, once for the life
of the process: where /tmp is cleaned, no credential can be loaded any more. Here nothing lies on
disk.
"""

import ssl
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kubernetes.aio.config.config_exception import ConfigException

from exporter.runtime.certificate_chain import load_chain


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What an SSL context is made from, all of it PEM; equal while a context can be kept."""

    authorities: bytes | None = field(default=None, repr=False)
    """Whom to believe; None stands for the system's."""
    certificate: bytes | None = field(default=None, repr=False)
    key: bytes | None = field(default=None, repr=False)
    """None where it stands beside the certificate."""
    names: tuple[str, ...] = ()
    """Files and fields that it is from, for messages."""

    @classmethod
    def take(cls, cluster: dict[str, Any], user: dict[str, Any]) -> Self:
        """Read what a kubeconfig's cluster and user hold or name, and take it out of them.

        Raises OSError for a file, ConfigException for a field that is not base64.
        """
        places = _places(cluster, user)
        authorities, certificate, key = (read_content(*place) for place in places)
        names: list[str] = []
        for entry, name in places:
            file, data = entry.pop(name, None), entry.pop(f"{name}-data", None)
            names += [f"{name}-data"] if data else [file] if file else []
        return cls(authorities, certificate, key, tuple(names))

    def context(self, *, verify: bool = True) -> ssl.SSLContext:
        """Make an SSL context; raises ConfigException that names the files and fields."""
        try:
            context = ssl.create_default_context(cadata=self._cadata())
            if self.certificate is not None:
                load_chain(context, self.certificate, self.key)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            what = error.reason if isinstance(error, ssl.SSLError) else error
            raise ConfigException(
                f"cannot use the certificates in {', '.join(self.names)}: "
                f"{what or 'no valid certificate or key'}"
            ) from error
        # Python 3.13 refuses authorities without a key usage, as old EKS and MicroK8s have made
        # them. Chain, name and time are checked all the same, and so does Go, which made them.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _cadata(self) -> str | None:
        if self.authorities is None:
            return None
        # Only comments beside the PEM can be anything else, and OpenSSL takes no other text.
        text = self.authorities.decode("ascii", "ignore")
        if not text:  # which would stand for the system's
            raise ValueError("no certificate in it")
        return text


def tls_files(cluster: dict[str, Any], user: dict[str, Any]) -> list[str]:
    """Return the files that ``TlsMaterial.take`` reads."""
    return [
        entry[name]
        for entry, name in _places(cluster, user)
        if entry.get(name) and not entry.get(f"{name}-data")
    ]


def read_content(entry: Mapping[str, Any], name: str) -> bytes | None:
    """Return what ``NAME-data`` holds as base64, else what the file that ``NAME`` names holds.

    The order is client-go's (``rest.TLSClientConfig``). Raises OSError, and ConfigException where
    it is not base64.
    """
    if text := entry.get(f"{name}-data"):
        try:
            return b64decode("".join(str(text).split()), validate=True)
        except ValueError:
            raise ConfigException(f"{name}-data is not base64") from None
    file = entry.get(name)
    return Path(file).read_bytes() if file else None


def _places(
    cluster: dict[str, Any], user: dict[str, Any]
) -> tuple[tuple[dict[str, Any], str], ...]:
    return (cluster, "certificate-authority"), (user, "client-certificate"), (user, "client-key")

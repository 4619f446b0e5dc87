"""TLS and credentials of requests to Alertmanagers, from files.

Files are read again when they have changed. While one cannot be read, as in the middle of its
rotation, what was read last stays in use. No message shows the content of a file.
"""

import base64
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.runtime.http_files import (
    FromFiles,
    HTTPClientConfigError,
    read_secret,
    tls_context,
)

__all__ = ["Credentials", "HTTPClientConfig", "HTTPClientConfigError"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPClientConfig:
    """The same for all Alertmanagers. Of a pair (certificate and key), both or none are set."""

    ca_file: Path | None = None
    """Certificate authorities (PEM) for the server's certificate, in place of the system's."""
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    """The name in the server's certificate, where it is not that of its URL."""
    username: str | None = None
    password_file: Path | None = None
    bearer_token_file: Path | None = None
    headers: Sequence[tuple[str, str]] = ()
    """Further ones, by name."""
    header_files: Sequence[tuple[str, Path]] = ()
    """Further ones, whose values are in files."""


class Credentials:
    """The TLS context and headers of the next request; looks at the files' metadata each time."""

    def __init__(self, http_config: HTTPClientConfig) -> None:
        """Read all files; raises HTTPClientConfigError where one cannot be used."""
        self._http_config = http_config
        tls = (http_config.ca_file, http_config.cert_file, http_config.key_file)
        secrets = (
            http_config.password_file,
            http_config.bearer_token_file,
            *(file for _, file in http_config.header_files),
        )
        self._context = FromFiles("Alertmanager", tls, lambda: _context(http_config))
        self._headers = FromFiles("Alertmanager", secrets, lambda: _headers(http_config))

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have; None for that of its URL."""
        return self._http_config.server_name

    def context(self) -> ssl.SSLContext:
        """For connections by https, made of the certificates and key as they are now."""
        return self._context.value()

    def headers(self) -> dict[str, str]:
        """``Authorization``, unless there are no credentials, and the further ones."""
        return dict(self._headers.value())


def _context(http_config: HTTPClientConfig) -> ssl.SSLContext:
    return tls_context(http_config.ca_file, http_config.cert_file, http_config.key_file)


def _headers(http_config: HTTPClientConfig) -> dict[str, str]:
    headers = dict(http_config.headers)
    headers |= {name: read_secret(file) for name, file in http_config.header_files}
    authorization = _authorization(http_config)
    return headers if authorization is None else {**headers, "Authorization": authorization}


def _authorization(http_config: HTTPClientConfig) -> str | None:
    if http_config.bearer_token_file is not None:
        return f"Bearer {read_secret(http_config.bearer_token_file)}"
    if http_config.username is not None and http_config.password_file is not None:
        pair = f"{http_config.username}:{read_secret(http_config.password_file)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None

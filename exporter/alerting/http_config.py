"""TLS and credentials of requests to Alertmanagers, from files.

Files are read again when they have changed. While one cannot be read, as in the middle of its
rotation, what was read last stays in use. No message shows the content of a file.
"""

import base64
import logging
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from exporter.runtime.files import changed, fingerprints

logger = logging.getLogger(__name__)


class HTTPClientConfigError(Exception):
    """A file cannot be used; one readable line that names it."""


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
        self._context = _FromFiles(tls, lambda: _context(http_config))
        self._headers = _FromFiles(secrets, lambda: _headers(http_config))

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


_Value = TypeVar("_Value")


class _FromFiles(Generic[_Value]):
    """A value read from some files, and again when they have changed."""

    def __init__(self, files: Iterable[Path | None], read: Callable[[], _Value]) -> None:
        self._read = read
        self._seen = fingerprints([str(file) for file in files if file is not None])
        self._value = read()

    def value(self) -> _Value:
        """The value; while the changed files cannot be used, what they held before."""
        if changed(self._seen):
            self._seen = fingerprints(self._seen)
            try:
                self._value = self._read()
            except HTTPClientConfigError as error:  # once for each change
                logger.warning(
                    "files for Alertmanager cannot be used, keeping what was read before",
                    extra={"error": str(error)},
                )
        return self._value


def _context(http_config: HTTPClientConfig) -> ssl.SSLContext:
    for file in (http_config.ca_file, http_config.cert_file, http_config.key_file):
        if file is not None:
            _content(file)  # what OpenSSL says of a missing file does not name it
    try:
        context = ssl.create_default_context(cafile=http_config.ca_file)
        if http_config.cert_file is not None:
            # An encrypted key is refused; without this OpenSSL would ask for its password.
            context.load_cert_chain(
                http_config.cert_file, http_config.key_file, password=lambda: ""
            )
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = [
            str(file)
            for file in (http_config.ca_file, http_config.cert_file, http_config.key_file)
            if file
        ]
        what = error.reason if isinstance(error, ssl.SSLError) else None
        why = what or getattr(error, "strerror", None) or "no valid certificate or key"
        raise HTTPClientConfigError(f"{', '.join(names)}: cannot be used for TLS: {why}") from error
    return context


def _headers(http_config: HTTPClientConfig) -> dict[str, str]:
    headers = dict(http_config.headers)
    headers |= {name: _secret(file) for name, file in http_config.header_files}
    authorization = _authorization(http_config)
    return headers if authorization is None else {**headers, "Authorization": authorization}


def _authorization(http_config: HTTPClientConfig) -> str | None:
    if http_config.bearer_token_file is not None:
        return f"Bearer {_secret(http_config.bearer_token_file)}"
    if http_config.username is not None and http_config.password_file is not None:
        pair = f"{http_config.username}:{_secret(http_config.password_file)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise HTTPClientConfigError(f"{file}: {error.strerror}") from error


def _secret(file: Path) -> str:
    try:
        text = _content(file).decode().strip()
    except UnicodeDecodeError:
        raise HTTPClientConfigError(f"{file}: is no text file") from None
    if not text or not text.isprintable():
        raise HTTPClientConfigError(f"{file}: is empty, or holds more than one line")
    return text

"""Who we are to an Alertmanager, and how we know that it is one: TLS and credentials from files.

Files are read again when they have changed. While one cannot be read, as in the middle of its
rotation, what was read last stays in use. No message shows the content of a file.
"""

import base64
import logging
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from exporter.cluster.files import changed, stamps_of

logger = logging.getLogger(__name__)


class AccessError(Exception):
    """A file cannot be used; one readable line that names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What the operator gave for all Alertmanagers. Of a pair, both or none are given."""

    ca_file: Path | None = None
    """Certificates (PEM) of who may vouch for the server, in place of the system's."""
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    """The name in the server's certificate, where it is not that of its URL."""
    username: str | None = None
    password_file: Path | None = None
    bearer_token_file: Path | None = None


class Credentials:
    """What ``access`` says at this moment."""

    def __init__(self, access: Access) -> None:
        """Read all files; raises AccessError where one cannot be used."""
        self._access = access
        tls = (access.ca_file, access.cert_file, access.key_file)
        secrets = (access.password_file, access.bearer_token_file)
        self._context = _Read(tls, lambda: _context(access))
        self._authorization = _Read(secrets, lambda: _authorization(access))

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have; None for that of its URL."""
        return self._access.server_name

    def context(self) -> ssl.SSLContext:
        """For connections by https."""
        return self._context.value()

    def headers(self) -> dict[str, str]:
        """Those that say who we are."""
        authorization = self._authorization.value()
        return {} if authorization is None else {"Authorization": authorization}


_Value = TypeVar("_Value")


class _Read(Generic[_Value]):
    """What was made of some files, and is made anew when they change."""

    def __init__(self, files: Iterable[Path | None], read: Callable[[], _Value]) -> None:
        self._read = read
        self._seen = stamps_of([str(file) for file in files if file is not None])
        self._made = read()

    def value(self) -> _Value:
        """What the files say, as far as they can be read."""
        if changed(self._seen):
            self._seen = stamps_of(self._seen)
            try:
                self._made = self._read()
            except AccessError as error:  # once for each change
                logger.warning("Alertmanager: keeping what was read before: %s", error)
        return self._made


def _context(access: Access) -> ssl.SSLContext:
    for file in (access.ca_file, access.cert_file, access.key_file):
        if file is not None:
            _content(file)  # what OpenSSL says of a missing file does not name it
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file is not None:
            # An encrypted key is refused; without this OpenSSL would ask for its password.
            context.load_cert_chain(access.cert_file, access.key_file, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = [str(file) for file in (access.ca_file, access.cert_file, access.key_file) if file]
        what = error.reason if isinstance(error, ssl.SSLError) else None
        why = what or getattr(error, "strerror", None) or "no valid certificate or key"
        raise AccessError(f"{', '.join(names)}: cannot be used for TLS: {why}") from error
    return context


def _authorization(access: Access) -> str | None:
    if access.bearer_token_file is not None:
        return f"Bearer {_secret(access.bearer_token_file)}"
    if access.username is not None and access.password_file is not None:
        pair = f"{access.username}:{_secret(access.password_file)}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise AccessError(f"{file}: {error.strerror}") from error


def _secret(file: Path) -> str:
    try:
        text = _content(file).decode().strip()
    except UnicodeDecodeError:
        raise AccessError(f"{file}: is no text file") from None
    if not text or not text.isprintable():
        raise AccessError(f"{file}: is empty, or holds more than one line")
    return text

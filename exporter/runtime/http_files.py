"""Secrets and certificates of HTTP requests, from files that are rotated.

Files are read again when they have changed. While one cannot be read, as in the middle of its
rotation, what was read last stays in use. No message shows the content of a file.
"""

import logging
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from exporter.runtime.files import changed, fingerprints

logger = logging.getLogger(__name__)

T = TypeVar("T")


class HTTPClientConfigError(Exception):
    """A file cannot be used; one readable line that names it."""


class FromFiles(Generic[T]):
    """A value read from some files, and again when they have changed."""

    def __init__(self, whose: str, files: Iterable[Path | None], read: Callable[[], T]) -> None:
        """Read them; ``whose`` they are is for the log. Raises what ``read`` does.

        ``read`` raises HTTPClientConfigError where a file cannot be used.
        """
        self._whose = whose
        self._read = read
        self._seen = fingerprints([str(file) for file in files if file is not None])
        self._value = read()

    def value(self) -> T:
        """The value; while the changed files cannot be used, what they held before."""
        if changed(self._seen):
            self._seen = fingerprints(self._seen)
            try:
                self._value = self._read()
            except HTTPClientConfigError as error:  # once for each change
                logger.warning(
                    "files for %s cannot be used, keeping what was read before",
                    self._whose,
                    extra={"error": str(error)},
                )
        return self._value


def tls_context(
    ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Make what connections by https need; without ``ca_file``, the system's authorities count.

    Raises HTTPClientConfigError.
    """
    files = [file for file in (ca_file, cert_file, key_file) if file is not None]
    for file in files:
        _content(file)  # what OpenSSL says of a missing file does not name it
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            # An encrypted key is refused; without this OpenSSL would ask for its password.
            context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        names = ", ".join(map(str, files))
        what = error.reason if isinstance(error, ssl.SSLError) else None
        why = what or getattr(error, "strerror", None) or "no valid certificate or key"
        raise HTTPClientConfigError(f"{names}: cannot be used for TLS: {why}") from error
    return context


def read_secret(file: Path) -> str:
    """Return the one line of a file, without what surrounds it; raises HTTPClientConfigError."""
    try:
        text = _content(file).decode().strip()
    except UnicodeDecodeError:
        raise HTTPClientConfigError(f"{file}: is no text file") from None
    if not text or not text.isprintable():
        raise HTTPClientConfigError(f"{file}: is empty, or holds more than one line")
    return text


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise HTTPClientConfigError(f"{file}: {error.strerror}") from error

"""Certificates with their keys from memory: OpenSSL reads these from files alone.

So while it reads there is a file, in memory where the system has that, and nothing lies on disk.
"""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO


def load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes | None) -> None:
    """Use a certificate, with those that signed it behind it, and its key, all of them PEM.

    ``key`` None stands for one beside the certificate. Raises OSError, of which ssl.SSLError is
    one, or ValueError where they are no such pair, or the key is encrypted.
    """
    with ExitStack() as stack:
        certificate_file = stack.enter_context(_as_file(certificate))
        key_file = None if key is None else stack.enter_context(_as_file(key))
        # An encrypted key is refused; without this OpenSSL would ask for its password.
        context.load_cert_chain(certificate_file, key_file, password=lambda: "")


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Yield the name of a file that nobody else can read, and that is gone afterwards.

    It lies in memory, which needs no directory that can be written to, where the system has that.
    """
    with _memory_file() or tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name if isinstance(file.name, str) else _path_of(file.name)


def _memory_file() -> IO[bytes] | None:
    """A file that has no name; None where it could not be opened by another way, either."""
    try:
        descriptor = os.memfd_create("tls")
    except (AttributeError, OSError):  # not Linux, or a sandbox that does not allow it
        return None
    file = open(descriptor, "wb")  # noqa: SIM115, PTH123 - the caller closes it
    if os.access(_path_of(descriptor), os.R_OK):
        return file
    file.close()
    return None


def _path_of(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"

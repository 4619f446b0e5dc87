"""One exporter writes a ledger: its lock, which the kernel releases when the process ends.

On a file of its own beside the ledger: SQLite's locks cannot be held between transactions
without shutting out readers.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from exporter.history.errors import LedgerError


class Lock:
    """The lock of one ledger file; not held until ``acquire``."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        """Take it. Raises LedgerError when another exporter has it, OSError when it cannot be."""
        if self._file is not None:
            return
        # For its owner alone: who can open a file can lock it. A link is not followed.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._path, flags, 0o600)
        with suppress(OSError):
            os.fchmod(file, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise LedgerError(
                f"{self._path}: another exporter (process {who}) uses this ledger;"
                " give each exporter a history.path of its own"
            ) from None
        except OSError:
            os.close(file)
            raise
        self._file = file
        with suppress(OSError):  # only the message of a second exporter needs it
            os.ftruncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the next exporter have it; the file stays, for removing it would race with that."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

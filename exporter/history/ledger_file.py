"""The ledger's file over time: opened, lost, full, damaged, and written again. Or no file at all.

No failure of the file stops the exporter. A write that fails is tried again after one second, then
more rarely, up to half a minute; what is wrong is logged once and shown as a metric.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from exporter.history.database import (
    Database,
    Statement,
    checkpoint,
    read_only,
    set_aside,
    wal_size,
)
from exporter.history.errors import DamagedError, DatabaseError, LedgerError
from exporter.history.lock import Lock
from exporter.history.records import FileStatus
from exporter.history.state import LedgerState, load

logger = logging.getLogger(__name__)

_FIRST_DELAY: Final = 1.0
_LONGEST_DELAY: Final = 30.0
_LONG_WAL: Final = 4 * 2**20
"""Bytes. A write of all that 10,000 crawls changed in five seconds is as long."""


class LedgerFile:
    """One ledger file; where ``path`` is None there is none, and every write succeeds."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self.path = path
        self._failures = 0
        self._writes = 0
        self._last_error: str | None = None
        self.incomplete = True
        """Whether the file lacks more than the last changes, so that all must be written."""
        self._clock = clock
        self._lock = None if path is None else Lock(path)
        self._database: Database | None = None
        self._retry_at = 0.0
        self._delay = _FIRST_DELAY

    @property
    def status(self) -> FileStatus:
        """How it is now, and what was done with it so far."""
        return FileStatus(
            persistent=self.path is not None,
            last_error=self._last_error,
            write_failures=self._failures,
            writes=self._writes,
        )

    def load(self) -> LedgerState:
        """Open the file and read the state; an empty one where there is none.

        Raises LedgerError when another exporter uses it, or when it is there but cannot be read:
        then going on would overwrite what it holds. Any other failure is the status's
        ``last_error``, and writing is tried again later.
        """
        if self.path is None:
            self.incomplete = False
            return LedgerState()
        if not self.path.parent.is_dir():
            raise LedgerError(f"{self.path}: the directory {self.path.parent} does not exist")
        try:
            database = self._open(self.path)
        except DatabaseError as error:
            self._failed(error)
            try:
                return _peek(self.path)
            except LedgerError:
                self.close()
                raise
        try:
            state = load(database)
        except (DamagedError, ValueError, TypeError) as error:
            self._replace(DamagedError(self.path, "corrupt", f"its rows make no sense: {error}"))
            return LedgerState()
        except DatabaseError as error:
            self.close()
            raise LedgerError(f"the ledger cannot be read: {error}") from error
        self.incomplete = False
        return state

    def ready(self) -> bool:
        """Whether a write may be tried now; opens the file again where that is due."""
        if self._last_error is None or self.path is None:
            return True
        if 0 < self._retry_at - self._clock() <= self._delay:  # more: the clock was set back
            return False
        if self._database is None:
            try:
                self._open(self.path)
            except (DatabaseError, LedgerError) as error:
                self._failed(error)
                return False
            self.incomplete = True
        return True

    def retry_at_once(self) -> None:
        """Let the next ``ready`` try a write, however soon that is after one that failed."""
        self._retry_at = 0.0

    def write(self, statements: Iterable[Statement]) -> bool:
        """Write all or nothing; whether it was. After a False, ask ``ready`` before the next."""
        if self.path is None:
            return True
        if self._database is None:
            return False
        try:
            self._database.write(statements)
        except DamagedError as error:
            self._replace(error)
            return False
        except DatabaseError as error:
            self._failed(error)
            return False
        self._writes += 1
        self.incomplete = False
        self._delay = _FIRST_DELAY
        if self._last_error is not None:
            logger.warning("history: %s: writing again", self.path)
            self._last_error = None
        return True

    def checkpoint(self) -> None:
        """Move the WAL into the file; for another thread, as it may wait for the disk."""
        if self.path is not None and self._last_error is None:
            try:
                checkpoint(self.path)
            except DatabaseError as error:
                logger.debug("history: %s", error)  # a write will find out, and say so

    @property
    def wal_is_long(self) -> bool:
        """Whether the WAL is to be moved into the file now, and not at some time."""
        return self.path is not None and wal_size(self.path) > _LONG_WAL

    def bound_wal(self) -> None:
        """Empty a long WAL, after ``checkpoint`` has moved nearly all of it.

        A checkpoint beside a writer is never complete, for what is written meanwhile is missing,
        and an incomplete one does not let the WAL begin anew: it would grow for as long as there
        is work. So the rest, a fraction of a second of writing, is moved while nothing is written.
        A reader that still needs the WAL keeps it; the next call tries again.
        """
        if self._database is not None and self._last_error is None and self.wal_is_long:
            self._database.truncate_wal()

    def close(self) -> None:
        """Close the file and release its lock."""
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._lock is not None:
            self._lock.release()

    def _open(self, path: Path) -> Database:
        """Take the lock and open; what is no ledger of ours is set aside for a new file."""
        if self._lock is not None:
            try:
                self._lock.acquire()
            except OSError as error:
                raise DatabaseError(f"{path}: {error.strerror}") from error
        try:
            self._database = Database.open(path)
        except DamagedError as error:
            self._set_aside(error)
            self._database = Database.open(path)
        return self._database

    def _replace(self, error: DamagedError) -> None:
        """Set a file aside that went bad while it was open; the next ``ready`` begins a new one."""
        self._failed(error)
        if self._database is not None:
            self._database.close()
            self._database = None
        self.retry_at_once()
        try:
            self._set_aside(error)
        except DatabaseError as failure:
            self._failed(failure)

    def _set_aside(self, error: DamagedError) -> None:
        if self.path is not None and self.path.exists():
            aside = set_aside(self.path, error.kind)
            logger.error("history: %s; kept as %s, and a new ledger is begun", error, aside.name)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        text = str(error)
        if self._last_error is None:
            logger.error("history: %s; going on from memory, and trying again", text)
        self._last_error = text
        self._retry_at = self._clock() + self._delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)


def _peek(path: Path) -> LedgerState:
    """Read a file that cannot be written now; one that is damaged waits to be set aside."""
    if not path.exists():
        return LedgerState()
    try:
        with closing(read_only(path)) as database:
            return load(database)
    except (DamagedError, ValueError, TypeError):
        return LedgerState()
    except DatabaseError as error:
        raise LedgerError(f"the ledger can be neither read nor written: {error}") from error

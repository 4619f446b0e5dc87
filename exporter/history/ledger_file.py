"""The ledger's file over time: opened, lost, full, damaged, and written again. Or no file at all.

No failure of the file stops the exporter. A write that fails is tried again after one second, then
more rarely, up to half a minute; what is wrong is logged once and shown as a metric.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from exporter.history import copying
from exporter.history.database import (
    Database,
    Statement,
    checkpoint,
    read_only,
    set_aside,
    sync_wal,
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
_HELD_WAL: Final = 8 * 2**20
"""Bytes. Where it is longer after a checkpoint, a reader keeps it, and does not come to an end."""
_MOST_WAL: Final = 10 * 2**20
"""Bytes. Nothing is added while a checkpoint waits for the disk: it may for many seconds."""
_GOING_ON: Final = "going on from memory, and trying again"


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
        self._copying = False
        self._checkpointing = False
        self._synced = -1
        """How many writes the disk keeps; of an earlier process's nothing is known."""
        self._syncing: asyncio.Future[bool] | None = None
        self._held = False
        """Whether nothing is written because a reader keeps a WAL that is as long as it may be."""

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
        """Whether a write may be tried now.

        Finds out whether the file is still what was written to it, and opens it again where that
        is due.
        """
        if self.path is None:
            return True
        waits = self._checkpointing and wal_size(self.path) > _MOST_WAL
        if self._copying or self._held or waits:
            return False
        self._verify()
        if self._last_error is None:
            return True
        if not self._is_due():
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
        self._held = False

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

    async def sync(self) -> bool:
        """Have the disk keep all that was written, a power cut later too; whether it does.

        Waits in another thread, for as long as the disk takes; to be given up by a time-out, upon
        which the next call waits for the same. One wait serves all whose writes were before it.
        """
        wanted = self._writes
        while self.path is not None and self._synced < wanted:
            if self._syncing is None:
                self._syncing = asyncio.ensure_future(self._sync(self.path, self._writes))
            if not await asyncio.shield(self._syncing):
                return False
        return True

    async def _sync(self, path: Path, writes: int) -> bool:
        try:
            await asyncio.to_thread(sync_wal, path)
        except DatabaseError as error:
            # What the kernel could not write it does not try again: the next sync would succeed.
            self.incomplete = True
            self._failed(error)
            return False
        finally:
            self._syncing = None
        self._synced = writes
        return True

    @property
    def wal_is_long(self) -> bool:
        """Whether the WAL is to be moved into the file now, and not at some time."""
        return self.path is not None and wal_size(self.path) > _LONG_WAL

    async def checkpoint(self) -> None:
        """Move the WAL into the file, waiting for the disk in another thread; empty a long one.

        A checkpoint beside a writer is never complete, for what is written meanwhile is missing,
        and an incomplete one does not let the WAL begin anew: it would grow for as long as there
        is work. So the rest, a fraction of a second of writing, is moved while nothing is written.
        A reader that still needs the WAL keeps it; the next call tries again, until the WAL is so
        long that the ledger moves to a new file (``copying``).
        """
        retries = self._held and self._is_due()
        self._verify()
        if self.path is None or self._database is None or not (self._last_error is None or retries):
            return
        database = self._database
        database.begin_checkpoint()
        self._checkpointing = True
        try:
            await asyncio.to_thread(checkpoint, self.path)
        except DatabaseError as error:
            logger.debug("history: %s", error)  # a write will find out, and say so
        finally:
            self._checkpointing = False
        if database is self._database:
            self._end_checkpoint(database)
        if wal_size(self.path) > _HELD_WAL:
            await self._move(self.path)
        elif retries:
            self.retry_at_once()

    def close(self) -> None:
        """Move what is left in the WAL into the file, close it, and release its lock."""
        if self._database is not None:
            with suppress(DamagedError):  # a start finds that out, too
                self._database.truncate_wal()
        self._close()
        if self._lock is not None:
            self._lock.release()

    def _verify(self) -> None:
        if self._database is not None:
            try:
                self._database.verify()
            except DamagedError as error:
                self._replace(error)

    def _is_due(self) -> bool:
        """Whether the next try is; where it is later than it can be, the clock was set back."""
        return not 0 < self._retry_at - self._clock() <= self._delay

    def _end_checkpoint(self, database: Database) -> None:
        try:
            database.end_checkpoint()
            if self.wal_is_long:
                database.truncate_wal()
        except DamagedError as error:
            self._replace(error)

    async def _move(self, path: Path) -> None:
        """Go on in a copy. Where none can be made, in memory alone, until the reader is gone."""
        self._copying = True
        try:
            await asyncio.to_thread(copying.copy, path)
            if self._database is not None:
                self._database.verify()
            self._close()
            copying.put_in_place(path)
            self._open(path)
        except DamagedError as error:
            self._replace(error)
        except (DatabaseError, LedgerError) as error:
            self._held = self._database is not None
            self._failed(DatabaseError(f"a reader keeps the WAL of {error}"))
        else:
            self.retry_at_once()
            logger.warning(
                "history: %s: another program reads it and does not end; it was moved to a new"
                " file, and that program reads on in the old one", path
            )  # fmt: skip
        finally:
            self._copying = False

    def _close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None

    def _open(self, path: Path) -> Database:
        """Take the lock and open; what is no ledger of ours is set aside for a new file."""
        if self._lock is not None:
            try:
                self._lock.acquire()
            except OSError as error:
                raise DatabaseError(f"{path}: {error.strerror}") from error
        copying.finish(path)
        copying.drop_unfinished(path)
        self._database = _open_or_renew(path)
        return self._database

    def _replace(self, error: DamagedError) -> None:
        """Set a file aside that went bad while it was open; the next ``ready`` begins a new one.

        One that is another's by now is renamed first: SQLite leaves a file that was moved as it
        is, and would else, when it is closed, write the WAL into it.
        """
        if error.kind == "corrupt":
            self._close()
        try:
            outcome = _set_aside(error.path, error)
        except DatabaseError as failure:
            outcome = f"{_GOING_ON}: {failure}"
            self._failed(error, outcome)
        else:
            self._failed(error, outcome)
            self.retry_at_once()
        self._close()
        self.incomplete = True

    def _failed(self, error: Exception, outcome: str = _GOING_ON) -> None:
        self._failures += 1
        text = str(error)
        if self._last_error is None or outcome is not _GOING_ON:
            logger.error("history: %s; %s", text, outcome)
        self._last_error = text
        self._retry_at = self._clock() + self._delay
        self._delay = min(2 * self._delay, _LONGEST_DELAY)


def _open_or_renew(path: Path) -> Database:
    try:
        return Database.open(path)
    except DamagedError as error:
        damage = error
    logger.error("history: %s; %s", damage, _set_aside(path, damage))
    return Database.open(path)


def _set_aside(path: Path, error: DamagedError) -> str:
    """Rename the file, if it is still there; says what became of it. Raises DatabaseError."""
    kept = f"kept as {set_aside(path, error.kind).name}, and " if path.exists() else ""
    return f"{kept}a new ledger is begun"


def _peek(path: Path) -> LedgerState:
    """Read a file that cannot be written now; one that is damaged waits to be set aside."""
    if not path.exists():
        return LedgerState()
    try:
        with closing(read_only(path, complete=True)) as database:
            return load(database)
    except (DamagedError, ValueError, TypeError):
        return LedgerState()
    except DatabaseError as error:
        raise LedgerError(f"the ledger can be neither read nor written: {error}") from error

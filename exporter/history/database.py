"""The ledger's file: SQLite in WAL mode, opened, checked, and written in transactions.

``synchronous=NORMAL``: a commit is in the operating system's hands when it returns, so the
process may be killed at any time without losing it. A power cut may lose the transactions since
the last checkpoint (the file stays whole). Whoever must not lose one calls ``sync_wal`` after it,
which is what ``synchronous=FULL`` would do in the commit itself. That and checkpoints wait for the
disk, so they are for another thread.

A file that is no ledger, is damaged, or was written by a newer release is never deleted: it is
renamed, with a clear message, and a new one begun. (A downgrade so starts counting anew; refusing
to start would cost the monitoring itself. Renaming the file back undoes it.)
"""

import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from exporter.history import schema
from exporter.history.errors import DamagedError, DatabaseError
from exporter.history.written_files import COMPANIONS, WrittenFiles

_DAMAGE: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}  # no such table, column
)
_READ_ONLY: Final = ("mode=ro", "mode=ro&readonly_shm=1")
"""How a ledger is read, in turn. A full disk has no room for the WAL's index, which then has to be
left as it is. Where there is no index at all, one of the next two follows."""
_IMMUTABLE: Final = "mode=ro&immutable=1"
"""A read-only directory has no place for an index, and without it the WAL is left out. Then the
file may be of no one point in time: a checkpoint that ran into a full disk has written a part."""
_EXCLUSIVE: Final = "mode=rw"
"""The index is in memory, for which the file has to be locked."""

_Result = TypeVar("_Result")

Statement = tuple[str, Iterable[Sequence[Any]]]
"""SQL, and the rows it is run with."""


class Database:
    """An open ledger file."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, files: WrittenFiles | None = None
    ) -> None:
        """``files`` where it is open for writing."""
        self.path = path
        self._connection = connection
        self._files = files

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open the file, making it where there is none, and bring it to today's layout.

        Raises DatabaseError where it cannot be opened or written now, DamagedError where it could,
        but holds something else.
        """
        make_private(path)
        connection = reporting(path, lambda: _connect(path))
        try:
            reporting(path, lambda: _prepare(connection, path))
            files = WrittenFiles(path)
        except DatabaseError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise DatabaseError(f"{path}: {error.strerror}") from error
        return cls(connection, path, files)

    def close(self) -> None:
        """Fold the WAL into the file and close it; a failure costs nothing, the WAL stays.

        A file that was moved is left as it is.
        """
        if self._files is not None:
            with suppress(OSError):
                self._files.restore_length()
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._files is not None:
            self._files.close()

    def verify(self) -> None:
        """Raises DamagedError where anybody else wrote to the files, or they are elsewhere."""
        if self._files is not None:
            self._files.verify()

    def truncate_wal(self) -> None:
        """Move what is left in the WAL into the file and empty it, unless a reader needs it.

        Raises DamagedError as ``end_checkpoint`` does.
        """
        self.begin_checkpoint()
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.end_checkpoint()

    def begin_checkpoint(self) -> None:
        """A checkpoint is about to write to the file: see ``checkpoint``."""
        if self._files is not None:
            self._files.begin_checkpoint()

    def end_checkpoint(self) -> None:
        """It is over. Raises DamagedError where the file now begins as another's does."""
        if self._files is not None:
            self._files.end_checkpoint()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. Raises DatabaseError."""
        return reporting(self.path, lambda: self._connection.execute(sql, values).fetchall())

    def write(self, statements: Iterable[Statement]) -> None:
        """Write all or nothing. Raises DatabaseError; then nothing was written.

        Where the files may have changed since the last write, call ``verify`` first.
        """
        reporting(self.path, lambda: self._transact(statements))

    def _transact(self, statements: Iterable[Statement]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for sql, rows in statements:
                connection.executemany(sql, rows)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            if self._files is not None:
                self._files.note_write()
        if self._files is not None:
            self._files.verify_write()


def make_private(path: Path) -> None:
    """Make the file, for its owner alone: SQLite gives its companions the same mode.

    Raises DatabaseError where the path is a link: whoever may make links there could have any
    file of ours overwritten.
    """
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DatabaseError(
                f"{path}: is a symbolic link; give the path of the file itself"
            ) from error
        return  # SQLite says what is wrong, and may read it all the same
    with suppress(OSError):
        os.fchmod(file, 0o600)
    os.close(file)


def checkpoint(path: Path) -> None:
    """Move what was committed from the WAL into the file; may wait for the disk, so for a thread.

    Raises DatabaseError.
    """

    def run() -> None:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as own:
            own.execute("PRAGMA wal_checkpoint(PASSIVE)")

    reporting(path, run)


def fsync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder. Raises OSError."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_wal(path: Path) -> None:
    """Have the disk keep what was committed; may wait for it long, so for a thread.

    What has left the WAL since is in the file, which a checkpoint syncs. SQLite has no locks on the
    WAL that closing it here could drop. Raises DatabaseError.
    """
    try:
        for one in (path.with_name(f"{path.name}-wal"), path.parent):
            fsync(one)
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be synced: {error.strerror}") from error


def wal_size(path: Path) -> int:
    """Bytes of the file's WAL; 0 where there is none."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


def read_only(path: Path, *, complete: bool = False) -> "Database":
    """Open an existing ledger for reading alone, also beside an exporter that writes it.

    Without ``complete`` the WAL may be left out where there is no other way. With it the file may
    be locked: that is for who continues from what it reads.

    Raises DatabaseError where it cannot be read now, DamagedError where it is no ledger of this
    release.
    """

    def run(parameters: str) -> sqlite3.Connection:
        uri = f"{path.absolute().as_uri()}?{parameters}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        try:
            if parameters == _EXCLUSIVE:
                connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            _refuse_other_layouts(_version(connection, path), path)
        except BaseException:
            connection.close()
            raise
        return connection

    failure: DatabaseError | None = None
    last = _EXCLUSIVE if complete and wal_size(path) else _IMMUTABLE
    for parameters in (*_READ_ONLY, last):
        try:
            return Database(reporting(path, partial(run, parameters)), path)
        except DamagedError as error:
            if failure is not None and wal_size(path):
                break  # what was left out may be all there is
            raise error from failure
        except DatabaseError as error:
            failure = failure or error
    raise failure or DatabaseError(f"{path}: cannot be read")


def set_aside(path: Path, kind: str) -> Path:
    """Rename a file that cannot be used, and its companions; the new path.

    Raises DatabaseError.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    names = (f"{path.name}.{kind}-{stamp}" + f".{attempt}" * (attempt > 0) for attempt in count())
    aside = next(aside for aside in map(path.with_name, names) if not aside.exists())
    try:
        for companion in COMPANIONS:
            source = path.with_name(path.name + companion)
            if source.exists():
                source.rename(aside.with_name(aside.name + companion))
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be set aside: {error.strerror}") from error
    return aside


def _connect(path: Path) -> sqlite3.Connection:
    # No waiting for locks: only readers share the file, and they do not hold up a writer.
    return sqlite3.connect(path, timeout=0, isolation_level=None)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    if version > len(schema.MIGRATIONS):
        _refuse_other_layouts(version, path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("PRAGMA journal_size_limit=4194304")
    for number, step in enumerate(schema.MIGRATIONS[version:], version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {step}; PRAGMA application_id={schema.APPLICATION_ID};"
            f" PRAGMA user_version={number}; COMMIT;"
        )
    for table in schema.STATE_TABLES:  # damage to the log shows when it is written
        verdict = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
        if verdict != "ok":
            raise DamagedError(path, "corrupt", f"the file is damaged: {verdict}")
    # Find out now, not at the first event, that nothing can be written.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('opened', ?)", (str(time.time()),))
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The layout's number; 0 for an empty file. Raises DamagedError for somebody else's."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if (application != schema.APPLICATION_ID or not version) and (application or tables):
        raise DamagedError(path, "foreign", "the file is another program's SQLite database")
    return version


def _refuse_other_layouts(version: int, path: Path) -> None:
    if version != len(schema.MIGRATIONS):
        raise DamagedError(
            path,
            f"schema{version}",
            f"the file has layout {version}, this release reads {len(schema.MIGRATIONS)}:"
            " it was written by another release",
        )


def reporting(path: Path, action: Callable[[], _Result]) -> _Result:
    """What the action returns; SQLite's errors become DatabaseError or DamagedError."""
    try:
        return action()
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE:
            raise DamagedError(path, "corrupt", f"the file is damaged: {error}") from error
        raise DatabaseError(f"{path}: {error}") from error

"""Moves a ledger to a new file, away from a reader that keeps its WAL from beginning anew.

SQLite cannot empty a WAL of which a reader needs a part, and another program may read for as long
as it likes. So the ledger becomes a copy of itself (``VACUUM INTO``), and the reader goes on in
files that have no name any more and end with it. SQLite has no step that puts a file in the place
of another and its WAL; killed in between, a new file with an old WAL would be one that is damaged.
So the complete copy gets a name of its own first, and whoever opens the ledger finishes the rest.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from exporter.history.database import fsync, make_private, reporting
from exporter.history.errors import DatabaseError

_UNFINISHED: Final = ".copy"
_COMPLETE: Final = ".next"


def copy(path: Path) -> None:
    """Copy what was committed to a file beside it; for a thread, as it waits for the disk.

    Nothing is to be written meanwhile, as the copy would lack it. Raises DatabaseError.
    """
    target = _beside(path, _UNFINISHED)
    try:
        target.unlink(missing_ok=True)
        make_private(target)
        reporting(path, lambda: _vacuum(path, target))
        fsync(target)
    except (OSError, DatabaseError) as error:
        drop_unfinished(path)
        raise DatabaseError(f"{path}: cannot be copied: {error}") from error


def put_in_place(path: Path) -> None:
    """Let the copy be the ledger, which is closed. Raises DatabaseError; ``finish`` goes on."""
    try:
        _beside(path, _UNFINISHED).rename(_beside(path, _COMPLETE))
    except OSError as error:
        raise DatabaseError(f"{path}: its copy cannot be renamed: {error.strerror}") from error
    finish(path)


def finish(path: Path) -> None:
    """Do what is left where a copy was complete; what there is else of the ledger is older.

    Raises DatabaseError.
    """
    complete = _beside(path, _COMPLETE)
    try:
        if complete.exists():
            for end in ("-wal", "-shm"):
                _beside(path, end).unlink(missing_ok=True)
            complete.rename(path)
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be replaced by its copy: {error.strerror}") from error


def drop_unfinished(path: Path) -> None:
    """Remove a copy that nobody is making any more."""
    try:
        _beside(path, _UNFINISHED).unlink(missing_ok=True)
    except OSError:
        return  # on a disk that is read-only: a later start removes it


def _vacuum(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as own:
        own.execute("VACUUM INTO ?", (str(target),))


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)

"""Whether the ledger's files are still what was written to them: SQLite itself does not look.

It would go on writing into a file that was deleted, and trusts its index and its cache where a
file was overwritten in place (``cp other.db ledger.db``, ``: > ledger.db-wal``, ``dd``). So after
each write it is noted what the files are, and before the next they are compared:

- all three are the same files;
- the file has the size and the time of modification that the last checkpoint left; nothing else
  writes to it in WAL mode. While a checkpoint runs this cannot be told: after it, the header is;
- the WAL has the size and the time of the last transaction, and begins with the salt that its
  index says;
- the index has the checksum of then, but for what readers write there: which frames they need.

That costs three calls of stat and a checksum of 32 KiB for each 16 MiB of WAL. The layouts are
those of https://www.sqlite.org/fileformat2.html and https://www.sqlite.org/walformat.html.
"""

import os
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from exporter.history import schema
from exporter.history.errors import DamagedError

COMPANIONS: Final = ("", "-wal", "-shm")
"""Ends of the names of the file, its WAL and its index."""

_MAGIC: Final = b"SQLite format 3\0"
_PAGE_COUNT: Final = slice(28, 32)
_APPLICATION_ID: Final = slice(68, 72)
_HEADER: Final = 100
_WAL_SALT: Final = (8, 16)
"""Length, and place in the WAL's header."""
_INDEX_SALT: Final = slice(32, 40)
_INDEX_HEADERS: Final = 96
_READERS_MARKS: Final = 136
"""Where in the index what readers and checkpoints write ends; it begins after the headers."""


class _Stat(NamedTuple):
    size: int
    modified: int
    """Nanoseconds since 1970."""


class WrittenFiles:
    """The three files of an open ledger, as they were left.

    They are held open: to close any descriptor of a file would drop the locks that SQLite has on
    it (POSIX), so ``close`` belongs after SQLite's own.
    """

    def __init__(self, path: Path) -> None:
        """Take the files as they are now. Raises OSError."""
        self._path = path
        self._paths = [path.with_name(path.name + end) for end in COMPANIONS]
        self._opened: list[int] = []
        try:
            for one in self._paths:
                self._opened.append(os.open(one, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW))
            self._inodes = [_inode(os.fstat(one)) for one in self._opened]
            self._file: _Stat | None = self._stat(0)
            self.note_write()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of them."""
        while self._opened:
            os.close(self._opened.pop())

    def verify(self) -> None:
        """Raises DamagedError where somebody else has written to them, or they are elsewhere."""
        try:
            found = [_inode(path.stat(follow_symlinks=False)) for path in self._paths]
        except OSError:
            found = []
        if found != self._inodes:
            raise DamagedError(self._path, "lost", "the file was moved or deleted under us")
        if self._file is not None and self._stat(0) != self._file:
            self._overwritten(0)
        if self._stat(1) != self._wal:
            self._overwritten(1)
        if self._index() != self._index_checksum:
            self._overwritten(2)

    def note_write(self) -> None:
        """A transaction is over, whether it was committed or not."""
        self._wal = self._stat(1)
        self._index_length = self._stat(2).size
        self._index_checksum = self._index()

    def verify_write(self) -> None:
        """Raises DamagedError where the WAL that was written to is none: it was overwritten."""
        length, place = _WAL_SALT
        salt = os.pread(self._opened[2], _INDEX_HEADERS, 0)[_INDEX_SALT]
        if self._wal.size and os.pread(self._opened[1], length, place) != salt:
            self._overwritten(1)

    def begin_checkpoint(self) -> None:
        """From now on a checkpoint writes to the file."""
        self._file = None

    def end_checkpoint(self) -> None:
        """It is over, and may have emptied the WAL. Raises DamagedError for another's header."""
        self.note_write()
        self._file = self._stat(0)
        header = os.pread(self._opened[0], _HEADER, 0)
        if not header.startswith(_MAGIC) or not (
            # Of no table yet: a reader may have been in the way of all checkpoints.
            int.from_bytes(header[_PAGE_COUNT]) <= 1
            or int.from_bytes(header[_APPLICATION_ID]) == schema.APPLICATION_ID
        ):
            self._overwritten(0)

    def restore_length(self) -> None:
        """Make an index whole that was cut: SQLite has it mapped, and would end by SIGBUS."""
        if self._stat(2).size < self._index_length:
            os.ftruncate(self._opened[2], self._index_length)

    def _overwritten(self, which: int) -> None:
        name = self._paths[which].name
        raise DamagedError(
            self._path, "overwritten", f"another program has written to {name} under us"
        )

    def _stat(self, which: int) -> _Stat:
        found = os.fstat(self._opened[which])
        return _Stat(found.st_size, found.st_mtime_ns)

    def _index(self) -> int:
        """Its checksum, without what readers write there."""
        content = memoryview(os.pread(self._opened[2], self._stat(2).size, 0))
        return zlib.crc32(content[_READERS_MARKS:], zlib.crc32(content[:_INDEX_HEADERS]))


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino

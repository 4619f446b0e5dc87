"""What can be wrong with a ledger."""

from pathlib import Path


class LedgerError(Exception):
    """The ledger cannot be used at all: one line that says why; the exporter should not start."""


class DatabaseError(Exception):
    """The file cannot be read or written now; one line that names it and the reason."""


class DamagedError(DatabaseError):
    """What the file holds is no ledger of this release; ``kind`` is part of its new name."""

    def __init__(self, path: Path, kind: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.kind = kind

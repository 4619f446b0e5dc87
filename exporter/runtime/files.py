"""Which files have changed since they were read: tokens and certificates are rotated on disk."""

import os
from collections.abc import Iterable, Mapping

FileFingerprint = tuple[int, int, int] | None
"""Modification time, size and inode of a file; None while there is none."""


def fingerprints(names: Iterable[str]) -> dict[str, FileFingerprint]:
    """Each file as it is now."""
    return {name: _fingerprint(name) for name in names}


def changed(seen: Mapping[str, FileFingerprint]) -> bool:
    """Whether one of the files is another one than when it was ``seen``."""
    return any(_fingerprint(name) != stamp for name, stamp in seen.items())


def _fingerprint(name: str) -> FileFingerprint:
    try:
        stat = os.stat(name)  # noqa: PTH116 - follows the links that Kubernetes rotates secrets with
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

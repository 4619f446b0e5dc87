"""Which files have changed since they were read: tokens and certificates are rotated on disk."""

import os
from collections.abc import Iterable, Mapping

Stamp = tuple[int, int, int] | None
"""Modification time, size and inode of a file; None while there is none."""


def stamps_of(names: Iterable[str]) -> dict[str, Stamp]:
    """Each file as it is now."""
    return {name: _stamp(name) for name in names}


def changed(seen: Mapping[str, Stamp]) -> bool:
    """Whether one of the files is another one than when it was ``seen``."""
    return any(_stamp(name) != stamp for name, stamp in seen.items())


def _stamp(name: str) -> Stamp:
    try:
        stat = os.stat(name)  # noqa: PTH116 - follows the links that Kubernetes rotates secrets with
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

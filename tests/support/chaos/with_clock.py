"""Runs a module of Python's with a wall clock that a test sets: a program, not to be imported.

    python with_clock.py FILE MODULE [ARGUMENT ...]

FILE holds the seconds that the wall clock is ahead (a double, mapped into memory). A product with
an option for that would have a clock that anybody could set. ``libfaketime`` does it one level
below, but from there it breaks the monotonic sleeps of Python 3.11 and later (``EINVAL``).
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path


def _main(file: str, module: str) -> None:
    with Path(file).open("rb") as opened:
        ahead = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    real, read = time.time, struct.Struct("d").unpack_from
    time.time = lambda: real() + read(ahead)[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _, _file, _module, *_arguments = sys.argv
    sys.path[0] = ""  # as with -m; else this folder
    sys.argv = [_module, *_arguments]
    _main(_file, _module)

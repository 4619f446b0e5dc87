"""Runs exporters one after the other, each forked when all modules are imported.

``python forking_exporter.py``: a line of stdin is the arguments of one, as a JSON list. Prints its
process id, and once it has ended its exit status. An exporter's start is mostly its imports, which
a test that kills hundreds need not wait for.
"""

import json
import os
import sys

import exporter.app  # noqa: F401 - what serve imports
from exporter.cli import main


def run_lives() -> None:
    """Fork for each line, until stdin ends."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(main(json.loads(line)))
        _say(child)
        _say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run_lives()

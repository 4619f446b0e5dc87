"""A real Alertmanager for the tests."""

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from exporter.commands.demo import programs
from support.tools import Edition
from support.waiting import PROCESS_TIMEOUT, WAIT_TIMEOUT


@contextmanager
def alertmanager(
    edition: Edition, config: dict[str, Any], folder: Path, *, port: int = 0
) -> Iterator[str]:
    """Run one until the end of the block; gives its URL once it is ready. Port 0 takes a free one.

    It writes to ``folder``; silences and the log of notifications found there are loaded.
    """
    program = programs.alertmanager(edition.require("alertmanager"), folder, config, port=port)
    with (
        program.log.open("wb") as output,
        subprocess.Popen(
            program.command, cwd=program.directory, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_until_ready(f"{program.url}/-/ready", process, program.log)
            yield program.url
        finally:
            process.terminate()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PROCESS_TIMEOUT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=WAIT_TIMEOUT):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"Alertmanager does not get ready: {log.read_text()}")

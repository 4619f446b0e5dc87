"""A real Alertmanager for the tests, on a port of its own."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from tools import ROOT, require_tool

_SHARED: Final = ROOT / ".tools" / "usr" / "share" / "prometheus"
"""Where the one that `make tools` brings must be run, to find its templates."""
_PATIENCE: Final = 15.0


@contextmanager
def alertmanager(config: dict[str, Any], folder: Path) -> Iterator[str]:
    """Run one with this configuration, and give its address; ``folder`` is for what it writes."""
    program = require_tool("alertmanager")
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    log = folder / "alertmanager.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [
                program,
                f"--config.file={file}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={address}",
                "--cluster.listen-address=",
            ],
            cwd=_SHARED if program.is_relative_to(ROOT / ".tools") else folder,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            _wait_until_ready(f"http://{address}/-/ready", process, log)
            yield f"http://{address}"
        finally:
            process.terminate()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise AssertionError(f"Alertmanager does not get ready: {log.read_text()}")

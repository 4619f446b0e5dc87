"""Programs of others that some tests run: Prometheus, promtool, Alertmanager, amtool, Chromium.

``make tools`` (which ``make test`` includes) brings them where they are missing, as the
distribution has them; ``make real-tools`` builds the newest.
"""

import os
import shutil
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from exporter.commands.demo import programs
from tools.kube_apiserver import BUILT, NotInstalledError, assets

ROOT: Final = Path(__file__).resolve().parents[2]
_OTHER_NAMES: Final = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
}


class Edition(StrEnum):
    """The oldest or the newest Prometheus and Alertmanager that the exporter is tested with."""

    DEBIAN = "debian"
    """Whatever is on PATH, else the packages that ``make tools`` fetches."""
    NEWEST = "newest"
    """What ``make real-tools`` builds."""

    def require(self, name: str) -> Path:
        """Find prometheus, promtool, alertmanager or amtool of this edition, or skip the test.

        Under CI a missing one fails the test, the newest only where it could have been built.
        """
        return require_tool(name) if self is Edition.DEBIAN else require_built(name)


def require_tool(name: str) -> Path:
    """Find a program or skip the test; under CI a missing one fails it instead."""
    for candidate in _OTHER_NAMES.get(name, (name,)):
        found = programs.find(candidate, ROOT)
        if found is not None:
            return found
    return _missing(f"{name} is not installed; `make tools` brings it", fail=True)


def require_built(name: str) -> Path:
    """Find what ``make real-tools`` builds, or skip the test.

    Under CI, where Go is, a missing one fails it instead.
    """
    program = BUILT / name
    if program.exists():
        return program
    reason = f"the newest {name} is missing; `make real-tools` builds it (needs Go)"
    return _missing(reason, fail=shutil.which("go") is not None)


def require_kube_apiserver() -> None:
    """Skip the test where etcd and kube-apiserver are missing; like ``require_built`` under CI."""
    try:
        assets()
    except NotInstalledError as missing:
        _missing(str(missing), fail=shutil.which("go") is not None)


def _missing(reason: str, *, fail: bool) -> Path:
    if fail and os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

"""Programs of others that some tests run: Prometheus, promtool, Alertmanager, amtool, Chromium.

``make tools`` (which ``make test`` includes) brings them where they are missing.
"""

import os
import shutil
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
_FETCHED: Final = ROOT / ".tools" / "usr" / "bin"
_OTHER_NAMES: Final = {
    "alertmanager": ("prometheus-alertmanager",),  # Debian's
    "chromium": ("chromium-browser", "google-chrome", "google-chrome-stable"),
}


def find_tool(name: str) -> Path | None:
    """Find a program on PATH, or among those that ``make tools`` fetched."""
    for candidate in (name, *_OTHER_NAMES.get(name, ())):
        found = shutil.which(candidate) or shutil.which(candidate, path=str(_FETCHED))
        if found:
            return Path(found)
    return None


def require_tool(name: str) -> Path:
    """Find a program or skip the test; under CI a missing one is a failure, not a silent gap."""
    found = find_tool(name)
    if found is not None:
        return found
    reason = f"{name} is not installed; `make tools` brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

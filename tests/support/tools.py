"""Programs of others that some tests run: Prometheus, promtool, Alertmanager, amtool, Chromium.

``make tools`` (which ``make test`` includes) brings them where they are missing.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from exporter.commands.demo import programs

ROOT: Final = Path(__file__).resolve().parents[2]
_OTHER_NAMES: Final = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
}


def require_tool(name: str) -> Path:
    """Find a program or skip the test; under CI a missing one fails it instead."""
    for candidate in _OTHER_NAMES.get(name, (name,)):
        found = programs.find(candidate, ROOT)
        if found is not None:
            return found
    reason = f"{name} is not installed; `make tools` brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

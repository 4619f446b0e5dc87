"""Programs of others that some tests run: Prometheus, promtool, Alertmanager, amtool.

``make tools`` (which ``make test`` includes) brings them where they are missing.
"""

import os
from pathlib import Path
from typing import Final

import pytest

from exporter.demo import programs

ROOT: Final = Path(__file__).resolve().parent.parent


def require_tool(name: str) -> Path:
    """Find a program or skip the test; under CI a missing one is a failure, not a silent gap."""
    found = programs.find(name, ROOT)
    if found is not None:
        return found
    reason = f"{name} is not installed; `make tools` brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

"""amtool, and the configuration of Alertmanager that this repository ships."""

import subprocess
from typing import Any, Final

import yaml

from support.tools import ROOT, Edition

CONFIG: Final = ROOT / "alerts" / "alertmanager.yml"
TEMPLATES: Final = ROOT / "alerts" / "templates"


def shipped_config() -> dict[str, Any]:
    """The shipped configuration, a new copy for each call."""
    loaded = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def amtool(edition: Edition, *arguments: str) -> str:
    """Run it; returns stdout, and fails the test with all output where it exits with an error."""
    ran = subprocess.run(
        [edition.require("amtool"), *arguments], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout

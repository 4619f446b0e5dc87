"""What is built and pinned, for the tests that look at it."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

from support.tools import ROOT

LOCKS: Final = ROOT / "requirements"


def pins(lock: Path) -> dict[str, str]:
    """Package names to pinned versions."""
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


def build(kind: Literal["wheel", "sdist"], into: Path) -> Path:
    """Build this checkout into an empty folder."""
    run_module("hatchling", "build", "--target", kind, "--directory", into)
    [built] = into.iterdir()
    return built


def run_module(module: str, *arguments: str | Path) -> None:
    """Run a module of this Python in the checkout; it has to succeed."""
    command = [sys.executable, "-m", module, *arguments]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr

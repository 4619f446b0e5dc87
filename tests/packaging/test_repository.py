"""What is committed: no package registry's address, and scripts that run."""

import os
import re
import subprocess
from typing import Final

import pytest

from support.tools import ROOT

# In parts, so that this file passes its own test.
_DOTS: Final = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("yarnpkg", "com"),
    ("deb", "debian", "org"),
    ("security", "debian", "org"),
    ("snapshot", "debian", "org"),
    ("ftp", "debian", "org"),
    ("archive", "ubuntu", "com"),
    ("proxy", "golang", "org"),
    ("crates", "io"),
    ("rubygems", "org"),
]
REGISTRIES: Final = re.compile(
    "|".join(re.escape(".".join(parts)) for parts in _DOTS), re.IGNORECASE
)


def committed() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("what is committed is known in a git checkout alone")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_package_registrys_host() -> None:
    naming = [
        name
        for name in committed()
        if REGISTRIES.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]

    assert naming == []


def test_generated_folders_are_not_committed() -> None:
    generated = (".venv/", ".tools/", "build/", "dist/", ".hypothesis/")

    assert [name for name in committed() if name.startswith(generated)] == []


@pytest.mark.parametrize("script", [".ci/run", "tests/install-tools", "tools/crds"])
def test_scripts_are_executable_and_stop_at_the_first_error(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert "set -euo pipefail" in (ROOT / script).read_text()

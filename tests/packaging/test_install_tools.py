"""tests/install-tools as `make demo` runs it: what it cannot fetch costs one line and no more."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from support.tools import ROOT

NEEDED: Final = ("bash", "cat", "dirname", "env", "grep", "id", "mkdir", "rm", "sed", "timeout")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The script alone, and a PATH with what every machine has."""
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "install-tools", tmp_path / "tests")
    (tmp_path / "bin").mkdir()
    for name in NEEDED:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def install(checkout: Path, name: str, script: str) -> None:
    program = checkout / "bin" / name
    program.write_text(f"#!{checkout}/bin/bash\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "tests" / "install-tools", "--demo"],
        env={"PATH": str(checkout / "bin"), "CI": "true", "HOME": os.environ.get("HOME", "/")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_packages_to_fetch_one_line_says_so(checkout: Path) -> None:
    ran = run(checkout)
    assert ran.returncode == 0
    assert ran.stdout == ""
    assert ran.stderr == (
        "The demo goes on without alerts to watch: "
        "no apt-get here, so no Debian packages to fetch.\n"
    )


def test_offline_one_line_says_so(checkout: Path) -> None:
    install(checkout, "dpkg-deb", "exit 1")
    install(checkout, "apt-get", "echo 'E: Temporary failure resolving' >&2; exit 100")
    ran = run(checkout)
    assert ran.returncode == 0
    (line,) = ran.stderr.splitlines()
    assert line.startswith("The demo goes on without alerts to watch: apt-get could not download")


def test_packages_are_fetched_without_root_and_never_installed(checkout: Path) -> None:
    asked = checkout / "asked"
    install(checkout, "apt-get", f'echo "$*" >>{asked}; : >$3.deb')
    install(checkout, "dpkg-deb", f'echo "dpkg-deb $1" >>{asked}')
    for name in ("sudo", "su", "pkexec"):
        install(checkout, name, f"echo {name} >>{asked}")
    ran = run(checkout)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert asked.read_text(encoding="utf-8").splitlines() == [
        "-qq update",
        "-qq download prometheus prometheus-alertmanager",
        "dpkg-deb -x",
    ]


def test_what_is_there_is_not_fetched_again(checkout: Path) -> None:
    for name in ("prometheus", "promtool", "alertmanager", "amtool"):
        install(checkout, name, "exit 1")
    ran = run(checkout)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_demo_fetches_before_it_starts_and_starts_whatever_comes_of_it() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    _, _, recipe = makefile.partition("\ndemo:")
    fetch, start, *_ = recipe.splitlines()[1:]
    assert fetch == "\ttests/install-tools --demo || true"
    assert "-m exporter demo" in start

"""What is installed and handed on: the wheel, the source archive, and what they depend on."""

import importlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any, Final

import pytest

from exporter import __version__
from support.distribution import build, pins
from support.tools import ROOT

pytestmark = pytest.mark.slow("archives are built and tested in processes of their own")

PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
ASSETS: Final = ("icon.svg", "refresh.js", "status.html", "style.css")
LOCKS: Final = sorted((ROOT / "requirements").glob("*.lock"))


DEMO: Final = ("alertmanager.yml", "browsertrix.rules.yaml")
"""Of alerts/, what the demo needs."""


def requirements(lock: Path) -> list[str]:
    """Each requirement with its hashes, as one line."""
    lines = [li for li in lock.read_text().splitlines() if not li.startswith("#")]
    return [li for li in "\n".join(lines).replace("\\\n", " ").splitlines() if li.strip()]


def test_there_are_locks_for_running_developing_and_building() -> None:
    assert [lock.name for lock in LOCKS] == ["build.lock", "dev.lock", "runtime.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_requirement_is_pinned_with_hashes_and_without_addresses(lock: Path) -> None:
    for requirement in requirements(lock):
        assert re.match(r"^[A-Za-z0-9._-]+==[^ ]+ ", requirement)
        assert "--hash=sha256:" in requirement
        assert "@ " not in requirement
    assert "://" not in lock.read_text()
    assert "--index" not in lock.read_text()


@pytest.mark.parametrize("name", ["build.lock", "runtime.lock"])
def test_the_locks_agree_with_each_other(name: str) -> None:
    assert pins(ROOT / "requirements" / name).items() <= (
        pins(ROOT / "requirements" / "dev.lock").items()
    )


def test_every_dependency_is_locked() -> None:
    for dependency in PYPROJECT["project"]["dependencies"]:
        assert re.split(r"[<>=!~\[; ]", dependency)[0] in pins(ROOT / "requirements/runtime.lock")


def test_every_runtime_dependency_has_a_reason_beside_it() -> None:
    block = (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [\n")[2]
    lines = [line.strip() for line in block.partition("\n]")[0].splitlines()]
    dependencies = [number for number, line in enumerate(lines) if line.startswith('"')]

    assert len(dependencies) == len(PYPROJECT["project"]["dependencies"])
    assert all(number and lines[number - 1].startswith("# ") for number in dependencies)


def test_the_console_script_resolves() -> None:
    [(name, target)] = PYPROJECT["project"]["scripts"].items()
    module, _, function = target.partition(":")

    assert name == "browsertrix-exporter"
    assert callable(getattr(importlib.import_module(module), function))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    information = f"browsertrix_exporter-{__version__}.dist-info/"
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "exporter").rglob("*.py")}
    assets = {f"exporter/web/status/assets/{name}" for name in ASSETS}

    assert {name for name in names if not name.startswith(information)} == {
        *modules,
        *assets,
        "exporter/py.typed",
        *(f"exporter/commands/demo/{name}" for name in DEMO),
    }
    assert {f"{information}entry_points.txt", f"{information}licenses/LICENSE"} <= names


def test_the_wheels_rules_and_routes_are_the_committed_ones(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        for name in DEMO:
            committed = (ROOT / "alerts" / name).read_bytes()
            assert opened.read(f"exporter/commands/demo/{name}") == committed


def test_the_wheels_metadata_says_what_it_needs(wheel: Path) -> None:
    information = f"browsertrix_exporter-{__version__}.dist-info/METADATA"
    metadata = message_from_bytes(zipfile.ZipFile(wheel).read(information))

    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert len(metadata.get_all("Requires-Dist", [])) == (len(PYPROJECT["project"]["dependencies"]))
    assert "# browsertrix-exporter" in str(metadata.get_payload())


def test_the_wheel_runs_without_the_source(wheel: Path, tmp_path: Path) -> None:
    where = "import exporter; print(exporter.__file__); from exporter.cli import main; main()"

    result = subprocess.run(
        [sys.executable, "-c", where, "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.splitlines() == [
        str(wheel / "exporter" / "__init__.py"),
        f"browsertrix-exporter {__version__}",
    ]


def test_the_source_archive_can_be_built_and_tested(tmp_path: Path) -> None:
    archive = build("sdist", tmp_path)
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}

    assert {
        *("LICENSE", "README.md", "CHANGELOG.md", "Makefile", "Dockerfile", "pyproject.toml"),
        *("requirements/runtime.lock", "exporter/py.typed", "exporter/cli.py"),
        *(
            "tests/support/factories.py",
            "tests/packaging/test_distribution.py",
            "tests/install-tools",
        ),
    } <= names
    assert not [n for n in names if n.startswith((".venv", ".tools", ".git/", "dist", "build/"))]

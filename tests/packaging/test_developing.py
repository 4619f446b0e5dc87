"""The developer guide is right: its first two changes, walked in a copy of the source."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.tools import ROOT, require_tool

pytestmark = pytest.mark.slow("a copy is tested in processes of its own")

GUIDE = ROOT / "docs" / "developing.md"
_BLOCK = re.compile(
    r"^(?P<fence>`{3,})(?:python|yaml|markdown) (\S+)(?: (\w+))?\n(.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"^- (`.*)$", re.MULTILINE)


@dataclass
class Change:
    """One section of the guide."""

    blocks: list[tuple[str, str, str]] = field(default_factory=list)
    """File, the name that is added to (empty: the file is new), and text."""
    files: set[str] = field(default_factory=set)
    """What the section says is touched."""


def read(section: str) -> Change:
    guide = GUIDE.read_text(encoding="utf-8")
    start = guide.index(f"\n## {section}\n")
    # A heading within a block is the block's.
    fences = [match.span() for match in _BLOCK.finditer(guide)]
    ends = [match.start() for match in re.finditer(r"^## ", guide, re.MULTILINE)]
    end = min(
        place
        for place in (*ends, len(guide))
        if place > start + 1 and not any(first < place < last for first, last in fences)
    )
    text = guide[start:end]
    _, _, listed = text.partition("Files:")
    files = {name for line in _FILE.findall(listed) for name in re.findall(r"`([^`]+)`", line)}
    return Change(
        [(file, name or "", block) for _, file, name, block in _BLOCK.findall(text)], files
    )


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Path]:
    """The source as committed or not yet, in a repository of its own."""
    folder = tmp_path / "source"
    listed = _run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        if (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    if (ROOT / ".tools").exists():
        (folder / ".tools").symlink_to((ROOT / ".tools").resolve())
    _run(folder, "git", "init", "--quiet")
    _run(folder, "git", "add", "--all")
    _run(
        folder,
        *("git", "-c", "user.name=t", "-c", "user.email=t@localhost"),
        *("commit", "--quiet", "--message=as it is"),
    )
    yield folder
    shutil.rmtree(folder)


def apply(change: Change, folder: Path) -> None:
    """Do what the section says, then what `make docs` does."""
    for file, name, block in change.blocks:
        path = folder / file
        if not name:
            path.write_text(block, encoding="utf-8")
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        end = _last_line(path, name)
        lines[end - 1 : end - 1] = [block]
        path.write_text("".join(lines), encoding="utf-8")
    metrics = _python(folder, "exporter", "metrics", "--format=markdown")
    (folder / "docs" / "metrics.md").write_text(metrics, encoding="utf-8")
    for file, command in (
        ("alerts/browsertrix.rules.yaml", ("exporter", "rules")),
        ("alerts/prometheusrule.yaml", ("exporter", "rules", "--format=prometheusrule")),
        ("docs/alerts.md", ("exporter.rules.documentation",)),
    ):
        (folder / file).write_text(_python(folder, *command), encoding="utf-8")
    _python(folder, "deploy")


def _last_line(path: Path, name: str) -> int:
    """The line with the closing bracket of what is assigned to ``name``."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)]) if found == name:
                return node.end_lineno or 0
            case ast.AnnAssign(target=ast.Name(id=found)) if found == name:
                return node.end_lineno or 0
    raise AssertionError(f"{path} assigns nothing to {name}")


def touched(folder: Path) -> set[str]:
    return {line[3:] for line in _run(folder, "git", "status", "--short", "-uall").splitlines()}


def test_a_metric_is_added_as_the_guide_says(copy: Path) -> None:
    change = read("Add a metric")
    apply(change, copy)
    assert touched(copy) == change.files
    assert "browsertrix_crawl_ttl_seconds" in (copy / "docs" / "metrics.md").read_text()
    _tests_pass(copy, "tests/metrics")


def test_an_event_alert_is_added_as_the_guide_says(copy: Path) -> None:
    require_tool("promtool")
    change = read("Add an event alert")
    apply(change, copy)
    assert touched(copy) == change.files
    rules = (copy / "alerts" / "browsertrix.rules.yaml").read_text()
    assert "alert: BrowsertrixCrawlStoppedByUser" in rules
    _tests_pass(
        copy,
        "tests/alerts",
        "--deselect=tests/alerts/test_rules.py",
        "--deselect=tests/alerts/test_histories.py",
        "--ignore=tests/alerts/test_notifications.py",
        "--ignore=tests/alerts/test_inhibition.py",
        "--ignore=tests/alerts/test_forecasts.py",
        "--ignore=tests/alerts/test_runbooks.py",
    )
    _tests_pass(copy, "tests/alerts/test_rules.py", "-k", "StoppedByUser")
    _tests_pass(copy, "tests/alerts/test_runbooks.py", "-k", "StoppedByUser")
    _tests_pass(copy, "tests/alerting/test_event_alerts.py", "-k", "StoppedByUser")


@pytest.mark.parametrize(
    "section", ["Add a metric", "Add an event alert", "Add a flag", "Add a source", "Add a panel"]
)
def test_the_files_that_the_guide_names_exist(section: str) -> None:
    made = {file for file, name, _ in read(section).blocks if not name}
    names = {name for name in read(section).files if "/" in name and "…" not in name}
    assert names
    assert [name for name in names - made if not (ROOT / name).exists()] == []


def _tests_pass(folder: Path, *arguments: str) -> None:
    command = ("pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *arguments)
    output = _python(folder, *command)
    assert re.search(r"\d+ passed", output), output


def _python(folder: Path, *arguments: str) -> str:
    return _run(folder, sys.executable, "-m", *arguments)


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout

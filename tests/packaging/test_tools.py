"""What a test does that needs a program of others which is not here: it says so, or fails."""

from pathlib import Path

import pytest

from support import tools
from support.tools import Edition

FETCHED = Path(".tools", "usr", "bin")


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout without programs, and a PATH without any, as a developer has it."""
    monkeypatch.setattr(tools, "ROOT", tmp_path)
    monkeypatch.setattr(tools, "BUILT", tmp_path / ".tools" / "real" / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv("CI", raising=False)
    return tmp_path


def install(program: Path) -> Path:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.touch(mode=0o755)
    return program


@pytest.mark.parametrize(
    ("edition", "reason"),
    [
        (Edition.DEBIAN, "`make tools` brings it"),
        (Edition.NEWEST, r"`make real-tools` builds it \(needs Go\)"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("nothing")
def test_without_its_program_a_test_is_skipped_with_the_reason(
    edition: Edition, reason: str
) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"prometheus.*{reason}"):
        edition.require("prometheus")


@pytest.mark.usefixtures("nothing")
def test_under_ci_a_missing_one_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make tools"):
        Edition.DEBIAN.require("amtool")


def test_under_ci_the_newest_may_be_missing_only_where_there_is_no_go(
    nothing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match="needs Go"):
        Edition.NEWEST.require("amtool")

    install(nothing / "path" / "go")
    with pytest.raises(pytest.fail.Exception, match="make real-tools"):
        Edition.NEWEST.require("amtool")


def test_each_edition_has_its_own(nothing: Path) -> None:
    old = install(nothing / FETCHED / "prometheus-alertmanager")
    with pytest.raises(pytest.skip.Exception):
        Edition.NEWEST.require("alertmanager")

    new = install(nothing / ".tools" / "real" / "bin" / "alertmanager")

    assert Edition.DEBIAN.require("alertmanager") == old
    assert Edition.NEWEST.require("alertmanager") == new

"""How the tests are built: what they share is in tests/support, and one helper does one thing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tools import ROOT

TESTS = ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The full names of all that a module imports, also within its functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                prefix = "." * level + (module or "")
                yield from (f"{prefix}.{alias.name}" for alias in names)


def is_of_a_test(name: str) -> bool:
    """Whether it is in a module of tests or a conftest, not in tests/support."""
    parts = name.split(".")
    return "conftest" in parts or any(part.startswith("test_") for part in parts) or not parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_imports_another_one_or_a_conftest(path: Path) -> None:
    assert [name for name in imported(path) if is_of_a_test(name)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_hypothesis_is_set_up_in_one_place(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    set_up = used & {"register_profile", "load_profile"}
    assert set_up == ({"register_profile", "load_profile"} if path.parent == TESTS else set())
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    assert "deadline" not in arguments or path.parent == TESTS


def test_helpers_have_names_of_their_own() -> None:
    """So that a name in a test stands for one thing, wherever it is read."""
    found: dict[str, set[str]] = {}
    for path in (TESTS / "support").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(node.name, set()).add(path.name)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}

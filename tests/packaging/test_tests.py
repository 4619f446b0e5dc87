"""How the tests are built: what they share is in tests/support, and one helper does one thing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.alerting import client as alertmanager_client
from exporter.alerting import notifier, send_loop
from exporter.cluster import client, exec_plugin, replay
from exporter.runtime import backoff
from exporter.settings import defaults
from exporter.web import server, streaming
from support.tools import ROOT
from support.waiting import PROCESS_TIMEOUT, WAIT_TIMEOUT

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


LIMITS = {
    alertmanager_client.TIMEOUT,
    backoff.LONGEST_RETRY_AFTER,
    backoff.MOST,
    client._CONNECT_TIMEOUT,
    defaults.DEFAULT_IDLE_LIMIT,
    exec_plugin.TIMEOUT,
    streaming.WRITE_TIMEOUT,
    notifier._DRAIN_LIMIT,
    notifier._EXPIRE_INTERVAL,
    replay.CONNECT_TIMEOUT,
    replay.IDLE_TIMEOUT,
    send_loop.RESEND,
    server.GRACE,
}
"""Seconds after which the exporter gives up or tries again."""


def waits(path: Path) -> Iterator[float]:
    """The literal seconds after which a module's tests give up."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(attr="timeout" | "wait_for"), args=[*_, given]):
                pass
            case ast.keyword(arg="timeout" | "within", value=given):
                pass
            case _:
                continue
        if isinstance(given, ast.Constant) and isinstance(given.value, int | float):
            yield float(given.value)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_gives_up_when_the_exporter_does(path: Path) -> None:
    """Else who gives up first depends on how busy the machine is."""
    assert LIMITS.isdisjoint(waits(path))


def test_the_shared_limits_are_none_of_the_exporters() -> None:
    assert LIMITS.isdisjoint({WAIT_TIMEOUT, PROCESS_TIMEOUT})


def test_helpers_have_names_of_their_own() -> None:
    """So that a name in a test stands for one thing, wherever it is read."""
    found: dict[str, set[str]] = {}
    for path in (TESTS / "support").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found.setdefault(node.name, set()).add(path.name)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}

"""A user whom no file names has no home, and the exporter starts all the same."""

import os
import pwd
from typing import NoReturn

import pytest

from exporter.cli import main


def test_a_user_without_a_home_has_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> NoReturn:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setenv("HOME", "to be put back")
    del os.environ["HOME"]

    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert os.environ["HOME"] == "/"


def test_a_home_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")

    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert os.environ["HOME"] == "/home/somebody"

"""The ledgers that a test of history opens are closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.crawl_history import Watch, kill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger's file is to be."""
    return tmp_path / "history.db"


@pytest.fixture
def watch(path: Path) -> Watch:
    """A watch with a ledger on disk."""
    return Watch(path)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the ledgers a test has opened, as a kill would."""
    yield
    while Watch.opened:
        kill(Watch.opened.pop())

"""The ledgers that a test of history opens are closed."""

from pathlib import Path

import pytest

from support.crawl_history import Watch, closed_ledgers

__all__ = ["closed_ledgers"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger's file is to be."""
    return tmp_path / "history.db"


@pytest.fixture
def watch(path: Path) -> Watch:
    """A watch with a ledger on disk."""
    return Watch(path)

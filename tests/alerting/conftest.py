import pytest

from history.conftest import closed
from support.crawl_history import Watch

__all__ = ["closed"]


@pytest.fixture
def watch() -> Watch:
    """In memory, and synced."""
    watch = Watch()
    watch.synced()
    return watch

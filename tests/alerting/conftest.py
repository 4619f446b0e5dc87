import pytest

from support.crawl_history import Watch, closed_ledgers

__all__ = ["closed_ledgers"]


@pytest.fixture
def watch() -> Watch:
    """In memory, and synced."""
    watch = Watch()
    watch.synced()
    return watch

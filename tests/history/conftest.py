"""What each test of the history room leaves behind is closed."""

from collections.abc import Iterator

import pytest

from support.crawl_history import Watch


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the ledgers a test has opened, as a kill would."""
    yield
    while Watch.opened:
        Watch.opened.pop().file.close()

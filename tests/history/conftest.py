"""The ledgers that a test of history opens are closed."""

from collections.abc import Iterator

import pytest

from support.crawl_history import Watch, kill


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the ledgers a test has opened, as a kill would."""
    yield
    while Watch.opened:
        kill(Watch.opened.pop())

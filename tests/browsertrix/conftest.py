"""A Browsertrix over real HTTP, and clients of it."""

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from support.asker import Asker, Connect
from support.browsertrix_server import PASSWORD, BrowsertrixServer


@pytest.fixture
async def server() -> AsyncIterator[BrowsertrixServer]:
    async with BrowsertrixServer.running() as found:
        yield found


@pytest.fixture
async def connect(server: BrowsertrixServer, tmp_path: Path) -> AsyncIterator[Connect]:
    made: list[Asker] = []

    def make(secret: str = PASSWORD, **options: Any) -> Asker:
        file = tmp_path / f"secret-{len(made)}"
        file.write_text(f"{secret}\n")
        made.append(Asker(server.url, file, **options))
        return made[-1]

    yield make
    for one in made:
        await one.http.close()


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "exporter")


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """All that was logged, with its fields."""
    return lambda: "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)

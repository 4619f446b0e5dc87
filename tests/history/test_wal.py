"""The WAL stays short, however much is written, and whoever reads meanwhile."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.history import database, ledger_file
from exporter.history.database import wal_size
from support.crawl_history import Watch
from support.waiting import until

MOST = 16 * 2**20
"""Bytes. What docs/limits.md promises."""


@pytest.fixture
def watch(path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Writes and checkpoints as often as it can."""
    monkeypatch.setattr("exporter.history.recorder._TICK", 0.0)
    monkeypatch.setattr("exporter.history.recorder._WRITE_EVERY", 0.0)
    monkeypatch.setattr("exporter.history.ledger_file._LONG_WAL", 40_000)
    watch = Watch(path)
    watch.synced()
    return watch


def write(watch: Watch, version: int) -> None:
    watch.change(version, status={"pagesDone": version})
    assert watch.ledger.flush()


async def test_the_wal_is_emptied_though_each_checkpoint_meets_a_write(
    watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint beside which something is written never lets the WAL begin anew."""
    loop = asyncio.get_running_loop()
    versions = iter(range(10, 100_000))
    checkpoint = database.checkpoint
    checkpoints = 0

    async def more() -> None:
        write(watch, next(versions))

    def beside_a_write(of: Path) -> None:
        nonlocal checkpoints
        checkpoint(of)
        asyncio.run_coroutine_threadsafe(more(), loop).result(10)
        checkpoints += 1

    monkeypatch.setattr("exporter.history.ledger_file.checkpoint", beside_a_write)
    task = asyncio.create_task(watch.recorder.run())
    longest = 0

    def enough() -> bool:
        nonlocal longest
        write(watch, next(versions))
        longest = max(longest, wal_size(path))
        return checkpoints >= 10

    await until(enough)
    task.cancel()
    assert longest < 400_000
    assert watch.ledger.file_status.write_failures == 0


async def test_a_reader_keeps_the_wal_only_while_it_reads(watch: Watch, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchone()
        for version in range(10, 60):
            write(watch, version)
        await watch.ledger.checkpoint()
        assert watch.ledger.wal_is_long
        assert watch.ledger.file_status.last_error is None
        reader.execute("COMMIT")
        await watch.ledger.checkpoint()
        assert wal_size(path) == 0


def test_what_is_called_long_leaves_room_below_what_is_promised() -> None:
    assert ledger_file._LONG_WAL * 2 <= MOST

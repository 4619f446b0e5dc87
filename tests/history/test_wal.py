"""The WAL stays short, however much is written, and whoever reads meanwhile."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from stat import S_IMODE

import pytest

from exporter.history import copying, database, ledger_file, reading
from exporter.history.database import read_only, wal_size
from exporter.history.errors import DatabaseError
from exporter.history.state import LedgerState, load
from support.crawl_history import OVER, Watch, finished_once, kill, sql
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
    with held(path) as reader:
        for version in range(10, 60):
            write(watch, version)
        await watch.ledger.checkpoint()
        assert watch.ledger.wal_is_long
        assert watch.ledger.file_status.last_error is None
        reader.execute("COMMIT")
        await watch.ledger.checkpoint()
        assert wal_size(path) == 0


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """A reader that does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM meta").fetchone()
        yield reader


@pytest.fixture
def short(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """What a reader may hold is little, too."""
    monkeypatch.setattr("exporter.history.ledger_file._HELD_WAL", 80_000)
    return watch


def stored(path: Path) -> LedgerState:
    with closing(read_only(path)) as file:
        return load(file)


async def test_from_a_reader_that_does_not_end_the_ledger_moves_away(
    short: Watch, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short.change(5, crawl="finished", status=OVER)
    with held(path) as reader:
        before = reader.execute("SELECT count(*) FROM events").fetchone()
        longest = 0
        for version in range(10, 300):
            write(short, version)
            await short.ledger.checkpoint()
            longest = max(longest, wal_size(path))
        assert longest < 200_000
        assert short.ledger.file_status.write_failures == 0
        assert caplog.text.count("another program reads it and does not end") == 1
        assert reader.execute("SELECT count(*) FROM events").fetchone() == before, "reads on"
    assert sorted(one.name for one in path.parent.iterdir()) == [
        "history.db", "history.db-shm", "history.db-wal", "history.db.lock"
    ], "the reader's end has taken nothing of ours"  # fmt: skip
    write(short, 300)
    assert stored(path).baselines == short.ledger.baselines
    assert len(reading.events(path)) == len(short.ledger.recent_events), "the log is copied too"
    assert S_IMODE(path.stat().st_mode) == 0o600
    short.kill()
    assert finished_once(short)


async def test_a_checkpoint_that_waits_for_the_disk_does_not_let_the_wal_grow(
    watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.history.ledger_file._MOST_WAL", 80_000)
    checkpoint, loop = database.checkpoint, asyncio.get_running_loop()

    async def more() -> None:
        for version in range(10, 300):
            watch.change(version, status={"pagesDone": version})
            watch.ledger.flush()
        assert wal_size(path) < 120_000

    def slow(of: Path) -> None:
        asyncio.run_coroutine_threadsafe(more(), loop).result(10)
        checkpoint(of)

    monkeypatch.setattr("exporter.history.ledger_file.checkpoint", slow)
    await watch.ledger.checkpoint()
    assert watch.ledger.flush()
    assert stored(path).baselines == watch.ledger.baselines


async def test_what_comes_while_the_ledger_is_copied_is_in_the_new_one(
    short: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, loop = copying.copy, asyncio.get_running_loop()

    async def more() -> None:
        short.change(1000, crawl="meanwhile", status=OVER)
        assert sql(path, "SELECT count(*) FROM finished") == [(0,)], "it would be lost there"

    def beside_a_change(of: Path) -> None:
        copy(of)
        asyncio.run_coroutine_threadsafe(more(), loop).result(10)

    monkeypatch.setattr("exporter.history.copying.copy", beside_a_change)
    with held(path):
        for version in range(10, 100):
            write(short, version)
        await short.ledger.checkpoint()
        assert short.ledger.flush()
    assert [one.crawl for one in stored(path).finished.values()] == ["meanwhile"]


async def test_where_there_is_no_room_for_a_copy_memory_goes_on_alone(
    short: Watch, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(of: Path) -> None:
        raise DatabaseError(f"{of}: cannot be copied: database or disk is full")

    monkeypatch.setattr("exporter.history.copying.copy", full)
    with held(path):
        for version in range(10, 100):
            write(short, version)
        await short.ledger.checkpoint()
        kept = wal_size(path)
        for version in range(100, 200):
            short.clock.now += 31
            short.change(version, status={"pagesDone": version})
            assert not short.ledger.flush()
            await short.ledger.checkpoint()
        assert wal_size(path) == kept
        assert caplog.text.count("cannot be copied") == 1
        assert "a reader keeps the WAL" in str(short.ledger.file_status.last_error)
    short.clock.now += 31
    await short.ledger.checkpoint()
    assert short.ledger.flush()
    assert short.ledger.file_status.last_error is None
    assert stored(path).baselines == short.ledger.baselines


async def test_the_end_is_written_though_a_reader_keeps_the_wal(
    short: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(of: Path) -> None:
        raise DatabaseError(f"{of}: cannot be copied: database or disk is full")

    monkeypatch.setattr("exporter.history.copying.copy", full)
    with held(path):
        for version in range(10, 100):
            write(short, version)
        await short.ledger.checkpoint()
        short.change(200, status=OVER)
        short.ledger.close()
        short.start()
    assert finished_once(short)


@pytest.mark.parametrize("moment", ["unlink", "rename"])
async def test_a_move_that_a_kill_interrupts_is_finished_by_the_next_start(
    short: Watch, path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new file with the old WAL would be damaged, the old file without its WAL too old."""
    write(short, 10)
    await short.ledger.checkpoint()
    kill(short.ledger)
    state = stored(path)
    copying.copy(path)
    sql(path, "DELETE FROM baselines")

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        # The copy is complete: its first renaming was.
        path.with_name("history.db.copy").rename(path.with_name("history.db.next"))
        patched.setattr(Path, moment, killed)
        with pytest.raises(KeyboardInterrupt):
            copying.finish(path)
    short.start()
    assert short.ledger.baselines == state.baselines
    assert not list(path.parent.glob("history.db.[cn]*"))


async def test_a_copy_that_a_kill_interrupts_is_removed_by_the_next_start(
    short: Watch, path: Path
) -> None:
    kill(short.ledger)
    path.with_name("history.db.copy").write_bytes(b"a half")
    short.start()
    assert not list(path.parent.glob("history.db.c*"))


def test_what_is_called_long_leaves_room_below_what_is_promised() -> None:
    assert ledger_file._LONG_WAL < ledger_file._HELD_WAL
    assert ledger_file._HELD_WAL < ledger_file._MOST_WAL
    assert ledger_file._MOST_WAL + ledger_file._LONG_WAL < MOST

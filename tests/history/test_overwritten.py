"""Whoever overwrites the ledger's files in place is noticed, and all is written again."""

import logging
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from exporter.history import database
from exporter.history.database import read_only
from exporter.history.errors import DatabaseError
from exporter.history.state import load
from support.crawl_history import Watch, as_a_kill_leaves_it, connection, kill, sql
from support.factories import NAMESPACE

Damage = Callable[[bytes], bytes]

HOW: Final[dict[str, Damage]] = {
    "emptied": lambda _: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "garbage over its beginning": lambda content: garbage(content, 0),
    "garbage in its middle": lambda content: garbage(content, len(content) // 2),
    "garbage over its end": lambda content: garbage(content, len(content) - 300),
}


def garbage(content: bytes, place: int) -> bytes:
    return (
        content[:place] + bytes(255 - one for one in content[place:][:300]) + content[place:][300:]
    )


def overwrite(file: Path, content: bytes) -> None:
    """In place, and some time after what was written last: a file system's clock has ticks."""
    modified = file.stat().st_mtime_ns
    with file.open("r+b") as opened:
        opened.truncate(len(content))
        opened.write(content)
    os.utime(file, ns=(modified, modified + 4_000_000))


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def is_whole(watch: Watch, path: Path) -> bool:
    with closing(read_only(path)) as file:
        state = load(file)
    return (
        state.baselines == watch.ledger.baselines
        and {key: value for key, value in state.tallies.totals.items() if value}
        == watch.changed_totals()
        and list(state.resource_versions.values()) == list(watch.resource_versions().values())
    )


@pytest.fixture
async def watch(path: Path) -> Watch:
    """Its file has pages, and its WAL has some that the file does not have yet."""
    watch = Watch(path)
    watch.synced(4)
    for number in range(20):
        watch.change(10 + number, crawl=f"first{number}")
    await watch.ledger.checkpoint()
    for number in range(20):
        watch.change(50 + number, crawl=f"second{number}")
    return watch


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
async def test_it_is_noticed_said_once_and_written_whole_again(
    watch: Watch, path: Path, end: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = path.with_name(path.name + end)
    overwrite(file, content := HOW[how](file.read_bytes()))
    watch.change(100, crawl="later")
    assert watch.ledger.flush()
    (aside,) = path.parent.glob("history.db.overwritten-*Z" + end)
    assert aside.read_bytes()[: len(content)] == content, "nothing of ours was written into it"
    (said,) = errors(caplog)
    assert f"{path}: another program has written to {file.name} under us; kept as history" in said
    assert said.endswith(f" as {aside.name.removesuffix(end)}, and a new ledger is begun")
    assert watch.ledger.file_status.write_failures == 1
    assert watch.ledger.file_status.last_error is None
    assert is_whole(watch, path)
    assert sql(path, "PRAGMA integrity_check") == [("ok",)]
    watch.kill()
    assert len(watch.ledger.baselines) == 41
    assert watch.resource_versions() == {NAMESPACE: "4"}


@pytest.mark.parametrize("how", HOW)
async def test_an_index_that_is_overwritten_costs_nothing_where_a_kill_came_first(
    watch: Watch, path: Path, how: str
) -> None:
    """To cut one that is in use is such a kill: SQLite has it mapped (SIGBUS)."""
    left = as_a_kill_leaves_it(path, path.parent / "left")
    index = left.with_name(f"{left.name}-shm")
    overwrite(index, HOW[how](index.read_bytes()))
    again = Watch(left)
    assert again.ledger.baselines == watch.ledger.baselines
    assert again.resource_versions() == {NAMESPACE: "4"}
    assert not list(left.parent.glob("history.db.*Z"))


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
async def test_it_is_noticed_though_there_is_nothing_to_write(
    watch: Watch, path: Path, end: str
) -> None:
    file = path.with_name(path.name + end)
    overwrite(file, HOW["emptied"](file.read_bytes()))
    assert watch.ledger.flush()
    assert watch.ledger.file_status.write_failures == 1
    assert is_whole(watch, path)


async def test_another_ledger_that_is_copied_over_it_is_not_taken_for_it(
    watch: Watch, path: Path, tmp_path: Path
) -> None:
    other = Watch(tmp_path / "other.db")
    other.synced(90)
    other.change(95, crawl="of another cluster")
    kill(other.ledger)
    overwrite(path, content := (tmp_path / "other.db").read_bytes())
    await watch.ledger.checkpoint()
    assert watch.ledger.file_status.last_error is not None, "seen by a checkpoint as well"
    (aside,) = path.parent.glob("history.db.overwritten-*Z")
    assert aside.read_bytes() == content
    assert watch.ledger.flush()
    assert is_whole(watch, path)


async def test_what_another_program_writes_by_sqlite_does_not_stay(
    watch: Watch, path: Path
) -> None:
    sql(path, "DELETE FROM baselines")
    assert watch.ledger.flush()
    assert watch.ledger.file_status.write_failures == 1
    assert is_whole(watch, path)


async def test_readers_checkpoints_and_failed_writes_are_nobody_elses(
    watch: Watch, path: Path
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        for version in range(100, 130):
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM totals").fetchall()
            watch.change(version, crawl=f"c{version}")
            if version % 7 == 0:
                await watch.ledger.checkpoint()
            reader.execute("COMMIT")
            assert is_whole(watch, path)
    assert watch.ledger.file_status.write_failures == 0
    own = connection(watch.ledger)
    own.execute(f"PRAGMA max_page_count={own.execute('PRAGMA page_count').fetchone()[0]}")
    for version in range(200, 300):
        watch.change(version, crawl=f"c{version}")
    assert watch.ledger.file_status.write_failures == 1
    own.execute("PRAGMA max_page_count=100000")
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert watch.ledger.file_status.write_failures == 1
    assert not list(path.parent.glob("history.db.*Z"))


async def test_a_file_that_is_overwritten_while_a_checkpoint_runs_shows_by_its_header(
    watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = database.checkpoint

    def beside_another(of: Path) -> None:
        checkpoint(of)
        of.write_bytes(b"no ledger\n" * 1000)

    monkeypatch.setattr("exporter.history.ledger_file.checkpoint", beside_another)
    await watch.ledger.checkpoint()
    assert "has written to history.db" in str(watch.ledger.file_status.last_error)
    assert watch.ledger.flush()
    assert is_whole(watch, path)


async def test_a_wal_that_is_emptied_while_it_is_written_to_is_not_called_written(
    watch: Watch, path: Path
) -> None:
    wal = path.with_name(f"{path.name}-wal")
    own, writes = connection(watch.ledger), watch.ledger.file_status.writes

    def empty(statement: str) -> None:
        if statement == "BEGIN IMMEDIATE":
            own.set_trace_callback(None)
            os.truncate(wal, 0)

    own.set_trace_callback(empty)
    watch.change(100, crawl="later")
    assert watch.ledger.file_status.write_failures == 1
    assert watch.ledger.file_status.writes == writes + 1, "into the new file alone"
    assert is_whole(watch, path)


async def test_one_that_cannot_be_set_aside_is_written_over_in_the_end(
    watch: Watch, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> Path:
        raise DatabaseError("cannot be set aside: Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr("exporter.history.ledger_file.set_aside", refused)
        overwrite(path, b"no ledger\n" * 1000)
        assert not watch.ledger.flush()
        assert len(errors(caplog)) == 1
        assert "going on from memory" in errors(caplog)[0]
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert is_whole(watch, path)

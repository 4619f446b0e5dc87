"""Files that are no ledger, or go bad: kept under another name, and a new ledger is begun."""

import os
from pathlib import Path

import pytest

from exporter.history import database, schema
from exporter.history.errors import DatabaseError
from support.counters import FINISHED
from support.crawl_history import OVER, Watch, connection, finished_once, sql, unnoticed
from support.factories import NAMESPACE


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"this is a text file, and quite a long one at that, " * 40, "corrupt"),
        (b"SQLite format 3\0" + b"\xff" * 4000, "corrupt"),
    ],
)
def test_a_file_that_is_no_ledger_is_kept_under_another_name(
    path: Path, content: bytes, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(content)
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    (aside,) = path.parent.glob(f"history.db.{kind}-*")
    assert aside.read_bytes() == content
    assert f"kept as {aside.name}, and a new ledger is begun" in caplog.text
    watch.kill()
    assert finished_once(watch)


def test_another_programs_database_is_kept_under_another_name(path: Path) -> None:
    sql(path, "CREATE TABLE passwords (secret)")
    watch = Watch(path)
    watch.synced()
    (aside,) = path.parent.glob("history.db.foreign-*")
    assert sql(aside, "SELECT name FROM sqlite_master") == [("passwords",)]


def test_a_damaged_ledger_is_kept_under_another_name(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    for number in range(200):
        watch.change(10 + number, crawl=f"c{number}")
    watch.ledger.close()
    data = bytearray(path.read_bytes())
    data[8192:40000] = os.urandom(40000 - 8192)
    path.write_bytes(data)
    watch.start()
    assert len(list(path.parent.glob("history.db.corrupt-*"))) == 1
    assert watch.ledger.file_status.last_error is None


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE baselines SET baseline = '{'",
        "UPDATE baselines SET baseline = '{\"uid\": 3}'",
        "INSERT INTO figures SELECT uid, '1', 'long ago', 0, 0, 0, 0, 0 FROM baselines",
        "UPDATE totals SET labels = labels || '?'",
        "UPDATE histograms SET counts = '[1]'",
        "INSERT OR REPLACE INTO meta VALUES ('dropped', 'many')",
        "DROP TABLE resource_versions",
    ],
)
def test_rows_that_make_no_sense_are_damage(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(10, crawl="other", status=OVER)
    watch.ledger.close()
    sql(path, damage)
    watch.start()
    watch.change(11, status=OVER)
    watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None
    assert len(list(path.parent.glob("history.db.corrupt-*"))) == 1
    assert "a new ledger is begun" in caplog.text
    watch.kill()
    assert finished_once(watch)


def test_a_newer_releases_ledger_is_kept_for_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    watch.ledger.close()
    newer = len(schema.MIGRATIONS) + 1
    sql(path, f"PRAGMA user_version={newer}")
    watch.start()
    assert not finished_once(watch)
    (aside,) = path.parent.glob(f"history.db.schema{newer}-*")
    assert sql(aside, "SELECT count(*) FROM finished") == [(1,)]
    assert f"layout {newer}" in caplog.text


def test_an_older_layout_is_brought_up_to_date(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    watch.ledger.close()
    step = "ALTER TABLE finished ADD COLUMN note TEXT DEFAULT ''"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    database.Database.open(path).close()
    assert sql(path, "PRAGMA user_version") == [(len(schema.MIGRATIONS),)]
    assert sql(path, "SELECT state, note FROM finished") == [("complete", "")]


def test_a_migration_that_fails_leaves_the_layout_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Watch(path).ledger.close()
    version = len(schema.MIGRATIONS)
    step = "ALTER TABLE finished ADD COLUMN note TEXT; ALTER TABLE nothing ADD COLUMN x"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with pytest.raises(DatabaseError):
        database.Database.open(path)
    assert sql(path, "PRAGMA user_version") == [(version,)]
    assert "note" not in [row[1] for row in sql(path, "PRAGMA table_info(finished)")]


def test_a_file_deleted_under_the_exporter_is_written_anew_and_whole(path: Path) -> None:
    watch = Watch(path)
    watch.synced(4)
    watch.change(10, crawl="first", status=OVER)
    path.unlink()
    watch.change(11, crawl="second", status=OVER)
    assert watch.ledger.file_status.last_error is None
    watch.kill()
    assert watch.total(FINISHED, "complete", "") == 2
    assert watch.resource_versions() == {NAMESPACE: "4"}


def test_of_a_file_deleted_under_the_exporter_nothing_is_said_to_be_kept(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(path)
    watch.synced()
    for file in path.parent.glob("history.db*"):
        if not file.name.endswith(".lock"):
            file.unlink()
    watch.change(10, status=OVER)
    assert watch.ledger.flush()
    assert "moved or deleted under us" in caplog.text
    assert "kept as" not in caplog.text
    assert not [*path.parent.glob("history.db.*lost*")]


async def test_a_file_damaged_under_the_exporter_is_replaced_and_written_whole(path: Path) -> None:
    watch = Watch(path)
    watch.synced(4)
    for number in range(100):
        watch.change(10 + number, crawl=f"c{number}", status=OVER)
    await watch.ledger.checkpoint()
    own = connection(watch.ledger)
    own.execute("PRAGMA writable_schema=ON")
    own.execute("UPDATE sqlite_master SET sql = 'CREATE nonsense' WHERE name = 'finished'")
    own.execute("PRAGMA writable_schema=RESET")
    unnoticed(watch.ledger)
    watch.change(500, crawl="last", status=OVER)
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert len(list(path.parent.glob("history.db.corrupt-*"))) == 1
    watch.kill()
    assert watch.total(FINISHED, "complete", "") == 101

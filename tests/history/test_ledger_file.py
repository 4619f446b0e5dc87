"""The ledger's file: what survives a kill, and what happens when the file or the disk goes bad."""

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.history import database, schema
from exporter.history.errors import DatabaseError, LedgerError
from exporter.history.ledger import Ledger
from exporter.history.reading import events, finished_crawls
from support.counters import FINISHED, POD_EXITS, STATES_ENTERED, VANISHED
from support.crawl_history import Watch, connection
from support.factories import NAMESPACE, crawler_pod

OVER = {"state": "complete", "finished": "2025-05-21T12:04:00Z"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def sql(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        return file.execute(statement).fetchall()


def finished_once(watch: Watch) -> bool:
    return watch.total(FINISHED, "complete", "") == 1


@contextmanager
def locked(directory: Path, files: int = 0o444) -> Iterator[None]:
    """Nothing can be made or written there, by root neither, whom no mode keeps out."""
    is_root = os.geteuid() == 0
    if is_root:
        for parent in directory.parents[:3]:
            parent.chmod(0o755)
    for file in directory.iterdir():
        file.chmod(files)
    directory.chmod(0o555)
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        directory.chmod(0o755)
        for file in directory.iterdir():
            file.chmod(0o644)


# -- what is on disk


def test_an_event_is_on_disk_before_the_change_returns(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(11, status=OVER)
    watch.kill()
    assert finished_once(watch)
    assert watch.total(STATES_ENTERED, "running") == 1
    assert [one.state for one in watch.finished()] == ["complete"]


def test_a_change_without_an_event_waits_for_the_next_write(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(11, status={"pagesDone": 50})
    assert sql(path, "SELECT value FROM totals WHERE family LIKE '%pages_total'") == [(45.0,)]
    watch.ledger.flush()
    assert sql(path, "SELECT value FROM totals WHERE family LIKE '%pages_total'") == [(50.0,)]


def test_nothing_is_written_where_nothing_changed(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    writes = watch.ledger.file_status.writes
    assert watch.ledger.flush()
    assert watch.ledger.file_status.writes == writes


def test_a_start_with_many_crawls_writes_in_batches(path: Path) -> None:
    watch = Watch(path)
    writes = watch.ledger.file_status.writes
    for number in range(1200):
        watch.change(10 + number, crawl=f"c{number}", pods={})
    watch.synced(2000)
    assert watch.ledger.file_status.writes - writes == 3
    watch.kill()
    assert watch.total(STATES_ENTERED, "running") == 1200


def test_everything_continues_after_a_kill(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, spec={"pausedAt": "2025-05-21T12:05:00Z"})
    watch.change(11)
    watch.change(12, crawl="other", status=OVER, deleted=True)
    watch.recorder.on_bookmark(NAMESPACE, "12")
    watch.ledger.expire()
    watch.ledger.flush()
    before, versions = watch.ledger, watch.resource_versions()
    watch.kill()
    after = watch.ledger
    assert after.baselines == before.baselines
    assert after.finished_crawls == before.finished_crawls
    assert after.tallies.totals == before.tallies.totals
    assert after.tallies.histograms == before.tallies.histograms
    assert watch.resource_versions() == versions == {NAMESPACE: "12"}


def test_an_exporter_killed_by_the_system_loses_no_change_it_has_handled(path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    handled = [child.stdout.readline() for _ in range(50)]
    child.send_signal(signal.SIGKILL)
    handled += child.stdout.readlines()
    child.wait()
    child.stdout.close()
    watch = Watch(path)
    assert watch.total(FINISHED, "complete", "") >= len([line for line in handled if line.strip()])
    assert watch.total(FINISHED, "complete", "") == len(watch.ledger.finished_crawls)


_CHILD = """
import itertools, pathlib, sys
from support.crawl_history import Watch
watch = Watch(pathlib.Path(sys.argv[1]))
watch.synced()
for n in itertools.count(10):
    watch.change(n, crawl=f"c{n}", pods={}, status={"state": "complete"})
    print(n, flush=True)
"""


def test_without_a_path_nothing_is_written_and_all_is_counted(tmp_path: Path) -> None:
    watch = Watch(None)
    watch.synced()
    watch.change(10, status=OVER)
    assert finished_once(watch)
    assert watch.ledger.flush()
    watch.kill()
    assert not finished_once(watch)
    assert list(tmp_path.iterdir()) == []


def test_another_cluster_has_no_resume_point_and_what_it_does_not_show_has_not_vanished(
    path: Path,
) -> None:
    watch = Watch(path, cluster="https://one", scopes=(NAMESPACE, "other"))
    watch.synced(7)
    watch.recorder.on_synced("other", "7")
    pods = {"crawl-x-0": crawler_pod(exitTime="2025-05-21T12:01:00Z", exitCode=9)}
    watch.change(10, crawl="seen", pods=pods)
    watch.change(11, crawl="unseen")
    watch.change(12, crawl="elsewhere", namespace="other")
    watch.ledger.close()
    watch = Watch(path, cluster="https://two", scopes=(NAMESPACE, "other"))
    assert watch.resource_versions() == {}
    watch.change(3, crawl="seen", pods=pods, metadata={"uid": "uid-crawlers-seen"})
    watch.synced(3)
    watch.kill()  # before the other scope was seen
    assert watch.ledger.moved_to == "https://two"
    watch.change(3, crawl="seen", pods=pods, metadata={"uid": "uid-crawlers-seen"})
    watch.synced(3)
    watch.recorder.on_synced("other", "3")
    assert watch.ledger.moved_to is None
    assert watch.total(VANISHED) == 0
    assert watch.total(POD_EXITS, "crawler", "other") == 1
    assert {baseline.crawl for baseline in watch.ledger.baselines.values()} == {"seen"}
    watch.kill()
    assert watch.ledger.moved_to is None
    assert watch.resource_versions() == {NAMESPACE: "3", "other": "3"}


def test_what_is_not_watched_any_more_is_forgotten_but_for_its_counts(path: Path) -> None:
    watch = Watch(path, scopes=(NAMESPACE, "other"))
    watch.synced(7)
    watch.recorder.on_synced("other", "7")
    watch.change(10)
    watch.change(11, namespace="other", status=OVER)
    watch.ledger.close()
    watch = Watch(path)
    assert watch.resource_versions() == {NAMESPACE: "7"}
    assert {baseline.namespace for baseline in watch.ledger.baselines.values()} == {NAMESPACE}
    assert [one.namespace for one in watch.finished()] == ["other"]


# -- files that are no ledger


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


# -- disks


def test_a_full_disk_costs_nothing_but_the_writing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(path)
    watch.synced()
    own = connection(watch.ledger)
    pages = own.execute("PRAGMA page_count").fetchone()[0]
    own.execute(f"PRAGMA max_page_count={pages}")
    for number in range(300):
        watch.change(10 + number, crawl=f"c{number}", status=OVER)
    assert watch.total(FINISHED, "complete", "") == 300
    assert watch.ledger.file_status.last_error == f"{path}: database or disk is full"
    said = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(said) == 1
    assert "going on from memory" in said[0].message

    own.execute("PRAGMA max_page_count=100000")
    assert not watch.ledger.flush()  # not tried all the time
    watch.clock.now += 31
    assert watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None
    assert "writing again" in caplog.text
    assert watch.ledger.file_status.write_failures >= 1
    watch.kill()
    assert watch.total(FINISHED, "complete", "") == 300
    assert len(watch.ledger.finished_crawls) == 300
    assert len(events(path)) == sum(
        value for (family, _), value in watch.changed_totals().items() if "org" not in family
    )


def test_tries_on_a_bad_disk_become_rarer(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    own = connection(watch.ledger)
    own.execute("PRAGMA query_only=1")
    watch.change(10)
    start, tries = watch.clock.now, []
    for second in range(120):
        watch.clock.now = start + second
        failures = watch.ledger.file_status.write_failures
        watch.ledger.flush()
        if watch.ledger.file_status.write_failures > failures:
            tries.append(second)
    assert tries == [1, 3, 7, 15, 31, 61, 91]


def test_a_read_only_disk_at_start_serves_from_memory_and_writes_later(path: Path) -> None:
    watch = Watch(path)
    watch.synced(5)
    watch.change(10)
    watch.ledger.close()
    with locked(path.parent):
        watch.start()
        assert watch.ledger.file_status.last_error is not None
        assert watch.resource_versions() == {NAMESPACE: "5"}
        watch.change(11, status=OVER)
        watch.synced(11)
        assert finished_once(watch)
        watch.ledger.flush()
        assert watch.ledger.file_status.last_error is not None
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None
    watch.kill()
    assert finished_once(watch)
    assert [one.crawl for one in finished_crawls(path)] == [one.crawl for one in watch.finished()]


def test_a_file_that_cannot_be_made_yet_is_made_later(path: Path) -> None:
    with locked(path.parent):
        watch = Watch(path)
        watch.synced()
        watch.change(10, status=OVER)
        assert watch.ledger.file_status.last_error is not None
    watch.clock.now += 60
    assert watch.ledger.flush()
    watch.kill()
    assert finished_once(watch)


def test_a_file_that_is_there_but_cannot_be_read_is_not_overwritten(path: Path) -> None:
    Watch(path).ledger.close()
    with locked(path.parent, files=0), pytest.raises(LedgerError, match="can be neither read"):
        Ledger.open(path)


def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"the directory .*nowhere does not exist"):
        Ledger.open(tmp_path / "nowhere" / "history.db")


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


def test_a_file_damaged_under_the_exporter_is_replaced_and_written_whole(path: Path) -> None:
    watch = Watch(path)
    watch.synced(4)
    for number in range(100):
        watch.change(10 + number, crawl=f"c{number}", status=OVER)
    watch.ledger.checkpoint()
    own = connection(watch.ledger)
    own.execute("PRAGMA writable_schema=ON")
    own.execute("UPDATE sqlite_master SET sql = 'CREATE nonsense' WHERE name = 'finished'")
    own.execute("PRAGMA writable_schema=RESET")
    watch.change(500, crawl="last", status=OVER)
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert len(list(path.parent.glob("history.db.corrupt-*"))) == 1
    watch.kill()
    assert watch.total(FINISHED, "complete", "") == 101


# -- two exporters


def test_a_second_exporter_is_refused(path: Path) -> None:
    watch = Watch(path)
    with pytest.raises(LedgerError, match=rf"another exporter \(process {os.getpid()}\)"):
        Ledger.open(path)
    watch.ledger.close()
    Ledger.open(path).close()


def test_a_ledger_can_be_read_while_it_is_written(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    assert [one.state for one in finished_crawls(path)] == ["complete"]
    watch.change(11, crawl="other", status=OVER)
    assert len(finished_crawls(path)) == 2
    watch.ledger.checkpoint()
    assert len(finished_crawls(path)) == 2

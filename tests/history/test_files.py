"""The ledger's files are private, follow no links, and are missed when they are taken away."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.history.errors import DatabaseError, LedgerError
from exporter.history.ledger import Ledger
from exporter.history.lock import Lock
from support.crawl_history import Watch

FILES = ("", "-wal", "-shm", ".lock")


def of(path: Path) -> Iterator[Path]:
    return (path.with_name(path.name + end) for end in FILES)


def test_they_are_readable_by_their_owner_alone(path: Path) -> None:
    path.touch(mode=0o644)
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    assert [stat.S_IMODE(file.stat().st_mode) for file in of(path)] == [0o600] * 4


def test_a_link_is_no_ledger(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "important"
    target.write_text("important")
    path.symlink_to(target)
    ledger = Ledger.open(path)
    assert "is a symbolic link" in str(ledger.file_status.last_error)
    assert target.read_text() == "important"
    ledger.close()


def test_a_link_is_no_lock(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "important"
    target.write_text("important")
    path.with_name(path.name + ".lock").symlink_to(target)
    with pytest.raises((OSError, LedgerError, DatabaseError)):
        Lock(path).acquire()
    assert target.read_text() == "important"


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_a_file_that_is_taken_away_is_missed_and_all_is_written_again(path: Path, end: str) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status={"pagesDone": 7})
    assert watch.ledger.flush()
    path.with_name(path.name + end).unlink()
    watch.change(11, status={"pagesDone": 8})
    assert watch.ledger.flush(), "into a new file"
    assert watch.ledger.file_status.write_failures == 1
    watch.kill()
    (baseline,) = watch.ledger.baselines.values()
    assert baseline.pages == 8

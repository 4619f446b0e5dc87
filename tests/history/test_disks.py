"""Disks that are full or read-only: the exporter serves from memory, and writes it all later."""

import logging
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.history.errors import LedgerError
from exporter.history.ledger import Ledger
from exporter.history.reading import events, finished_crawls
from support.counters import FINISHED
from support.crawl_history import OVER, Watch, as_a_kill_leaves_it, connection, finished_once
from support.factories import NAMESPACE


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


@contextmanager
def full(most: int) -> Iterator[None]:
    """No file can grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


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


def test_what_could_not_be_written_is_tried_once_more_at_the_end(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    own = connection(watch.ledger)
    own.execute("PRAGMA query_only=1")
    watch.change(10, status=OVER)
    assert watch.ledger.file_status.last_error is not None
    own.execute("PRAGMA query_only=0")
    assert not watch.ledger.flush()  # too soon
    watch.ledger.close()
    watch.start()
    assert finished_once(watch)


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


def test_the_end_on_a_full_disk_leaves_what_was_written_before(path: Path) -> None:
    """Baselines, counts and resource version of one point in time: what is missing is replayed."""
    watch = Watch(path)
    watch.synced(5)
    watch.change(10)
    before = watch.changed_totals()
    with full(0):
        watch.change(11, status=OVER)
        watch.synced(12)
        watch.ledger.close()
        watch.clock.now -= 1200
        watch.start()
        assert watch.resource_versions() == {NAMESPACE: "5"}
        assert watch.changed_totals() == before
        watch.change(11, status=OVER)
        watch.synced(12)
    watch.ledger.close()
    watch.start()
    assert finished_once(watch)
    assert watch.resource_versions() == {NAMESPACE: "12"}


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


@pytest.mark.parametrize("most", [0, 4096, 40_000])
def test_a_start_on_a_full_disk_after_a_kill_goes_on_with_all_that_was_written(
    path: Path, most: int
) -> None:
    before = Watch(path)
    before.synced(5)
    before.change(10, status=OVER)
    left = as_a_kill_leaves_it(path, path.parent / "left")
    with full(most):
        watch = Watch(left)
        assert watch.ledger.file_status.last_error is not None
        assert finished_once(watch)
        assert watch.resource_versions() == {NAMESPACE: "5"}
        assert len(watch.ledger.logged_events(since=0)) == len(events(path))
    watch.clock.now += 60
    assert watch.ledger.flush()
    watch.kill()
    assert finished_once(watch)


async def left_without_index(path: Path) -> tuple[Watch, Path]:
    """What was checkpointed is older than what the WAL has, and in part not even that."""
    before = Watch(path)
    before.synced(5)
    for number in range(100):
        before.change(10 + number, crawl=f"c{number}")
    await before.ledger.checkpoint()
    for number in range(100):
        before.change(200 + number, crawl=f"c{number}", status=OVER)
    before.synced(300)
    with full(20_000):
        await before.ledger.checkpoint()
    left = as_a_kill_leaves_it(path, path.parent / "left")
    left.with_name(f"{left.name}-shm").unlink()
    return before, left


async def test_a_start_that_cannot_make_an_index_reads_the_wal_all_the_same(path: Path) -> None:
    before, left = await left_without_index(path)
    with locked(left.parent, files=0o666):
        watch = Watch(left)
        assert watch.ledger.file_status.last_error is not None
        assert watch.resource_versions() == {NAMESPACE: "300"}
        assert watch.ledger.baselines == before.ledger.baselines
        assert watch.changed_totals() == before.changed_totals()
    watch.clock.now += 60
    assert watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None
    watch.kill()
    assert watch.changed_totals() == before.changed_totals()


async def test_a_start_that_cannot_read_the_wal_is_refused(path: Path) -> None:
    _, left = await left_without_index(path)
    with locked(left.parent), pytest.raises(LedgerError, match="can be neither read nor written"):
        Watch(left)


def test_a_start_that_can_read_nothing_of_what_was_written_is_refused(path: Path) -> None:
    """Going on from nothing would overwrite it, as soon as there is room again."""
    before = Watch(path)
    before.synced(5)
    before.change(10, status=OVER)
    left = as_a_kill_leaves_it(path, path.parent / "left")
    left.with_name(f"{left.name}-shm").unlink()
    assert len(left.read_bytes()) == 4096, "never checkpointed: all is in the WAL"
    with (
        locked(left.parent),
        pytest.raises(LedgerError, match="can be neither read nor written"),
    ):
        Watch(left)


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

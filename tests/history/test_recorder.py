"""Changes in, events out: what a resend or a relist adds, and what it must not."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.history.baseline import Baseline
from exporter.resources.crawljob import InvalidObjectError, parse_json
from support.counters import (
    FINISHED,
    POD_EXITS,
    STATES_ENTERED,
    VANISHED,
)
from support.crawl_history import NOW, OVER, Watch, kill
from support.factories import ABSENT, NAMESPACE, UPDATED_EPOCH, crawler_pod, to_wire
from support.strategies import mutated_crawljobs
from support.waiting import until

FAILED = {"state": "failed", "finished": "2025-05-21T12:04:00Z"}


def test_a_crawl_is_counted_once_through_all_its_last_events(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    watch.change(11, status=OVER)
    watch.change(12, status=OVER, metadata={"deletionTimestamp": "2025-05-21T12:04:01Z"})
    watch.change(13, status=OVER, deleted=True)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.total(VANISHED) == 0
    (record,) = watch.finished()
    assert (record.state, record.finished, record.deleted_at) == (
        "complete",
        UPDATED_EPOCH + 240,
        NOW,
    )


def test_a_name_used_again_is_another_crawl(watch: Watch) -> None:
    watch.synced()
    watch.change(10, status=OVER)
    watch.change(11, metadata={"uid": "another"}, status=FAILED)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.total(FINISHED, "failed", "") == 1
    assert len(watch.ledger.finished_crawls) == 2


def test_an_object_without_a_uid_is_known_by_its_name(watch: Watch) -> None:
    watch.synced()
    for version in (10, 11):
        watch.change(version, metadata={"uid": ABSENT}, status=OVER)
    assert watch.total(FINISHED, "complete", "") == 1


def test_a_resent_change_is_skipped(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    watch.change(11, status={"state": "waiting_capacity"})
    watch.change(10)
    watch.change(11, status={"state": "waiting_capacity"})
    assert watch.total(STATES_ENTERED, "running") == 1
    assert watch.recorder.skipped == 2


def test_versions_that_are_no_numbers_are_compared_by_being_different(watch: Watch) -> None:
    watch.synced()
    for version in ("a", "a", "b", ABSENT, ABSENT):
        watch.change(0, metadata={"resourceVersion": version}, status=OVER)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.recorder.skipped == 1


def test_a_deletion_with_the_last_version_is_no_repetition(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    watch.change(10, deleted=True)
    assert watch.total(VANISHED) == 1


def test_a_relist_that_no_longer_shows_a_crawl_reports_it_vanished(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    watch.unlisted(10)
    assert watch.total(VANISHED) == 1
    (record,) = watch.finished()
    assert (record.state, record.stop_reason, record.finished, record.deleted_at) == (
        "unknown",
        "",
        NOW,
        NOW,
    )


def test_a_relist_that_no_longer_shows_a_finished_crawl_reports_nothing(watch: Watch) -> None:
    watch.synced()
    watch.change(10, status=OVER)
    watch.unlisted(10)
    assert watch.total(VANISHED) == 0


def test_a_change_of_an_object_never_seen_and_already_gone_counts_nothing(watch: Watch) -> None:
    watch.synced()
    watch.recorder.on_change(Change(NAMESPACE, None, None, deleted=True))
    watch.unlisted(10)
    assert watch.changed_totals() == {}


def test_an_object_that_comes_back_was_not_deleted(watch: Watch) -> None:
    """A selector that stopped matching, or a list that lagged."""
    watch.synced()
    watch.change(10)
    watch.unlisted(10)
    watch.change(12)
    assert watch.ledger.finished_crawls == {}
    watch.change(13, status=OVER)
    assert watch.total(FINISHED, "complete", "") == 1
    (record,) = watch.finished()
    assert record.deleted_at is None


def test_a_finished_object_that_comes_back_is_not_counted_again(watch: Watch) -> None:
    watch.synced()
    watch.change(10, status=OVER)
    watch.change(11, status=OVER, deleted=True)
    watch.change(12, status=OVER)
    assert watch.total(FINISHED, "complete", "") == 1
    (record,) = watch.finished()
    assert record.deleted_at is None


def test_a_deleted_organisations_loop_is_one_end(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    writes = watch.ledger.file_status.writes
    for version in range(11, 1200):
        watch.change(version, metadata={"finalizers": [] if version % 2 else ["f"]})
    watch.change(1200, metadata={"deletionTimestamp": "2025-05-21T12:09:00Z"}, deleted=True)
    assert watch.total(VANISHED) == 1
    assert watch.ledger.file_status.writes - writes == 1
    assert len(watch.ledger.finished_crawls) == 1


def test_versions_that_went_back_hide_nothing(watch: Watch) -> None:
    """A cluster restored from a backup counts from further back."""
    watch.synced(1000)
    watch.change(1010)
    watch.synced(500)
    watch.change(501, status=OVER)
    assert watch.total(FINISHED, "complete", "") == 1


async def test_batches_are_written_by_themselves(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.history.recorder._TICK", 0.0)
    monkeypatch.setattr("exporter.history.recorder._WRITE_EVERY", 0.0)
    monkeypatch.setattr("exporter.history.recorder._CHECKPOINT_EVERY", 0.0)
    watch.synced(5)
    watch.change(10)
    watch.change(11, status={"pagesDone": 99})
    task = asyncio.create_task(watch.recorder.run())
    writes = watch.ledger.file_status.writes
    await until(lambda: watch.ledger.file_status.writes > writes)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    watch.kill()
    (baseline,) = watch.ledger.baselines.values()
    assert baseline.pages == 99


@settings(max_examples=40)
@given(tree=mutated_crawljobs())
def test_whatever_an_object_holds_it_is_counted_once_and_kept(
    tmp_path: Path, tree: dict[str, object]
) -> None:
    try:
        job = parse_json(to_wire(tree))
    except InvalidObjectError:
        return
    (tmp_path / "history.db").unlink(missing_ok=True)
    watch = Watch(tmp_path / "history.db", scope="")
    watch.synced()
    watch.recorder.on_change(Change("", None, Crawl(job)))
    counted = watch.changed_totals()
    job.metadata.resource_version = None  # so that it is compared again
    watch.recorder.on_change(Change("", Crawl(job), Crawl(job)))
    assert watch.changed_totals() == counted
    for baseline in watch.ledger.baselines.values():
        assert Baseline.unpack(baseline.pack()) == baseline
    assert watch.ledger.flush()
    assert watch.ledger.file_status.last_error is None
    watch.kill()
    assert watch.changed_totals() == counted
    kill(watch.ledger)


def test_an_exit_of_an_unreadable_pod_costs_only_that_pod(watch: Watch) -> None:
    exited = crawler_pod(exitTime="2025-05-21T12:01:00Z", exitCode=9, reason="interrupt: 9")
    watch.synced()
    watch.change(10, pods={"crawl-x-0": "?", "crawl-x-1": exited, "x" * 300: exited})
    assert watch.total(POD_EXITS, "crawler", "interrupt") == 1

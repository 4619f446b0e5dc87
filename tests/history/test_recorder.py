"""Changes in, events out: what a restart, a relist or a replay adds, and what it must not."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from exporter.cluster.changes import Change, ResumePoint
from exporter.crawls import Crawl
from exporter.history.baseline import Baseline
from exporter.resources.crawljob import InvalidObjectError, parse_json
from support.counters import (
    FINISHED,
    PAUSES,
    POD_EVICTIONS,
    POD_EXITS,
    STATES_ENTERED,
    VANISHED,
)
from support.crawl_history import NOW, Watch, kill
from support.factories import ABSENT, CRAWL_ID, NAMESPACE, UPDATED_EPOCH, crawler_pod, to_wire
from support.strategies import mutated_crawljobs

OVER = {"state": "complete", "finished": "2025-05-21T12:04:00Z"}
FAILED = {"state": "failed", "finished": "2025-05-21T12:04:00Z"}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path / "history.db")


# -- while it runs


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
        UPDATED_EPOCH,
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


# -- across restarts


def test_nothing_is_resumed_before_the_first_sync(watch: Watch) -> None:
    watch.change(10)
    assert watch.resume_point() is None


def test_a_restart_resumes_where_the_watch_was_with_those_alive(watch: Watch) -> None:
    watch.change(10)
    watch.change(11, crawl="finished", status=OVER)
    watch.change(12, crawl="deleted", status=OVER, deleted=True)
    watch.synced(20)
    watch.change(21, crawl="elsewhere", namespace="other")
    watch.recorder.on_bookmark(NAMESPACE, "25")
    watch.ledger.flush()
    watch.kill()
    assert watch.resume_point() == ResumePoint(
        "25", frozenset({f"uid-crawlers-{CRAWL_ID}", "uid-crawlers-finished"})
    )
    assert watch.resume_point("other") is None


def test_a_bookmark_before_the_scope_is_synced_makes_no_resume_point(watch: Watch) -> None:
    watch.recorder.on_bookmark(NAMESPACE, "25")
    assert watch.resume_point() is None


def test_a_replay_emits_what_happened_meanwhile_and_nothing_twice(watch: Watch) -> None:
    pods = {f"crawl-{CRAWL_ID}-0": crawler_pod(evicted=True)}
    watch.synced(5)
    watch.change(10)
    watch.change(11, pods=pods)
    watch.kill()
    assert watch.resume_point() is not None
    watch.change(10)
    watch.change(11, pods=pods)
    watch.change(12, spec={"pausedAt": "2025-05-21T12:05:00Z"})
    watch.change(13, status=OVER)
    watch.change(14, status=OVER, deleted=True)
    watch.synced(14)
    assert watch.recorder.skipped == 2
    assert watch.total(POD_EVICTIONS, "crawler") == 1
    assert watch.total(PAUSES) == 1
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.total(VANISHED) == 0


def test_a_replay_of_a_crawl_that_came_and_went_before_the_kill_emits_nothing(
    watch: Watch,
) -> None:
    watch.synced(5)
    watch.change(10, status=OVER)
    watch.change(11, status=OVER, deleted=True)
    watch.kill()
    watch.change(10, status=OVER)
    watch.change(11, status=OVER, deleted=True)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.recorder.skipped == 2


def test_tombstones_are_kept_until_no_replay_can_show_them(watch: Watch) -> None:
    watch.synced(5)
    watch.change(10, status=OVER, deleted=True)
    watch.recorder.on_bookmark(NAMESPACE, "9")
    assert len(watch.ledger.baselines) == 1
    watch.recorder.on_bookmark(NAMESPACE, "10")
    assert watch.ledger.baselines == {}
    watch.ledger.flush()
    watch.kill()
    assert watch.ledger.baselines == {}
    assert len(watch.ledger.finished_crawls) == 1


def test_tombstones_are_forgotten_after_an_hour_whatever_the_versions(watch: Watch) -> None:
    watch.synced(5)
    watch.change(10, metadata={"resourceVersion": "x"}, status=OVER, deleted=True)
    watch.clock.now += 3601
    watch.ledger.expire()
    assert watch.ledger.baselines == {}


def test_those_known_alive_that_a_list_after_the_start_does_not_show_have_vanished(
    watch: Watch,
) -> None:
    watch.synced(5)
    watch.change(10, crawl="stays")
    watch.change(11, crawl="goes", status={"stopReason": "time-limit"})
    watch.change(12, crawl="done", status=OVER)
    watch.ledger.close()
    watch.start()
    watch.change(10, crawl="stays")
    watch.synced(90)
    assert watch.total(VANISHED) == 1
    ends = {one.crawl: (one.state, one.stop_reason) for one in watch.finished()}
    assert ends == {"goes": ("unknown", "time-limit"), "done": ("complete", "")}
    assert all(one.deleted_at == NOW for one in watch.finished())
    watch.synced(95)
    assert watch.total(VANISHED) == 1


def test_a_scope_that_is_synced_says_nothing_of_another(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db", scopes=(NAMESPACE, "other"))
    watch.synced(5)
    watch.change(10)
    watch.change(11, namespace="other")
    watch.ledger.close()
    watch.start()
    watch.recorder.on_synced("other", "20")
    assert {one.namespace for one in watch.finished()} == {"other"}


def test_watching_all_namespaces_covers_those_watched_before(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db", scopes=(NAMESPACE, "other"))
    watch.synced(5)
    watch.change(10)
    watch.change(11, namespace="other")
    watch.ledger.close()
    watch.scopes = ("",)
    watch.start()
    watch.recorder.on_synced("", "20")
    assert len(watch.ledger.finished_crawls) == 2


async def test_batches_are_written_by_themselves(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.history.recorder._WRITE_EVERY", 0.001)
    monkeypatch.setattr("exporter.history.recorder._CHECKPOINT_EVERY", 0.0)
    watch.synced(5)
    watch.change(10)
    watch.change(11, status={"pagesDone": 99})
    task = asyncio.create_task(watch.recorder.run())
    writes = watch.ledger.file_status.writes
    for _ in range(5000):
        if watch.ledger.file_status.writes > writes:
            break
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    watch.kill()
    (baseline,) = watch.ledger.baselines.values()
    assert baseline.pages == 99


# -- bad input


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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

"""What is counted across restarts: resume points, replays, tombstones, and crawls that vanished."""

import time
from pathlib import Path

import pytest

from exporter.cluster.changes import ResumePoint
from support.counters import FINISHED, PAUSES, POD_EVICTIONS, VANISHED
from support.crawl_history import NOW, OVER, Watch
from support.factories import CRAWL_ID, NAMESPACE, crawler_pod


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


def test_tombstones_are_forgotten_after_an_hour_whatever_the_versions(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = round(time.monotonic())  # of a fraction an hour more and less is another one
    monkeypatch.setattr(time, "monotonic", lambda: begun)
    watch.synced(5)
    watch.change(10, metadata={"resourceVersion": "x"}, status=OVER, deleted=True)
    monkeypatch.setattr(time, "monotonic", lambda: begun + 3599)
    watch.ledger.expire()
    assert len(watch.ledger.baselines) == 1
    monkeypatch.setattr(time, "monotonic", lambda: begun + 3600)
    watch.ledger.expire()
    assert watch.ledger.baselines == {}


@pytest.mark.parametrize("ahead", [-86_400, 86_400])
def test_a_clock_set_a_day_off_and_back_counts_nothing_again_that_a_replay_shows(
    watch: Watch, ahead: float
) -> None:
    watch.synced(5)
    watch.change(10, status=OVER)
    watch.change(11, status=OVER, deleted=True)
    watch.kill()
    for now in (NOW + ahead, NOW):
        watch.clock.now = now
        watch.ledger.expire()
    watch.change(10, status=OVER)
    watch.change(11, status=OVER, deleted=True)
    assert watch.total(FINISHED, "complete", "") == 1
    assert watch.recorder.skipped == 2


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

"""Finished crawls stay for a while, events are kept in a log, and neither grows for ever."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from exporter.history import state
from exporter.history.errors import DatabaseError
from exporter.history.listener import LedgerListener
from exporter.history.reading import events, finished_crawls
from exporter.history.records import FinishedCrawl, LoggedEvent
from support.counters import FINISHED
from support.crawl_history import NOW, OVER, Watch, connection
from support.factories import CID, NAMESPACE, OID, UPDATED_EPOCH


class Shown(LedgerListener):
    def __init__(self) -> None:
        self.now: dict[str, FinishedCrawl] = {}

    def on_finished(self, record: FinishedCrawl) -> None:
        self.now[record.uid] = record

    def on_forgotten(self, record: FinishedCrawl) -> None:
        assert self.now.pop(record.uid) == record


def shown(watch: Watch) -> Shown:
    listener = Shown()
    watch.ledger.listeners.append(listener)
    return listener


def crawls(watch: Watch) -> list[str]:
    return [one.crawl for one in watch.finished()]


def test_a_finished_crawl_is_shown_until_its_retention_after_its_deletion(path: Path) -> None:
    watch = Watch(path, retention=3600)
    listener = shown(watch)
    watch.synced()
    watch.change(10, status=OVER)
    watch.clock.now += 7200  # still there
    watch.ledger.expire()
    assert len(listener.now) == 1
    watch.change(11, status=OVER, deleted=True)
    watch.clock.now += 3599
    watch.ledger.expire()
    (record,) = listener.now.values()
    assert record == FinishedCrawl(
        record.uid,
        NAMESPACE,
        OID,
        record.crawl,
        "complete",
        "",
        UPDATED_EPOCH + 240,
        0.0,
        NOW + 7200,
        CID,
    )
    watch.clock.now += 1
    watch.ledger.expire()
    assert listener.now == {}
    watch.ledger.flush()
    watch.kill()
    assert watch.ledger.finished_crawls == {}
    assert watch.total(FINISHED, "complete", "") == 1


def test_what_passed_its_time_during_a_downtime_is_not_shown_again(path: Path) -> None:
    watch = Watch(path, retention=3600)
    watch.synced()
    watch.change(10, crawl="old", status=OVER, deleted=True)
    watch.clock.now += 1800
    watch.change(11, crawl="new", status=OVER, deleted=True)
    watch.clock.now += 1800
    watch.kill()
    assert crawls(watch) == ["new"]


def test_the_retention_counts_from_when_it_was_found_deleted(path: Path) -> None:
    """A crawl that ended long ago, in a downtime, is shown all the same."""
    watch = Watch(path, retention=3600)
    watch.synced()
    watch.clock.now += 10 * 3600
    watch.change(10, status=OVER, deleted=True)
    watch.ledger.expire()
    assert len(crawls(watch)) == 1


def test_too_many_finished_crawls_push_out_the_oldest_that_are_deleted(path: Path) -> None:
    watch = Watch(path, max_finished=3)
    listener = shown(watch)
    watch.synced()
    watch.change(10, crawl="there", status=OVER)
    for number in range(5):
        watch.change(11 + number, crawl=f"deleted{number}", status=OVER, deleted=True)
    assert sorted(crawls(watch)) == ["deleted3", "deleted4", "there"]
    assert {one.crawl for one in listener.now.values()} == set(crawls(watch))
    assert watch.ledger.dropped_crawls == 3
    watch.kill()
    assert sorted(crawls(watch)) == ["deleted3", "deleted4", "there"]
    assert watch.ledger.dropped_crawls == 3
    watch.change(11, crawl="deleted0", status=OVER, deleted=True)  # a replay
    assert watch.total(FINISHED, "complete", "") == 6


def test_a_listener_is_called_when_an_end_is_better_known(path: Path) -> None:
    watch = Watch(path)
    listener = shown(watch)
    watch.synced()
    watch.change(10, status=OVER)
    watch.change(11, status={**OVER, "stopReason": "size-limit"})
    (record,) = listener.now.values()
    assert record.stop_reason == "size-limit"


def test_a_finished_crawl_knows_how_long_it_was_paused(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, spec={"pausedAt": "2025-05-21T12:01:00Z"})
    watch.clock.now = UPDATED_EPOCH + 90
    watch.change(11)
    watch.kill()
    watch.change(12, spec={"pausedAt": "2025-05-21T12:03:00Z"})
    watch.change(13, spec={"pausedAt": "2025-05-21T12:03:00Z"}, status=OVER)
    (record,) = watch.finished()
    assert record.paused_seconds == 30 + 60


def test_the_log_is_kept_for_the_retention(path: Path) -> None:
    watch = Watch(path, retention=3600)
    watch.synced()
    watch.change(10)
    watch.clock.now += 3000
    watch.change(11, status={"state": "waiting_capacity"})
    watch.clock.now += 601
    watch.ledger.expire()
    watch.ledger.flush()
    assert [one.detail["state"] for one in events(path)] == ["waiting_capacity"]


def test_events_that_wait_for_a_bad_disk_do_not_fill_the_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LONGEST_LOG", 50)
    watch = Watch(path)
    watch.synced()
    connection(watch.ledger).execute("PRAGMA query_only=1")
    for version in range(150):
        entered = "waiting_capacity" if version % 2 else "running"
        figures = {"crawlExecTime": 2700 + version}
        watch.change(10 + version, pods={}, status={"state": entered, **figures})
    assert len(watch.ledger._pending.log) == 50


def test_events_are_read_newest_first(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.clock.now += 60
    watch.change(11, status=OVER)
    uid = next(iter(watch.ledger.baselines))
    crawl = watch.ledger.baselines[uid].crawl
    finished, entered, first = events(path)
    assert finished == LoggedEvent(
        NOW + 60,
        UPDATED_EPOCH + 240,
        uid,
        NAMESPACE,
        OID,
        crawl,
        "finished",
        {"state": "complete", "stop_reason": "", "lasted": 1200.0, "paused": None},
    )
    assert (entered.kind, entered.detail) == (
        "state entered",
        {"state": "complete", "previous": "running"},
    )
    assert (first.kind, first.noticed) == ("state entered", NOW)


def test_reading_can_be_narrowed(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, crawl="one", status=OVER)
    watch.clock.now += 60
    watch.change(11, crawl="two", status={**OVER, "finished": "2025-05-21T12:05:00Z"})
    assert [one.crawl for one in finished_crawls(path)] == ["two", "one"]
    assert [one.crawl for one in finished_crawls(path, crawl="one")] == ["one"]
    assert [one.crawl for one in finished_crawls(path, since=UPDATED_EPOCH + 300)] == ["two"]
    assert {one.crawl for one in events(path, since=NOW + 1)} == {"two"}
    assert {one.crawl for one in events(path, crawl="one")} == {"one"}


@pytest.mark.parametrize("content", [None, b"no ledger at all" * 100, b""])
def test_a_file_that_is_no_ledger_cannot_be_read_and_is_left_alone(
    path: Path, content: bytes | None
) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatabaseError, match=r"history\.db"):
        finished_crawls(path)
    assert [file.read_bytes() for file in path.parent.iterdir()] == (
        [] if content is None else [content]
    )


def recent(watch: Watch) -> list[tuple[str, str]]:
    return [(one.crawl, one.kind) for one in watch.ledger.recent_events]


@pytest.mark.parametrize("on_disk", [True, False])
def test_the_latest_events_are_in_memory_with_and_without_a_file(path: Path, on_disk: bool) -> None:
    watch = Watch(path if on_disk else None)
    watch.synced()
    watch.change(10)
    watch.change(11, status=OVER)
    kinds = [kind for _, kind in recent(watch)]
    assert kinds == ["state entered", "state entered", "finished"]
    assert watch.ledger.recent_events[-1].detail["state"] == "complete"


def test_a_restart_shows_what_happened_before(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10)
    watch.change(11, status=OVER)
    before = list(watch.ledger.recent_events)
    watch.ledger.close()
    assert list(Watch(path).ledger.recent_events) == before
    assert before == list(reversed(events(path)))


def test_events_past_the_retention_are_shown_no_more(path: Path) -> None:
    watch = Watch(path, retention=3600)
    watch.synced()
    watch.change(10)
    watch.clock.now += 3000
    watch.change(11, status=OVER)
    watch.clock.now += 601
    watch.ledger.expire()
    assert [kind for _, kind in recent(watch)] == ["state entered", "finished"]


def test_only_so_many_events_are_kept_in_memory() -> None:
    watch = Watch()
    watch.synced()
    for n in range(state.MOST_RECENT + 5):
        watch.change(10 + n, status={"state": ("running", "pending-wait")[n % 2]})
    assert len(watch.ledger.recent_events) == state.MOST_RECENT


def test_a_log_that_cannot_be_read_costs_nothing_but_the_log(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(path)
    watch.synced()
    watch.change(10, status=OVER)
    watch.ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE events SET detail = '{'")
        connection.commit()
    again = Watch(path)
    assert crawls(again) != []
    assert recent(again) == []
    assert "events before the start are not shown" in caplog.text
    with pytest.raises(DatabaseError, match="the log's rows make no sense"):
        events(path)

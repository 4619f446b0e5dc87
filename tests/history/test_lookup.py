"""Crawls that vanished are asked for in Browsertrix: counted once, as what they were."""

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.app import Pipeline
from exporter.cluster.changes import Change
from exporter.history.ledger import Ledger
from exporter.history.lookup import LIMIT, PATIENCE
from exporter.history.reading import events
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.runtime.http_errors import RequestError
from exporter.settings import Settings
from support.counters import DURATION, FINISHED, PAUSE_LENGTH, VANISHED
from support.crawl_history import NOW, OVER, Watch, crawl_of, kill, sql
from support.crawl_records import DOWN, FINISHED_AT, Records, ask, record_of
from support.factories import NAMESPACE, UPDATED_EPOCH
from support.virtual_time import in_virtual_time

COMPLETE = record_of("gone", "complete")
RUNNING = record_of("gone", "running", None)


@pytest.fixture
def watch(path: Path) -> Watch:
    """A watch that holds back the ends it has not seen."""
    return Watch(path, hold_back=True)


def vanish(watch: Watch, crawl: str = "gone", version: int = 10, **parts: Any) -> None:
    """It runs, then it is gone."""
    metadata = {"uid": f"uid-{crawl}", **parts.pop("metadata", {})}
    watch.change(version, crawl=crawl, metadata=metadata, **parts)
    watch.unlisted(version, crawl=crawl, metadata=metadata, **parts)


def ends(watch: Watch) -> dict[str, tuple[str, str, float]]:
    return {one.crawl: (one.state, one.stop_reason, one.finished) for one in watch.finished()}


def counts(watch: Watch) -> dict[str, float]:
    """By state; ``vanished`` for those of which it is unknown."""
    found = {"vanished": watch.total(VANISHED)} if watch.total(VANISHED) else {}
    for (family, labels), value in watch.changed_totals().items():
        if family == FINISHED:
            found["/".join(filter(None, labels[1:]))] = value
    return found


def nothing_told(watch: Watch) -> bool:
    kinds = {one.kind for one in watch.ledger.recent_events}
    return not ends(watch) and not counts(watch) and not kinds & {"finished", "vanished"}


@in_virtual_time
async def test_the_true_state_and_moment_stand_in_place_of_unknown(path: Path) -> None:
    watch = Watch(path, hold_back=True)
    watch.synced()
    vanish(watch)
    assert nothing_told(watch)
    await ask(watch, Records({"gone": COMPLETE}), 2)
    assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}
    assert counts(watch) == {"complete": 1}
    assert [one.at for one in events(path) if one.kind == "finished"] == [FINISHED_AT]
    histogram = watch.ledger.tallies.histograms[DURATION, (NAMESPACE, "complete")]
    assert sum(histogram.counts) == 1
    assert not watch.ledger.held_ends


@in_virtual_time
async def test_the_stop_reason_is_the_strongest_seen_or_the_state_itself(path: Path) -> None:
    watch = Watch(path, hold_back=True)
    watch.synced()
    vanish(watch, "limited", status={"stopReason": "size-limit", "stopping": True})
    vanish(watch, "stopped", status={"stopReason": "size-limit"})
    records = Records(
        {
            "limited": record_of("limited", "complete"),
            "stopped": record_of("stopped", "stopped_storage_quota_reached"),
        }
    )
    await ask(watch, records, 3)
    assert counts(watch) == {
        "complete/size-limit": 1,
        "stopped_storage_quota_reached/stopped_storage_quota_reached": 1,
    }


@in_virtual_time
async def test_a_pause_ends_with_the_true_end_and_not_when_the_crawl_was_found_missing(
    path: Path,
) -> None:
    watch = Watch(path, hold_back=True)
    watch.synced()
    vanish(watch, spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"})
    watch.kill()
    watch.synced()
    await ask(watch, Records({"gone": record_of("gone", "stopped_pause_expired")}), 2)
    (record,) = watch.finished()
    assert (record.state, record.paused_seconds) == (
        "stopped_pause_expired",
        FINISHED_AT - UPDATED_EPOCH,
    )
    assert watch.ledger.tallies.histograms[PAUSE_LENGTH, (NAMESPACE,)].sum == (
        FINISHED_AT - UPDATED_EPOCH
    )
    assert [one.kind for one in events(path)][:2] == ["finished", "pause expired"]


@in_virtual_time
async def test_a_record_that_is_gone_too_is_deleted(path: Path) -> None:
    watch = Watch(path, hold_back=True)
    watch.synced()
    vanish(watch, status={"stopReason": "size-limit"})
    vanish(watch, "org", metadata={"deletionTimestamp": "2025-05-21T12:09:00Z"})
    await ask(watch, Records(otherwise=None), 3)
    assert ends(watch) == {"gone": ("deleted", "", NOW), "org": ("unknown", "deleted", NOW)}
    assert counts(watch) == {"vanished": 2}


@in_virtual_time
async def test_a_record_that_still_runs_is_asked_for_again(path: Path) -> None:
    watch = Watch(path, hold_back=True)
    watch.synced()
    vanish(watch)
    records = Records({"gone": RUNNING})
    await ask(watch, records, 120)
    assert nothing_told(watch)
    assert 3 <= len(records.asked) <= 12
    records.answers["gone"] = COMPLETE
    await ask(watch, records, 70)
    assert counts(watch) == {"complete": 1}


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (RUNNING, PATIENCE),
        (record_of("gone", None), PATIENCE),
        (record_of("gone", "", FINISHED_AT), PATIENCE),
        (record_of("gone", "complete", oid="another"), PATIENCE),
        (DOWN, LIMIT),
        (RequestError("login_refused", "the login is refused"), LIMIT),
    ],
    ids=["running", "no state", "empty state", "another organisation's", "down", "refused"],
)
def test_what_cannot_be_found_out_is_unknown_in_the_end(
    path: Path, answer: CrawlRecord | RequestError, wait: float
) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch)
        records = Records(otherwise=answer)
        await ask(watch, records, wait - 5)
        assert nothing_told(watch)
        await ask(watch, records, wait + 70)
        assert ends(watch) == {"gone": ("unknown", "", NOW)}
        assert counts(watch) == {"vanished": 1}
        assert len(records.asked) < 250
        assert [one.kind for one in events(path)].count("vanished") == 1

    run()


def test_failures_are_logged_once_and_without_a_request_a_second(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        for number in range(30):
            vanish(watch, f"crawl-{number}", version=10 + number)
        records = Records(otherwise=DOWN)
        await ask(watch, records, 300)
        assert len(records.asked) < 25, "one at a time finds out whether Browsertrix is back"
        assert nothing_told(watch)

    run()
    texts = [one.getMessage() for one in caplog.records if one.name.startswith("exporter.history")]
    assert sum("cannot be asked" in text for text in texts) == 1


def test_one_that_always_fails_holds_up_no_other(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch, "broken", 10)
        vanish(watch, "fine", 11)
        await ask(watch, Records({"fine": record_of("fine", "failed")}), 10)
        assert counts(watch) == {"failed": 1}
        assert set(watch.ledger.held_ends) == {"uid-broken"}

    run()


def test_a_wait_that_browsertrix_asks_for_is_kept(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch)
        records = Records(otherwise=RequestError("limited", "too many", retry_after=60.0))
        await ask(watch, records, 61.5)
        first, second = (at for at, _ in records.asked)
        assert 60 <= second - first < 61

    run()


def test_many_are_asked_for_ten_a_second_the_first_found_first(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        names = [f"crawl-{number}" for number in range(40)]
        for number, name in enumerate(names):
            watch.clock.now += 1
            vanish(watch, name, 10 + number)
        records = Records({name: record_of(name, "complete") for name in names})
        await ask(watch, records, 2)
        assert 17 <= len(records.asked) <= 21
        await ask(watch, records, 10)
        assert records.crawls == names
        assert counts(watch) == {"complete": 40}

    run()


def test_thousands_of_which_nothing_is_told_are_unknown_in_the_end() -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(None, hold_back=True)
        watch.synced()
        for number in range(1_200):
            vanish(watch, f"crawl-{number}", 10 + number)
        watch.clock.now += LIMIT - 60
        await ask(watch, Records(otherwise=DOWN), 65)
        assert watch.total(VANISHED) >= 1_150
        await ask(watch, Records(otherwise=DOWN), 130)
        assert watch.total(VANISHED) == 1_200
        assert not watch.ledger.held_ends

    run()


def test_an_object_that_is_there_after_all_is_asked_for_no_more(watch: Watch) -> None:
    watch.synced()
    vanish(watch)
    watch.change(12, crawl="gone", metadata={"uid": "uid-gone"}, status=OVER)
    assert not watch.ledger.held_ends
    assert counts(watch) == {"complete": 1}


def test_an_object_that_was_forgotten_and_is_there_after_all_is_counted_once(watch: Watch) -> None:
    watch.synced()
    vanish(watch)
    watch.recorder.on_bookmark(NAMESPACE, "500")
    assert not watch.ledger.baselines
    watch.change(600, crawl="gone", metadata={"uid": "uid-gone"}, status=OVER, deleted=True)
    assert not watch.ledger.held_ends
    assert counts(watch) == {"complete": 1}


def test_an_answer_that_comes_after_its_object_is_there_again_changes_nothing(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch)

        class Returning(Records):
            async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
                watch.change(12, crawl="gone", metadata={"uid": "uid-gone"})
                return await super().crawl(crawl_id)

        await ask(watch, Returning({"gone": COMPLETE}), 3)
        assert nothing_told(watch)
        assert not watch.ledger.baselines["uid-gone"].deleted

    run()


def test_the_end_is_counted_though_the_crawl_itself_is_forgotten(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch)
        watch.recorder.on_bookmark(NAMESPACE, "500")
        watch.ledger.flush()
        assert not watch.ledger.baselines
        watch.kill()
        watch.synced(500)
        await ask(watch, Records({"gone": COMPLETE}), 2)
        assert counts(watch) == {"complete": 1}
        assert not watch.ledger.baselines, "a release brings no baseline back"
        watch.kill()
        assert counts(watch) == {"complete": 1}
        assert sql(path, "SELECT count(*) FROM held") == [(0,)]

    run()


def test_a_qa_run_has_no_record_and_is_unknown_at_once(watch: Watch) -> None:
    watch.synced()
    vanish(watch, spec={"qaSourceCrawlId": "manual-1"})
    assert ends(watch) == {"gone": ("unknown", "", NOW)}


def test_crawls_missing_after_a_downtime_are_held_back(watch: Watch) -> None:
    watch.synced()
    watch.change(10)
    watch.kill()
    watch.synced(20)
    assert nothing_told(watch)
    assert len(watch.ledger.held_ends) == 1


def test_without_browsertrix_nothing_is_held_back(path: Path) -> None:
    watch = Watch(path)
    watch.synced()
    vanish(watch)
    assert ends(watch) == {"gone": ("unknown", "", NOW)}
    assert counts(watch) == {"vanished": 1}


@pytest.mark.parametrize("change", ["no url", "another cluster"])
def test_what_is_held_back_and_will_not_be_asked_for_is_unknown_from_the_start(
    path: Path, change: str
) -> None:
    watch = Watch(path, hold_back=True, cluster="one")
    watch.synced()
    vanish(watch)
    kill(watch.ledger)
    watch = Watch(
        path,
        hold_back=change != "no url",
        cluster="one" if change == "no url" else "two",
    )
    assert ends(watch) == {"gone": ("unknown", "", NOW)}
    assert counts(watch) == {"vanished": 1}
    watch.kill()
    assert counts(watch) == {"vanished": 1}


def test_a_time_far_ahead_is_not_believed(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch)
        await ask(watch, Records({"gone": record_of("gone", "complete", NOW + 10**9)}), 2)
        assert ends(watch) == {"gone": ("complete", "", NOW)}

    run()


STEPS = st.lists(
    st.sampled_from(["vanish", "ask", "fail", "gone", "kill", "bookmark", "wait", "run"]),
    max_size=14,
)


@settings(max_examples=30)
@given(steps=STEPS)
def test_whatever_comes_in_between_each_is_counted_once(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    @in_virtual_time
    async def run() -> None:
        path = tmp_path_factory.mktemp("ledger") / "history.db"
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanished, version = 0, 10
        for step in steps:
            version += 1
            match step:
                case "vanish":
                    vanished += 1
                    vanish(watch, f"crawl-{vanished}", version)
                case "ask":
                    names = [f"crawl-{one + 1}" for one in range(vanished)]
                    await ask(watch, Records({n: record_of(n, "complete") for n in names}), 0.5)
                case "fail":
                    await ask(watch, Records(otherwise=DOWN), 1)
                case "gone":
                    await ask(watch, Records(otherwise=None), 0.5)
                case "run":
                    names = [f"crawl-{one + 1}" for one in range(vanished)]
                    await ask(watch, Records({n: record_of(n, "running", None) for n in names}), 1)
                case "wait":
                    await ask(watch, Records(otherwise=DOWN), PATIENCE + 5)
                case "bookmark":
                    watch.recorder.on_bookmark(NAMESPACE, str(version))
                case _:
                    watch.kill()
                    watch.synced(version)
            held = len(watch.ledger.held_ends)
            assert sum(counts(watch).values()) + held == vanished
            assert len(ends(watch)) + held == vanished
        kill(watch.ledger)

    run()


def test_a_file_that_is_lost_is_written_anew_with_what_is_held_back(
    watch: Watch, path: Path
) -> None:
    watch.synced()
    vanish(watch)
    assert watch.ledger.file_status.persistent
    for file in path.parent.glob("history.db*"):
        if not file.name.endswith(".lock"):
            file.unlink()
    watch.change(20, crawl="another", metadata={"uid": "another"})
    watch.ledger.flush()
    watch.kill()
    assert list(watch.ledger.held_ends) == ["uid-gone"]


@pytest.mark.parametrize("asks", [False, True], ids=["no url", "with the url"])
def test_the_exporter_holds_ends_back_only_where_browsertrix_is_asked(
    tmp_path: Path, asks: bool
) -> None:
    file = tmp_path / "token"
    url = {"browsertrix_url": "http://127.0.0.1:1", "browsertrix_token_file": file}
    ledger = Ledger.open()
    recorder = Pipeline(Settings(**(url if asks else {})), ledger).recorder
    recorder.on_synced("", "1")
    recorder.on_change(Change("", None, crawl_of(2)))

    recorder.on_change(Change("", crawl_of(2), None, deleted=True))

    assert len(ledger.held_ends) == asks
    assert [one.state for one in ledger.finished_crawls.values()] == ["unknown"] * (not asks)

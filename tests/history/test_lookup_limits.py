"""How long and how fast Browsertrix is asked for ends nobody saw, and which 404s are believed."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from exporter.history.lookup import LIMIT, MOST_REQUESTS, PACE, PATIENCE, VanishedCrawls
from exporter.history.reading import events
from exporter.resources.browsertrix.crawl_record import CrawlRecord
from exporter.runtime.http_errors import RequestError
from exporter.runtime.tasks import SupervisedTasks
from support.counters import DURATION, PAUSE_LENGTH, VANISHED, WAIT
from support.crawl_history import NOW, Watch, kill
from support.crawl_records import DOWN, FINISHED_AT, Records, ask, record_of
from support.virtual_time import in_virtual_time, now

COMPLETE = record_of("gone", "complete")
HOUR = 3600.0


def vanish(watch: Watch, crawl: str = "gone", version: int = 10, **parts: Any) -> None:
    """It runs, then it is gone."""
    metadata = {"uid": f"uid-{crawl}", **parts.pop("metadata", {})}
    watch.change(version, crawl=crawl, metadata=metadata, **parts)
    watch.unlisted(version, crawl=crawl, metadata=metadata, **parts)


def vanished(path: Path | None, *crawls: str, **limits: Any) -> Watch:
    watch = Watch(path, hold_back=True, **limits)
    watch.synced()
    for number, crawl in enumerate(crawls or ("gone",)):
        vanish(watch, crawl, 10 + number)
    return watch


def ends(watch: Watch) -> dict[str, tuple[str, str, float]]:
    return {one.crawl: (one.state, one.stop_reason, one.finished) for one in watch.finished()}


# -- one limit


def test_however_often_it_is_restarted_it_waits_for_one_hour(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        while watch.clock.now < NOW + LIMIT:
            assert ends(watch) == {}
            await ask(watch, Records(otherwise=DOWN), 500)
            watch.kill()
            watch.synced()
        await ask(watch, Records(otherwise=DOWN), 125)
        assert ends(watch) == {"gone": ("unknown", "", NOW)}
        assert watch.total(VANISHED) == 1
        assert watch.clock.now < NOW + LIMIT + 500 + 125

    run()


def test_killed_while_it_was_asked_for_it_is_dated_by_when_it_vanished(path: Path) -> None:
    """Not by the last sign of life before, nor by when it was given up."""

    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(10, crawl="gone")
        watch.clock.now += 2 * HOUR
        watch.synced(11)
        found = watch.clock.now
        watch.unlisted(10, crawl="gone")
        await ask(watch, Records(otherwise=DOWN), 30)
        watch.kill()
        watch.clock.now += 5 * HOUR
        watch.synced(12)
        assert ends(watch) == {}
        await ask(watch, Records(otherwise=DOWN), 125)
        assert ends(watch) == {"gone": ("unknown", "", found)}
        (over,) = watch.finished()
        assert over.learned is not None
        assert found + 5 * HOUR < over.learned <= watch.clock.now
        (event,) = [one for one in events(path) if one.kind == "vanished"]
        assert event.at == found
        assert event.detail["known_until"] == found

    run()


def test_after_a_long_downtime_it_is_asked_for_all_the_same(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        watch.kill()
        watch.clock.now += 12 * HOUR
        watch.synced()
        records = Records(otherwise=DOWN)  # they start together
        task = asyncio.create_task(ask(watch, records, 58))
        await asyncio.sleep(20)
        records.answers["gone"] = COMPLETE
        await task
        assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}
        (over,) = watch.finished()
        assert over.learned is not None
        assert over.learned >= NOW + 12 * HOUR

    run()


@pytest.mark.parametrize("failures", [1, 3])
def test_failed_requests_are_repeated(path: Path, failures: int) -> None:
    class Failing(Records):
        async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
            record = await super().crawl(crawl_id)
            if len(self.asked) <= failures:
                raise DOWN
            return record

    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        records = Failing({"gone": COMPLETE})
        await ask(watch, records, 180)
        assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}
        assert len(records.asked) == failures + 1
        waits = [b[0] - a[0] for a, b in zip(records.asked, records.asked[1:], strict=False)]
        assert all(0.4 <= wait <= 3.4 for wait in waits)

    run()


def test_browsertrix_may_be_away_for_fifty_minutes(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        records = Records(otherwise=DOWN)
        task = asyncio.create_task(ask(watch, records, LIMIT))
        await asyncio.sleep(3000)
        records.otherwise = COMPLETE
        await task
        assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}

    run()


def test_an_operator_that_was_away_as_well_has_ten_minutes_from_the_first_answer(
    path: Path,
) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        await ask(watch, Records(otherwise=DOWN), 1800)
        running = Records({"gone": record_of("gone", "running", None)})
        task = asyncio.create_task(ask(watch, running, PATIENCE - 10))
        await asyncio.sleep(PATIENCE - 100)
        running.answers["gone"] = COMPLETE
        await task
        assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}

    run()


# -- pace


def test_thousands_and_slow_answers_cost_no_end() -> None:
    """Sent ten at once, each answered after 25 seconds: the last ones' turn comes after an hour."""

    class Slow(Records):
        at_once = most = 0

        async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await super().crawl(crawl_id)
            finally:
                self.at_once -= 1
            return record_of(crawl_id, "complete")

    @in_virtual_time
    async def run() -> None:
        names = [f"crawl-{number}" for number in range(1_600)]
        watch = vanished(None, *names)
        records = Slow(otherwise=None)
        records.lasts = 25.0
        await ask(watch, records, 4_200)
        assert records.most == MOST_REQUESTS
        assert sorted(records.crawls) == sorted(names), "each was asked for once"
        assert records.crawls[:20] == names[:20]
        assert max(at for at, _ in records.asked) > LIMIT
        assert {state for state, _, _ in ends(watch).values()} == {"complete"}
        assert len(watch.finished()) == len(names)

    run()


def test_quick_answers_are_no_reason_to_ask_more_often() -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(None, *(f"crawl-{number}" for number in range(500)))
        records = Records(otherwise=None)
        await ask(watch, records, 10)
        assert 80 <= len(records.asked) <= 10 / PACE + 1
        await ask(watch, records, 60)
        assert watch.total(VANISHED) == 500

    run()


def test_failures_of_requests_sent_together_are_one_failure() -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(None, *(f"crawl-{number}" for number in range(50)))
        records = Records(otherwise=RequestError("timeout", "no answer within 30 s"))
        records.lasts = 5.0
        await ask(watch, records, 5.5)
        assert len(records.asked) == MOST_REQUESTS
        records.lasts = 0.0
        await ask(watch, records, 3)
        records.answers = {
            one: record_of(one, "failed") for one in map("crawl-{}".format, range(50))
        }
        await ask(watch, records, 30)
        assert {state for state, _, _ in ends(watch).values()} == {"failed"}
        assert len(watch.finished()) == 50

    run()


def test_a_fault_is_run_again_and_asks_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Records):
        async def crawl(self, crawl_id: str, /) -> CrawlRecord | None:
            record = await super().crawl(crawl_id)
            if crawl_id == "bad" and len(self.asked) < 3:
                raise ValueError("of ours")
            return record

    @in_virtual_time
    async def run() -> None:
        watch = vanished(path, "bad", "gone")
        records = Faulty({"gone": COMPLETE, "bad": record_of("bad", "failed")})
        records.lasts = 0.5
        tasks = SupervisedTasks()
        tasks.start("vanished", VanishedCrawls(watch.ledger, records, watch.clock).run)
        await asyncio.sleep(90)
        await tasks.cancel()
        assert {name: state for name, (state, _, _) in ends(watch).items()} == {
            "bad": "failed",
            "gone": "complete",
        }
        assert tasks.restarts == {"vanished": 1}

    caplog.set_level(logging.CRITICAL)
    run()


def test_stopped_in_the_middle_of_a_request_it_is_asked_for_again(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        records = Records({"gone": COMPLETE})
        records.lasts = 20.0
        begun = now()
        await ask(watch, records, 5)
        assert now() - begun == 5
        assert ends(watch) == {}
        records.lasts = 0.0
        await ask(watch, records, 2)
        assert len(records.asked) == 2
        assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}

    run()


# -- what a 404 means


def test_a_404_of_a_browsertrix_that_has_no_such_organisation_says_nothing(path: Path) -> None:
    """One exporter of two clusters was given the other one's address."""

    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        records = Records(otherwise=None)
        records.organisations = {"another"}
        await ask(watch, records, PATIENCE - 5)
        assert ends(watch) == {}
        await ask(watch, records, PATIENCE + 5)
        assert ends(watch) == {"gone": ("unknown", "", NOW)}

    run()


def test_a_404_is_believed_once_organisations_are_listed(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        records = Records(otherwise=None)
        known, records.organisations = records.organisations, set()
        task = asyncio.create_task(ask(watch, records, 110))
        await asyncio.sleep(30)
        assert ends(watch) == {}
        records.organisations = known
        await task
        assert ends(watch) == {"gone": ("deleted", "", NOW)}

    run()


def test_an_organisation_that_is_deleted_with_its_crawls_is_not_waited_for(path: Path) -> None:
    """There is no more to be found out of them, whichever Browsertrix it is."""

    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch, metadata={"deletionTimestamp": "2025-05-21T12:09:00Z"})
        records = Records(otherwise=None)
        records.organisations = set()
        await ask(watch, records, 2)
        assert ends(watch) == {"gone": ("unknown", "deleted", NOW)}

    run()


def test_a_404_observes_no_length_of_anything(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        vanish(watch, spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"})
        before = {key: list(one.counts) for key, one in watch.ledger.tallies.histograms.items()}
        await ask(watch, Records(otherwise=None), 2)
        assert ends(watch) == {"gone": ("deleted", "", NOW)}
        after = watch.ledger.tallies.histograms
        assert {name for name, _ in before} == {DURATION, PAUSE_LENGTH, WAIT}
        assert {key: one.counts for key, one in after.items()} == before

    run()


def test_what_was_asked_for_when_the_cluster_was_another_is_unknown_at_once(path: Path) -> None:
    watch = vanished(path, cluster="one")
    kill(watch.ledger)
    moved = Watch(path, hold_back=True, cluster="two")
    assert not moved.ledger.held_ends
    assert ends(moved) == {"gone": ("unknown", "", NOW)}
    assert moved.total(VANISHED) == 1
    moved.synced()
    moved.kill()
    assert moved.total(VANISHED) == 1


def test_two_replicas_ask_each_for_itself_and_count_once_each(tmp_path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        pair = [vanished(tmp_path / name / "history.db") for name in "ab"]
        records = Records({"gone": COMPLETE})
        for watch in pair:
            await ask(watch, records, 2)
        assert len(records.asked) == 2
        for watch in pair:
            assert ends(watch) == {"gone": ("complete", "", FINISHED_AT)}
            assert sum(watch.changed_totals().values()) == sum(pair[0].changed_totals().values())

    run()

"""Which limit ended a crawl that is complete: only figures can prove it afterwards."""

from pathlib import Path
from typing import Any

import pytest

from exporter.history.endings import merged, recorded_ending, stronger
from exporter.history.limits import limit_reached
from support.counters import FINISHED
from support.crawl_history import NOW, OVER, CrawlHistory, Watch
from support.crawl_records import FINISHED_AT, Records, ask, record_of
from support.factories import UPDATED_EPOCH
from support.virtual_time import in_virtual_time

GIB = 2**30
CREATED = UPDATED_EPOCH - 16 * 60
SHORT = FINISHED_AT - CREATED - 1
"""Seconds; a crawl that was created then and ended at ``FINISHED_AT`` can have run for longer."""


def history(**spec: Any) -> CrawlHistory:
    limits = {"maxCrawlSize": 0, "timeout": 0, "scale": 1, "browserWindows": 1}
    found = CrawlHistory()
    found.status(spec=limits | spec)
    return found


def reason(spec: dict[str, Any], **record: Any) -> str:
    return limit_reached(
        history(**spec).baseline, record_of("gone", "complete", **record), FINISHED_AT
    )


@pytest.mark.parametrize(
    ("spec", "record", "expected"),
    [
        ({}, {}, ""),
        ({}, {"stats": {}}, ""),
        ({"maxCrawlSize": GIB}, {"stats": {"size": GIB}}, "size-limit"),
        ({"maxCrawlSize": GIB}, {"stats": {"size": GIB - 1}}, ""),
        ({"maxCrawlSize": GIB}, {"stats": {"size": 1}, "fileSize": GIB + 1}, "size-limit"),
        ({"maxCrawlSize": GIB}, {"stats": {}, "fileSize": 5}, ""),
        ({"maxCrawlSize": GIB}, {"stats": {}}, "unknown"),
        ({"timeout": 50}, {"crawlExecSeconds": 50}, "time-limit"),
        ({"timeout": SHORT}, {"crawlExecSeconds": SHORT - 1}, "unknown"),
        ({"timeout": SHORT}, {}, "unknown"),
        ({"timeout": SHORT + 2}, {}, ""),
        ({"timeout": SHORT + 2}, {"crawlExecSeconds": 9}, ""),
        ({"timeout": 50, "scale": 3}, {"crawlExecSeconds": 149}, "unknown"),
        ({"timeout": 50, "scale": 3}, {"crawlExecSeconds": 150}, "time-limit"),
        ({"timeout": 50, "browserWindows": 4}, {"crawlExecSeconds": 199}, "unknown"),
        (
            {"timeout": 50, "maxCrawlSize": GIB},
            {"crawlExecSeconds": 50, "stats": {"size": GIB}},
            "size-limit",
        ),
        ({"timeout": 50, "maxCrawlSize": GIB}, {"crawlExecSeconds": 50}, "time-limit"),
        ({"timeout": 50, "maxCrawlSize": GIB}, {"stats": {"size": 5}}, "unknown"),
    ],
)
def test_a_limit_that_was_reached_for_certain_is_the_reason_and_else_it_is_not_known(
    spec: dict[str, Any], record: dict[str, Any], expected: str
) -> None:
    assert reason(spec, **record) == expected


def test_limits_that_were_never_seen_may_have_been_reached() -> None:
    baseline = CrawlHistory().baseline
    assert (baseline.size_limit, baseline.time_limit) == (None, None)
    record = record_of("gone", "complete")
    assert limit_reached(baseline, record, FINISHED_AT) == "unknown"


def test_a_limit_is_that_of_the_object_seen_last() -> None:
    seen = history(maxCrawlSize=GIB, timeout=50)
    seen.status(spec={"maxCrawlSize": 5, "timeout": 0})
    assert (seen.baseline.size_limit, seen.baseline.time_limit) == (5, 0)
    seen.status(spec={"maxCrawlSize": "much", "timeout": None})
    assert (seen.baseline.size_limit, seen.baseline.time_limit) == (5, 0)


@pytest.mark.parametrize(
    ("state", "seen", "expected"),
    [
        ("complete", "", "size-limit"),
        ("complete", "paused", "size-limit"),
        ("complete", "time-limit", "time-limit"),
        ("stopped_by_user", "", "stopped_by_user"),
        ("stopped_org_readonly", "paused_org_readonly", "stopped_org_readonly"),
        ("failed", "", ""),
        ("canceled", "stopped_by_user", "stopped_by_user"),
    ],
)
def test_only_what_is_complete_without_a_reason_may_have_ended_by_its_size(
    state: str, seen: str, expected: str
) -> None:
    baseline = history(maxCrawlSize=GIB).baseline
    baseline.stop_reason = seen
    record = record_of("gone", state, stats={"size": GIB})
    ending = recorded_ending(baseline, record, NOW)
    assert ending is not None
    assert (ending.state, ending.stop_reason) == (state, expected)


def test_a_status_that_states_no_reason_is_stronger_than_not_to_know() -> None:
    assert stronger("unknown", "") == stronger("", "unknown") == ""
    baseline = history(maxCrawlSize=GIB).baseline
    recorded = recorded_ending(baseline, record_of("gone", "complete", stats={}), NOW)
    assert recorded is not None
    assert recorded.stop_reason == "unknown"
    stated = recorded_ending(history().baseline, record_of("gone", "complete"), NOW)
    assert stated is not None
    assert merged(recorded, stated).stop_reason == ""


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"stats": {"size": 101 * GIB}}, "size-limit"),
        ({"stats": {"size": 5}}, ""),
        ({"stats": {}}, "unknown"),
    ],
    ids=["reached", "not reached", "not known"],
)
def test_limits_are_remembered_through_a_restart(
    path: Path, record: dict[str, Any], expected: str
) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(10, crawl="gone")
        watch.kill()
        watch.synced(20)
        assert len(watch.ledger.held_ends) == 1
        await ask(watch, Records({"gone": record_of("gone", "complete", **record)}), 2)
        (over,) = watch.finished()
        assert (over.state, over.stop_reason) == ("complete", expected)
        assert watch.total(FINISHED, "complete", expected) == 1

    run()


def test_a_status_of_the_end_that_comes_after_all_says_that_there_was_no_reason(
    path: Path,
) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(10, crawl="gone")
        watch.unlisted(10, crawl="gone")
        await ask(watch, Records({"gone": record_of("gone", "complete", stats={})}), 2)
        watch.change(12, crawl="gone", status=OVER, deleted=True)
        (over,) = watch.finished()
        assert (over.state, over.stop_reason, over.finished) == ("complete", "", FINISHED_AT - 60)
        assert watch.total(FINISHED, "complete", "unknown") == 1, "counters never fall"
        assert watch.total(FINISHED, "complete", "") == 0

    run()

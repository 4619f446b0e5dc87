"""Alerts of crawls that vanished, where Browsertrix is asked how they ended."""

from pathlib import Path

import pytest

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.alerting.event_alerts import ENDS, LAST_SECONDS
from exporter.history.lookup import LIMIT
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import (
    CRAWL,
    FAILED,
    ORG_CRAWLS_DELETED,
    PAUSE_EXPIRED,
    SIZE_LIMIT,
    VANISHED,
    active,
)
from support.crawl_history import NOW, Watch
from support.crawl_records import Records, ask, record_of
from support.factories import CRAWL_ID
from support.rules import ALERTS
from support.virtual_time import in_virtual_time

QUOTA = "BrowsertrixCrawlTimeQuotaReached"
LIMITED = {"stopReason": "size-limit"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the ledger's file is to be."""
    return tmp_path / "history.db"


def vanished(path: Path) -> Watch:
    watch = Watch(path, hold_back=True)
    watch.synced()
    watch.change(1001, status=LIMITED)
    watch.unlisted(1001, status=LIMITED)
    return watch


def test_a_true_end_is_alerted_from_its_own_moment_and_never_as_unknown(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        alerts = ActiveAlerts(watch.ledger, watch.clock)
        notified: list[Key] = []
        alerts.listeners.append(notified.append)
        assert active(alerts) == {}
        await ask(watch, Records({CRAWL_ID: record_of(CRAWL_ID, "complete", NOW - 300)}), 2)
        assert active(alerts) == {(SIZE_LIMIT, CRAWL): (-300, 14_100)}
        assert notified == [(SIZE_LIMIT, CRAWL)]

    run()


def test_restarted_before_and_after_the_answer_it_is_the_same_alert(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        watch.kill()
        watch.synced(1001)
        assert active(ActiveAlerts(watch.ledger, watch.clock)) == {}
        records = Records({CRAWL_ID: record_of(CRAWL_ID, "stopped_pause_expired", NOW - 300)})
        await ask(watch, records, 2)
        expected = {(PAUSE_EXPIRED, CRAWL): (-300, 14_100)}
        assert active(ActiveAlerts(watch.ledger, watch.clock)) == expected
        watch.kill()
        watch.synced(1001)
        assert active(ActiveAlerts(watch.ledger, watch.clock)) == expected
        await ask(watch, records, 5)
        assert len(records.asked) == 1

    run()


def test_one_that_cannot_be_found_out_is_alerted_as_before(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(1001)
        watch.unlisted(1001)
        alerts = ActiveAlerts(watch.ledger, watch.clock)
        await ask(watch, Records(), LIMIT + 5)
        assert active(alerts) == {(VANISHED, CRAWL): (0, 7200)}

    run()


def test_a_deleted_record_is_no_alert_but_where_the_organisation_s_crawls_were_deleted(
    path: Path,
) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = vanished(path)
        alerts = ActiveAlerts(watch.ledger, watch.clock)
        await ask(watch, Records(otherwise=None), 2)
        assert [one.state for one in watch.finished()] == ["deleted"]
        assert active(alerts) == {}

        asked = {"uid": "two", "deletionTimestamp": stamp(NOW - 1)}
        watch.change(1002, crawl="two", metadata=asked)
        watch.change(1003, crawl="two", metadata=asked, deleted=True)
        await ask(watch, Records(otherwise=None), 2)
        assert list(active(alerts)) == [(ORG_CRAWLS_DELETED, CRAWL[:2])]
        assert watch.total("browsertrix_crawls_vanished_total") == 2

    run()


LATE = {
    # alert: its record, seconds of its window
    FAILED: (record_of(CRAWL_ID, "failed", NOW - 300), 3600),
    QUOTA: (record_of(CRAWL_ID, "stopped_time_quota_reached", NOW - 300), 7200),
    PAUSE_EXPIRED: (record_of(CRAWL_ID, "stopped_pause_expired", NOW - 300), 14_400),
    SIZE_LIMIT: (record_of(CRAWL_ID, "complete", NOW - 300, stats={"size": 2**40}), 14_400),
}


@pytest.mark.parametrize("alert", LATE)
@pytest.mark.parametrize(
    ("left", "is_late"), [(1200, False), (601, False), (590, True), (0, True), (-40_000, True)]
)
def test_an_end_learned_when_its_window_was_over_has_one_from_then_on(
    path: Path, alert: str, left: float, is_late: bool
) -> None:
    """``left`` seconds of the window that begins with the end itself."""
    record, window = LATE[alert]

    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(1001)
        watch.clock.now = NOW - 300 + window - left
        watch.unlisted(1001)
        alerts = ActiveAlerts(watch.ledger, watch.clock)
        notified: list[Key] = []
        alerts.listeners.append(notified.append)
        await ask(watch, Records({CRAWL_ID: record}), 2)
        (over,) = watch.finished()
        assert over.finished == NOW - 300, "the series has the true moment"
        assert over.learned is not None
        since = over.learned - NOW if is_late else -300
        expected = {(alert, CRAWL): (since, since + window)}
        assert active(alerts) == expected
        assert notified == [(alert, CRAWL)]
        watch.kill()
        watch.synced(1001)
        assert active(ActiveAlerts(watch.ledger, watch.clock)) == expected
        watch.clock.now = NOW + since + window
        assert active(ActiveAlerts(watch.ledger, watch.clock)) == {}

    run()


def test_what_is_given_up_after_a_long_downtime_is_alerted_then(path: Path) -> None:
    @in_virtual_time
    async def run() -> None:
        watch = Watch(path, hold_back=True)
        watch.synced()
        watch.change(1001)
        watch.unlisted(1001)
        watch.kill()
        watch.clock.now += 30_000
        watch.synced(1001)
        alerts = ActiveAlerts(watch.ledger, watch.clock)
        await ask(watch, Records(), 125)
        (over,) = watch.finished()
        assert (over.state, over.finished) == ("unknown", NOW)
        ((key, (starts, ends)),) = active(alerts).items()
        assert key == (VANISHED, CRAWL)
        assert 30_000 < starts < 30_125
        assert ends == starts + 7200

    run()


def test_a_rule_counts_an_end_as_late_from_the_same_second_on() -> None:
    for event in ENDS:
        (rule,) = [one for one in ALERTS if one.name == event.name]
        assert f"+ {event.late}\n" in rule.expr
        assert event.late == event.window - LAST_SECONDS
        assert rule.expr.count(f"> time() - {event.window}") == 2 - event.unseen

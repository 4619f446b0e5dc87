"""Which ends of crawls are active alerts, from when and until when."""

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import (
    CRAWL,
    ORG_CRAWLS_DELETED,
    PAUSE_EXPIRED,
    PAUSE_EXPIRED_UNSEEN,
    SIZE_LIMIT,
    VANISHED,
    active,
    ended,
)
from support.crawl_history import NOW, Watch


def test_an_end_is_active_for_its_window_from_its_timestamp(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    notified: list[Key] = []
    alerts.listeners.append(notified.append)
    watch.change(1001)
    watch.change(1002, status=ended(-20))
    watch.change(1003, status=ended(-20))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-20, 14_380)}
    assert notified == [(PAUSE_EXPIRED, CRAWL)], "once, however often it is seen"

    watch.clock.now = NOW + 14_379
    assert len(active(alerts)) == 1
    watch.clock.now = NOW + 14_380
    assert active(alerts) == {}
    alerts.expire()
    assert len(alerts) == 0


def test_a_good_end_and_one_of_long_ago_are_no_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-14_400))
    watch.change(1002, crawl="well", status=ended(0, "complete"))
    watch.change(1003, crawl="user", status=ended(0, "stopped_by_user"))

    assert len(alerts) == 0


def test_a_crawl_first_seen_when_it_is_over_is_an_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-600, "complete", stopReason="size-limit"))

    assert active(alerts) == {(SIZE_LIMIT, CRAWL): (-600, 13_800)}


def test_a_clock_that_is_ahead_makes_no_alert_that_starts_in_the_future(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(+500))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (0, 14_900)}


def test_a_clock_that_was_set_back_a_day_makes_no_alert_that_is_over_before_it_is_sent(
    watch: Watch,
) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.clock.now = NOW - 86_400
    watch.change(1001, status=ended(-20))
    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-86_400, 14_380)}

    watch.clock.now = NOW + 14_379
    assert len(active(alerts)) == 1
    watch.clock.now = NOW + 14_380
    assert active(alerts) == {}


def test_a_timestamp_of_the_far_future_makes_no_alert_that_lasts_until_then(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(2 * 86_400))
    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (0, 2 * 86_400 + 14_400)}

    watch.change(1002, crawl="other", status=ended(2 * 86_400 + 1))
    (other,) = (ends for key, ends in active(alerts).items() if "other" in key[1])
    assert other == (0, 14_400)


def test_an_end_better_known_has_its_timestamp_corrected(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-20))
    watch.change(1002, status=ended(-300))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-300, 14_100)}


def test_an_end_that_turns_out_to_be_long_ago_is_no_longer_active(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-20))
    watch.change(1002, status=ended(-15_000))

    assert active(alerts) == {}


def test_another_object_of_the_same_crawl_extends_the_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, metadata={"uid": "one"}, status=ended(-900))
    watch.change(1002, metadata={"uid": "two"}, status=ended(-60))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-900, 14_340)}


def test_a_vanished_crawl_is_an_alert_and_one_that_is_back_is_none(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    status = {"lastUpdatedTime": stamp(NOW - 60), "lastActiveTime": stamp(NOW - 60)}
    watch.change(1001, status=status)
    watch.unlisted(1001, status=status)
    assert active(alerts) == {(VANISHED, CRAWL): (0, 7200)}

    watch.change(1002, status=status)

    assert active(alerts) == {}


def test_an_end_forgotten_of_another_object_leaves_the_alert_active(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, metadata={"uid": "one"}, status=ended(-900))
    watch.change(1002, metadata={"uid": "two"}, status=ended(-60))

    alerts.on_forgotten(watch.ledger.finished_crawls["one"])
    assert len(alerts) == 1
    alerts.on_forgotten(watch.ledger.finished_crawls["two"])
    assert len(alerts) == 0


def test_a_pause_that_expired_unseen_pages_and_a_deletion_is_one_alert_of_its_organisation(
    watch: Watch,
) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    week_ago = {"pausedAt": stamp(NOW - 8 * 86_400)}
    watch.change(1001, crawl="paused", spec=week_ago, status={"state": "paused"})
    watch.unlisted(1001, crawl="paused", spec=week_ago, status={"state": "paused"})
    for number in range(50):
        asked, crawl = {"deletionTimestamp": stamp(NOW - 1)}, f"deleted-{number}"
        watch.change(2000 + number, crawl=crawl, metadata=asked)
        watch.change(3000 + number, crawl=crawl, metadata=asked, deleted=True)

    assert active(alerts) == {
        (PAUSE_EXPIRED_UNSEEN, (*CRAWL[:2], "paused")): (0, 14_400),
        (ORG_CRAWLS_DELETED, CRAWL[:2]): (0, 7200),
    }

"""Which ends of crawls are active alerts, from when and until when."""

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import CRAWL, PAUSE_EXPIRED, SIZE_LIMIT, VANISHED, active, ended
from support.crawl_history import NOW, Watch


def test_an_end_is_active_for_an_hour_from_its_timestamp(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    notified: list[Key] = []
    alerts.listeners.append(notified.append)
    watch.change(1001)
    watch.change(1002, status=ended(-20))
    watch.change(1003, status=ended(-20))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-20, 3580)}
    assert notified == [(PAUSE_EXPIRED, CRAWL)], "once, however often it is seen"

    watch.clock.now = NOW + 3579
    assert len(active(alerts)) == 1
    watch.clock.now = NOW + 3580
    assert active(alerts) == {}
    alerts.expire()
    assert len(alerts) == 0


def test_a_good_end_and_one_of_long_ago_are_no_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-3600))
    watch.change(1002, crawl="well", status=ended(0, "complete"))
    watch.change(1003, crawl="user", status=ended(0, "stopped_by_user"))

    assert len(alerts) == 0


def test_a_crawl_first_seen_when_it_is_over_is_an_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-600, "complete", stopReason="size-limit"))

    assert active(alerts) == {(SIZE_LIMIT, CRAWL): (-600, 3000)}


def test_a_clock_that_is_ahead_makes_no_alert_that_starts_in_the_future(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(+500))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (0, 3600)}


def test_an_end_better_known_has_its_timestamp_corrected(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-20))
    watch.change(1002, status=ended(-300))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-300, 3300)}


def test_an_end_that_turns_out_to_be_long_ago_is_no_longer_active(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, status=ended(-20))
    watch.change(1002, status=ended(-4000))

    assert active(alerts) == {}


def test_another_object_of_the_same_crawl_extends_the_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, metadata={"uid": "one"}, status=ended(-900))
    watch.change(1002, metadata={"uid": "two"}, status=ended(-60))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (-900, 3540)}


def test_a_vanished_crawl_is_an_alert_and_one_that_is_back_is_none(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    status = {"lastUpdatedTime": stamp(NOW - 60), "lastActiveTime": stamp(NOW - 60)}
    watch.change(1001, status=status)
    watch.unlisted(1001, status=status)
    assert active(alerts) == {(VANISHED, CRAWL): (-60, 3540)}

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

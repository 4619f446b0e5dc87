"""What is told follows from the ledger: from its moments, for its window, also after a restart."""

import logging
from pathlib import Path
from typing import Any

import pytest

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.simulator.encoding import stamp
from support.crawl_history import NOW, Watch
from support.factories import CRAWL_ID, NAMESPACE, OID, crawler_pod, redis_pod

CRAWL = (NAMESPACE, OID, CRAWL_ID)
NAME = f"crawl-{CRAWL_ID}-0"
POD = (*CRAWL, NAME)
PAUSE_EXPIRED = "BrowsertrixCrawlPauseExpired"
SIZE_LIMIT = "BrowsertrixCrawlSizeLimitReached"
VANISHED = "BrowsertrixCrawlVanished"
EVICTED = "BrowsertrixPodEvicted"
OOM = "BrowsertrixPodOOMKilled"
SPACE = "BrowsertrixPodOutOfSpace"


def opened(watch: Watch) -> ActiveAlerts:
    return ActiveAlerts(watch.ledger, watch.clock)


def moments(alerts: ActiveAlerts) -> dict[Key, tuple[float, float]]:
    """What is open, with begin and end in seconds from ``NOW``."""
    open_ones = {key: alerts.get(key) for key in alerts}
    return {
        key: (one.starts - NOW, one.ends - NOW) for key, one in open_ones.items() if one is not None
    }


def ended(at: float, state: str = "stopped_pause_expired", **status: Any) -> dict[str, Any]:
    return {"state": state, "finished": stamp(NOW + at), **status}


def pods(**fields: Any) -> dict[str, Any]:
    return {NAME: crawler_pod(**fields)}


@pytest.fixture
def watch() -> Watch:
    watch = Watch()
    watch.synced()
    return watch


def test_an_end_is_told_from_its_moment_for_an_hour(watch: Watch) -> None:
    alerts = opened(watch)
    heard: list[Key] = []
    alerts.listeners.append(heard.append)
    watch.told(1001)
    watch.told(1002, status=ended(-20))
    watch.told(1003, status=ended(-20))

    assert moments(alerts) == {(PAUSE_EXPIRED, CRAWL): (-20, 3580)}
    assert heard == [(PAUSE_EXPIRED, CRAWL)], "once, however often it is seen"

    watch.clock.now = NOW + 3579
    assert len(moments(alerts)) == 1
    watch.clock.now = NOW + 3580
    assert moments(alerts) == {}
    alerts.expire()
    assert len(alerts) == 0


def test_a_good_end_and_one_of_long_ago_are_not_told(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, status=ended(-3600))
    watch.told(1002, crawl="well", status=ended(0, "complete"))
    watch.told(1003, crawl="user", status=ended(0, "stopped_by_user"))

    assert len(alerts) == 0


def test_a_crawl_first_seen_when_it_is_over_is_told(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, status=ended(-600, "complete", stopReason="size-limit"))

    assert moments(alerts) == {(SIZE_LIMIT, CRAWL): (-600, 3000)}


def test_a_clock_that_is_ahead_makes_no_alert_that_is_still_to_come(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, status=ended(+500))

    assert moments(alerts) == {(PAUSE_EXPIRED, CRAWL): (0, 3600)}


def test_an_end_better_known_has_its_moment_put_right(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, status=ended(-20))
    watch.told(1002, status=ended(-300))

    assert moments(alerts) == {(PAUSE_EXPIRED, CRAWL): (-300, 3300)}


def test_an_end_that_turns_out_to_be_long_ago_is_told_no_more(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, status=ended(-20))
    watch.told(1002, status=ended(-4000))

    assert moments(alerts) == {}


def test_another_object_of_the_same_crawl_makes_the_alert_last(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, metadata={"uid": "one"}, status=ended(-900))
    watch.told(1002, metadata={"uid": "two"}, status=ended(-60))

    assert moments(alerts) == {(PAUSE_EXPIRED, CRAWL): (-900, 3540)}


def test_a_crawl_that_vanished_is_told_and_one_that_is_back_is_not(watch: Watch) -> None:
    alerts = opened(watch)
    status = {"lastUpdatedTime": stamp(NOW - 60), "lastActiveTime": stamp(NOW - 60)}
    watch.told(1001, status=status)
    watch.unseen(1001, status=status)
    assert moments(alerts) == {(VANISHED, CRAWL): (-60, 3540)}

    watch.told(1002, status=status)

    assert moments(alerts) == {}


def test_what_is_forgotten_for_another_object_stays_told(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, metadata={"uid": "one"}, status=ended(-900))
    watch.told(1002, metadata={"uid": "two"}, status=ended(-60))

    alerts.on_forgotten(watch.ledger.memory.finished["one"])
    assert len(alerts) == 1
    alerts.on_forgotten(watch.ledger.memory.finished["two"])
    assert len(alerts) == 0


# Pods -----------------------------------------------------------------------------------------


def test_an_eviction_is_told_for_ten_minutes_however_long_the_status_shows_it(
    watch: Watch,
) -> None:
    alerts = opened(watch)
    watch.told(1001, pods=pods())
    watch.told(1002, pods=pods(evicted=True))
    watch.clock.now = NOW + 599
    watch.told(1003, pods=pods(evicted=True))
    assert moments(alerts) == {(EVICTED, POD): (0, 600)}

    watch.clock.now = NOW + 600
    assert moments(alerts) == {}


def test_an_eviction_first_seen_may_be_of_long_ago_and_is_not_told(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, pods=pods(evicted=True))
    watch.told(1002, pods=pods(evicted=True))

    assert moments(alerts) == {}


def test_exits_are_told_from_their_moment(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, pods=pods())
    killed = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.told(1002, pods=pods(**killed))
    full = {"exitTime": stamp(NOW - 10), "exitCode": 3, "reason": "interrupt: 3"}
    watch.told(1003, pods=pods(**full))
    interrupted = {"exitTime": stamp(NOW - 5), "exitCode": 11, "reason": "interrupt: 11"}
    watch.told(1004, pods=pods(**interrupted))

    assert moments(alerts) == {(OOM, POD): (-30, 3570), (SPACE, POD): (-10, 3590)}


def test_another_exit_makes_the_alert_last(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, pods=pods())
    for version, at in ((1002, -1800), (1003, -60)):
        watch.told(version, pods=pods(exitTime=stamp(NOW + at), exitCode=3, reason="interrupt: 3"))

    assert moments(alerts) == {(SPACE, POD): (-1800, 3540)}


def test_an_evicted_pods_exit_is_no_oom_kill(watch: Watch) -> None:
    alerts = opened(watch)
    watch.told(1001, pods=pods())
    exit_ = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.told(1002, pods=pods(evicted=True, **exit_))

    assert list(moments(alerts)) == [(EVICTED, POD)]


def test_an_oom_first_seen_when_it_was_over_may_be_an_eviction_and_is_not_told(
    watch: Watch,
) -> None:
    alerts = opened(watch)
    exit_ = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.told(1001, pods=pods(**exit_))
    watch.told(1002, pods=pods(**exit_))

    assert moments(alerts) == {}


def test_redis_has_no_moment_of_its_exits_and_no_such_alert(watch: Watch) -> None:
    alerts = opened(watch)
    redis = f"redis-{CRAWL_ID}"
    watch.told(1001, pods={redis: redis_pod()})
    watch.told(1002, pods={redis: redis_pod(exitCode=137, reason="oom")})
    watch.told(1003, pods={redis: redis_pod(exitCode=3, reason="interrupt: 3")})

    assert moments(alerts) == {}


# Restarts -------------------------------------------------------------------------------------


def test_a_restart_tells_what_was_told_from_the_same_moments(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    before = opened(watch)
    watch.told(1001, pods=pods())
    watch.told(1002, crawl="other", pods={"crawl-other-0": crawler_pod()})
    watch.told(1003, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))
    watch.told(1004, pods=pods(exitTime=stamp(NOW - 20), exitCode=3, reason="interrupt: 3"))
    watch.told(1005, crawl="other", pods={"crawl-other-0": crawler_pod(evicted=True)})
    watch.told(1006, status=ended(-5))
    told = moments(before)
    assert {name for name, _ in told} == {OOM, SPACE, EVICTED, PAUSE_EXPIRED}

    watch.kill()

    assert moments(opened(watch)) == told
    watch.clock.now = NOW + 601
    assert {name for name, _ in moments(opened(watch))} == {OOM, SPACE, PAUSE_EXPIRED}
    watch.clock.now = NOW + 3600
    assert moments(opened(watch)) == {}


def test_it_is_told_of_a_crawl_that_is_gone_too(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.told(1001, pods=pods())
    watch.clock.now += 0.001  # no two changes of a crawl are noticed at the same moment
    watch.told(1002, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))
    watch.told(1003, deleted=True, status=ended(-5))
    watch.recorder.on_bookmark(NAMESPACE, "2000")
    watch.ledger.flush()
    assert watch.ledger.memory.baselines == {}

    watch.kill()

    assert set(moments(opened(watch))) == {(OOM, POD), (PAUSE_EXPIRED, CRAWL)}


def test_what_was_not_told_for_being_first_seen_is_not_told_after_a_restart(
    tmp_path: Path,
) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.told(1001, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))

    watch.kill()

    assert moments(opened(watch)) == {}


def test_an_event_of_the_downtime_is_told_once_it_is_replayed(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.told(1001)
    watch.ledger.flush()
    watch.kill()
    alerts = opened(watch)
    watch.clock.now = NOW + 1200
    watch.told(1002, status=ended(+10))

    assert moments(alerts) == {(PAUSE_EXPIRED, CRAWL): (10, 3610)}


def test_a_log_that_cannot_be_read_costs_only_what_stands_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.told(1001, status=ended(-5))
    (tmp_path / "history.db").rename(tmp_path / "lost.db")

    with caplog.at_level(logging.WARNING):
        alerts = opened(watch)

    assert list(moments(alerts)) == [(PAUSE_EXPIRED, CRAWL)]
    assert "what happened to pods before the start is not told again" in caplog.text

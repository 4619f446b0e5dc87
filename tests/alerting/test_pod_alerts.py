"""Which evictions and exits of pods are active alerts, from when and until when."""

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import EVICTED, OOM_KILLED, OUT_OF_SPACE, POD, active, pods
from support.crawl_history import NOW, Watch
from support.factories import CRAWL_ID, redis_pod


def test_an_eviction_is_active_for_an_hour_however_long_the_status_shows_it(
    watch: Watch,
) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods())
    watch.change(1002, pods=pods(evicted=True))
    watch.clock.now = NOW + 3599
    watch.change(1003, pods=pods(evicted=True))
    assert active(alerts) == {(EVICTED, POD): (0, 3600)}

    watch.clock.now = NOW + 3600
    assert active(alerts) == {}


def test_an_eviction_first_seen_may_be_of_long_ago_and_is_no_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods(evicted=True))
    watch.change(1002, pods=pods(evicted=True))

    assert active(alerts) == {}


def test_exits_are_active_from_their_timestamp(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods())
    killed = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.change(1002, pods=pods(**killed))
    full = {"exitTime": stamp(NOW - 10), "exitCode": 3, "reason": "interrupt: 3"}
    watch.change(1003, pods=pods(**full))
    interrupted = {"exitTime": stamp(NOW - 5), "exitCode": 11, "reason": "interrupt: 11"}
    watch.change(1004, pods=pods(**interrupted))

    assert active(alerts) == {(OOM_KILLED, POD): (-30, 3570), (OUT_OF_SPACE, POD): (-10, 3590)}


def test_another_exit_extends_the_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods())
    for version, at in ((1002, -1800), (1003, -60)):
        watch.change(
            version, pods=pods(exitTime=stamp(NOW + at), exitCode=3, reason="interrupt: 3")
        )

    assert active(alerts) == {(OUT_OF_SPACE, POD): (-1800, 3540)}


def test_an_evicted_pods_exit_is_no_oom_kill(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods())
    exit_ = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.change(1002, pods=pods(evicted=True, **exit_))

    assert list(active(alerts)) == [(EVICTED, POD)]


def test_an_oom_first_seen_when_it_was_over_may_be_an_eviction_and_is_no_alert(
    watch: Watch,
) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    exit_ = {"exitTime": stamp(NOW - 30), "exitCode": 137, "reason": "oom"}
    watch.change(1001, pods=pods(**exit_))
    watch.change(1002, pods=pods(**exit_))

    assert active(alerts) == {}


def test_redis_has_no_timestamp_of_its_exits_and_no_such_alert(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    redis = f"redis-{CRAWL_ID}"
    watch.change(1001, pods={redis: redis_pod()})
    watch.change(1002, pods={redis: redis_pod(exitCode=137, reason="oom")})
    watch.change(1003, pods={redis: redis_pod(exitCode=3, reason="interrupt: 3")})

    assert active(alerts) == {}

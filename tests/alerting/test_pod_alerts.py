"""Which evictions and exits of pods are active alerts, from when and until when."""

import pytest

from exporter.alerting.active_alerts import ActiveAlerts, Key
from exporter.alerting.postable_alert import postable_alert
from exporter.alerting.tuning import AlertTuning
from exporter.history.baseline import Baseline
from exporter.history.events import PodEvicted
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import EVICTED, OOM_KILLED, OUT_OF_SPACE, POD, POD_NAME, active, pods
from support.crawl_history import NOW, Watch, crawl_of, log
from support.factories import CRAWL_ID, redis_pod
from support.known_names import no_names


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


def description(alerts: ActiveAlerts) -> str:
    """What is posted of the pod's eviction."""
    alert = alerts.get((EVICTED, POD))
    assert alert is not None
    text = postable_alert(alert, AlertTuning(), {}, no_names)["annotations"]["description"]
    return text.partition(" was evicted by Kubernetes")[2].partition(";")[0]


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (["memory"], " for want of memory"),
        ([""], ""),
        (["other"], ""),
        (["storage", "", "memory", "storage"], " for want of memory, storage"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_an_eviction_says_what_ran_out_and_remains_one_alert(
    watch: Watch, resources: list[str], said: str
) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    baseline = Baseline.of(crawl_of())
    for seconds, resource in enumerate(resources):
        event = PodEvicted(NOW - 60 + seconds, POD_NAME, "crawler", resource)
        alerts.on_events(baseline, [event])

    assert list(active(alerts)) == [(EVICTED, POD)]
    assert description(alerts) == said


def test_it_is_told_anew_when_it_is_known_what_ran_out(watch: Watch) -> None:
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    told: list[Key] = []
    alerts.listeners.append(told.append)
    for resource in ("", "", "memory", "memory"):
        alerts.on_events(Baseline.of(crawl_of()), [PodEvicted(NOW, POD_NAME, "crawler", resource)])

    assert told == [(EVICTED, POD)] * 2


def test_what_ran_out_is_restored_and_an_older_ledger_does_not_have_it(watch: Watch) -> None:
    baseline = Baseline.of(crawl_of())
    log(watch.ledger, baseline, [PodEvicted(NOW - 60, POD_NAME, "crawler", "inodes")], NOW - 60)
    (logged,) = watch.ledger.logged_events(since=NOW - 100)
    assert description(ActiveAlerts(watch.ledger, watch.clock)) == " for want of inodes"

    del logged.detail["resource"]
    assert description(ActiveAlerts(watch.ledger, watch.clock)) == ""

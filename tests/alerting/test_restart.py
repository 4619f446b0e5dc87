"""A restarted exporter has the active alerts of the one before it, and those of the downtime."""

import logging
from pathlib import Path

import pytest

from exporter.alerting.active_alerts import ActiveAlerts
from exporter.simulator.apiserver.encoding import stamp
from support.active_alerts import (
    CRAWL,
    EVICTED,
    OOM_KILLED,
    OUT_OF_SPACE,
    PAUSE_EXPIRED,
    POD,
    active,
    ended,
    pods,
)
from support.crawl_history import NOW, Watch
from support.factories import NAMESPACE, crawler_pod


def test_a_restart_restores_the_same_alerts_with_the_same_timestamps(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    before = ActiveAlerts(watch.ledger, watch.clock)
    watch.change(1001, pods=pods())
    watch.change(1002, crawl="other", pods={"crawl-other-0": crawler_pod()})
    watch.change(1003, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))
    watch.change(1004, pods=pods(exitTime=stamp(NOW - 20), exitCode=3, reason="interrupt: 3"))
    watch.change(1005, crawl="other", pods={"crawl-other-0": crawler_pod(evicted=True)})
    watch.change(1006, status=ended(-5))
    expected = active(before)
    assert {name for name, _ in expected} == {OOM_KILLED, OUT_OF_SPACE, EVICTED, PAUSE_EXPIRED}

    watch.kill()

    assert active(ActiveAlerts(watch.ledger, watch.clock)) == expected
    watch.clock.now = NOW + 3600
    assert {name for name, _ in active(ActiveAlerts(watch.ledger, watch.clock))} == {PAUSE_EXPIRED}
    watch.clock.now = NOW + 14_400
    assert active(ActiveAlerts(watch.ledger, watch.clock)) == {}


def test_alerts_of_deleted_crawls_are_restored_too(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(1001, pods=pods())
    watch.clock.now += 0.001  # no two changes of a crawl are noticed at the same time
    watch.change(1002, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))
    watch.change(1003, deleted=True, status=ended(-5))
    watch.recorder.on_bookmark(NAMESPACE, "2000")
    watch.ledger.flush()
    assert watch.ledger.baselines == {}

    watch.kill()

    assert set(active(ActiveAlerts(watch.ledger, watch.clock))) == {
        (OOM_KILLED, POD),
        (PAUSE_EXPIRED, CRAWL),
    }


def test_what_was_no_alert_for_being_first_seen_is_none_after_a_restart(
    tmp_path: Path,
) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(1001, pods=pods(exitTime=stamp(NOW - 30), exitCode=137, reason="oom"))

    watch.kill()

    assert active(ActiveAlerts(watch.ledger, watch.clock)) == {}


def test_an_event_of_the_downtime_is_an_alert_once_it_is_replayed(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(1001)
    watch.ledger.flush()
    watch.kill()
    alerts = ActiveAlerts(watch.ledger, watch.clock)
    watch.clock.now = NOW + 1200
    watch.change(1002, status=ended(+10))

    assert active(alerts) == {(PAUSE_EXPIRED, CRAWL): (10, 14_410)}


def test_a_log_that_cannot_be_read_costs_only_the_alerts_of_pods(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(1001, status=ended(-5))
    (tmp_path / "history.db").rename(tmp_path / "lost.db")

    with caplog.at_level(logging.WARNING):
        alerts = ActiveAlerts(watch.ledger, watch.clock)

    assert list(active(alerts)) == [(PAUSE_EXPIRED, CRAWL)]
    assert "alerts of pods from before the start are not restored" in caplog.text

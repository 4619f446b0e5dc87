"""Since when a crawl and its pods are as they are: the same for every exporter, and for ever."""

from pathlib import Path
from typing import Any

import pytest

from exporter.history.baseline import PodBaseline
from exporter.history.events import Vanished
from exporter.simulator.apiserver.encoding import stamp
from support.crawl_history import NOW, CrawlHistory, Watch
from support.factories import ABSENT, CRAWL_ID, GIB, UPDATED_EPOCH, crawler_pod

CREATED_EPOCH = UPDATED_EPOCH - 960
POD = f"crawl-{CRAWL_ID}-0"
MINUTE, HOUR = 60.0, 3600.0
NEVER_RAN = {"crawlExecTime": 0, "pagesDone": 0, "size": 0}


def known(now: float = NOW, **parts: Any) -> CrawlHistory:
    crawl = CrawlHistory()
    crawl.status(now, **parts)
    return crawl


def since(crawl: CrawlHistory) -> tuple[str, float | None]:
    return crawl.baseline.state, crawl.baseline.state_since


def test_a_state_begins_when_it_is_noticed_and_not_with_each_status() -> None:
    crawl = known()
    crawl.status(NOW + 10, status={"state": "waiting_capacity"})
    crawl.status(NOW + 60, status={"state": "waiting_capacity"})

    assert since(crawl) == ("waiting_capacity", NOW + 10)


def test_a_crawl_first_seen_waiting_has_waited_since_its_creation() -> None:
    waiting = {"state": "waiting_capacity", **NEVER_RAN}

    assert since(known(status=waiting)) == ("waiting_capacity", CREATED_EPOCH)
    assert since(known(status={"state": "waiting_capacity"})) == ("waiting_capacity", NOW), (
        "it has run before"
    )


def test_a_paused_crawl_is_paused_since_that_was_asked_for() -> None:
    paused = {"pausedAt": stamp(NOW - 300)}
    crawl = known()
    crawl.status(spec=paused)
    crawl.status(spec=paused, status={"state": "paused"})

    assert since(crawl) == ("paused", NOW - 300)


def test_a_status_that_steps_back_moves_nothing() -> None:
    crawl = known()
    crawl.status(NOW + 10, status={"state": "generate-wacz", "crawlExecTime": 2760})
    crawl.status(NOW + 20, status={"state": "running", "crawlExecTime": 2700})
    crawl.status(NOW + 30, status={"state": "generate-wacz", "crawlExecTime": 2760})

    assert since(crawl) == ("generate-wacz", NOW + 10)


def test_a_transition_begins_when_it_is_asked_for_and_ends() -> None:
    crawl = known()
    asked = {"pausedAt": stamp(NOW - 5)}
    crawl.status(NOW, spec=asked)
    assert (crawl.baseline.transition, crawl.baseline.transition_since) == ("pausing", NOW - 5)
    crawl.status(NOW + 60, spec=asked, status={"state": "paused"})
    assert (crawl.baseline.transition, crawl.baseline.transition_since) == ("", None)
    crawl.status(NOW + 90, spec={"pausedAt": ""}, status={"state": "paused"})
    assert (crawl.baseline.transition, crawl.baseline.transition_since) == ("resuming", NOW + 90)
    crawl.status(NOW + 99, metadata={"deletionTimestamp": stamp(NOW + 98)})
    assert (crawl.baseline.transition, crawl.baseline.transition_since) == ("canceling", NOW + 98)


def test_pages_and_bytes_are_progress_and_nothing_else_is() -> None:
    crawl = known()
    assert crawl.baseline.progressed == NOW
    crawl.status(NOW + 60, status={"crawlExecTime": 9000, "pagesFound": 999})
    assert crawl.baseline.progressed == NOW
    crawl.status(NOW + 70, status={"pagesDone": 46})
    assert crawl.baseline.progressed == NOW + 70
    crawl.status(NOW + 80, status={"pagesDone": 45})
    assert crawl.baseline.progressed == NOW + 70, "a step back is none"
    crawl.status(NOW + 90, status={"pagesDone": 46, "size": 8 * GIB})
    assert crawl.baseline.progressed == NOW + 90


@pytest.mark.parametrize(
    ("state", "lasted", "counts_on"),
    [
        ("waiting_capacity", MINUTE, True),
        ("starting", 10 * MINUTE - 1, True),
        ("waiting_capacity", 10 * MINUTE, False),
        ("rate-limited", MINUTE, False),
        ("uploading-wacz", MINUTE, False),
        ("pending-wait", MINUTE, False),
    ],
)
def test_only_a_short_wait_does_not_begin_the_time_without_progress_anew(
    state: str, lasted: float, *, counts_on: bool
) -> None:
    crawl = known()
    crawl.status(NOW + HOUR, status={"state": state})
    crawl.status(NOW + HOUR + lasted)

    assert crawl.baseline.state == "running"
    assert crawl.baseline.progressed == (NOW if counts_on else NOW + HOUR + lasted)


def test_a_resumed_crawl_gets_its_time() -> None:
    paused = {"pausedAt": stamp(NOW)}
    crawl = known()
    crawl.status(NOW + 60, spec=paused, status={"state": "paused"})
    crawl.status(NOW + 3 * 86_400)

    assert crawl.baseline.progressed == NOW + 3 * 86_400


def test_a_restart_changes_none_of_it(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(10, pods={POD: crawler_pod()})
    watch.clock.now += 60
    pods = {POD: crawler_pod(evicted=True, backoffWait=True)}
    watch.change(11, status={"state": "waiting_capacity"}, pods=pods)
    (before,) = watch.ledger.baselines.values()
    watch.kill()
    watch.clock.now += HOUR
    watch.change(12, status={"state": "waiting_capacity"}, pods=pods)

    (after,) = watch.ledger.baselines.values()
    assert (after.state_since, after.progressed) == (NOW + 60, NOW)
    assert after.pods == before.pods
    assert after.pods[POD] == PodBaseline(
        evicted=True,
        evicted_at=NOW + 60,
        backoff_since=NOW + 60,
        pending="evicted",
        pending_since=NOW + 60,
    )


# -- pods


class Pod(CrawlHistory):
    """The one pod of a crawl that is known."""

    def __init__(self) -> None:
        super().__init__()
        self.status(pods={})

    def update(self, now: float = NOW, **fields: Any) -> PodBaseline:
        self.status(now, pods={POD: crawler_pod(**fields)})
        return self.baseline.pods.get(POD, PodBaseline())


def exited(at: float, code: int, reason: str = "") -> dict[str, Any]:
    return {"exitTime": stamp(at), "exitCode": code, "reason": reason or f"interrupt: {code}"}


def test_an_eviction_and_the_exit_it_shows_as_are_one_eviction() -> None:
    pod = Pod()
    found = pod.update(NOW, evicted=True, **exited(NOW - 10, 137, "oom"))

    assert (found.evicted_at, found.exit_was_eviction) == (NOW, True)
    assert (found.oom_killed_at, found.crashed_at) == (None, None)
    found = pod.update(NOW + 600, **exited(NOW + 590, 137, "oom"))
    found = pod.update(NOW + 700, **exited(NOW + 690, 137, "oom"))
    assert (found.oom_killed_at, found.exit_was_eviction) == (NOW + 690, False)


def test_a_pod_first_seen_evicted_or_killed_has_no_time_of_it() -> None:
    crawl = known(pods={POD: crawler_pod(evicted=True)})
    assert crawl.baseline.pods[POD].evicted_at is None
    crawl = known(pods={POD: crawler_pod(**exited(NOW - 10, 137, "oom"))})
    assert crawl.baseline.pods[POD].oom_killed_at is None


@pytest.mark.parametrize(
    ("code", "crash"),
    [
        (0, False),
        (1, True),
        (3, True),
        (10, True),
        (11, False),
        (14, False),
        (18, False),
        (99, True),
    ],
)
def test_a_crash_is_an_exit_with_a_code_that_is_none_of_browsertrix_s_own(
    code: int, *, crash: bool
) -> None:
    assert Pod().update(**exited(NOW - 10, code)).crashed_at == (NOW - 10 if crash else None)


def test_waiting_in_backoff_is_since_its_beginning_and_over_with_it() -> None:
    pod = Pod()
    pod.update(NOW, backoffWait=True)
    assert pod.update(NOW + 60, backoffWait=True).backoff_since == NOW
    assert pod.update(NOW + 120, backoffWait=False).backoff_since is None
    assert pod.update(NOW + 180, backoffWait=True).backoff_since == NOW + 180


def test_a_pending_restart_is_since_its_reason() -> None:
    pod = Pod()
    pod.update(NOW, newMemory=3 * GIB)
    found = pod.update(NOW + 60, newMemory=3 * GIB)
    assert (found.pending, found.pending_since) == ("newMemory", NOW)
    found = pod.update(NOW + 90)
    assert (found.pending, found.pending_since) == ("", None)
    pod.status(NOW + 99, spec={"restartTime": stamp(NOW + 95)}, pods={POD: crawler_pod()})
    found = pod.baseline.pods[POD]
    assert (found.pending, found.pending_since) == ("forced", NOW + 95)


# -- ends nobody saw


def test_an_end_nobody_saw_was_between_the_last_sync_and_its_being_missed(tmp_path: Path) -> None:
    watch = Watch(tmp_path / "history.db")
    watch.synced()
    watch.change(10)
    watch.clock.now += 120
    watch.recorder.on_bookmark(watch.scope, "20")
    watch.ledger.flush()
    watch.kill()
    watch.clock.now += 2 * HOUR
    watch.synced(version=30)

    (record,) = watch.finished()
    assert (record.state, record.finished) == ("unknown", NOW + 120 + 2 * HOUR)
    logged = watch.ledger.recent_events[-1]
    assert logged.kind == Vanished.kind
    assert logged.detail == {"stop_reason": "", "known_until": NOW + 120}


def test_a_crawl_without_any_timestamp_is_known_until_nothing_is_known() -> None:
    crawl = known(
        metadata={"creationTimestamp": ABSENT},
        status={"lastUpdatedTime": ABSENT, "lastActiveTime": ABSENT},
    )

    assert crawl.vanish(NOW + 5) == [Vanished(NOW + 5, "", 0.0)]

"""Events that pods show themselves: once each, whether pod or status told of them first."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cluster.changes import Change
from exporter.crawls import Crawl
from exporter.history.baseline import Baseline
from exporter.history.comparison import compare, compare_beside_job
from exporter.history.events import CrawlEvent, OomKilled, PodEvicted, PodExited, RestartDue
from exporter.resources.pod import Pod, parse_value
from support.crawl_history import NOW, Watch, crawl_of
from support.factories import CRAWL_ID, UPDATED, UPDATED_EPOCH, crawler_pod, redis_pod
from support.pod_factories import (
    POD_NAME,
    container_status,
    evicted,
    pod,
    pod_wire,
    restarted,
    terminated,
)

REDIS = f"redis-{CRAWL_ID}"
EXITED = PodExited(UPDATED_EPOCH, POD_NAME, "crawler", "interrupt: 11", 11)
KILLED = [
    PodExited(UPDATED_EPOCH, POD_NAME, "crawler", "oom", 137),
    OomKilled(UPDATED_EPOCH, POD_NAME, "crawler"),
]
STATED_KILL = {"exitTime": UPDATED, "exitCode": 137, "reason": "oom"}


class Live:
    """A crawl that is known to be running; its status and its pods change one at a time."""

    def __init__(self, name: str = POD_NAME) -> None:
        self.name = name
        self.info: dict[str, Any] = {}
        self.live: Pod | None = None
        self.baseline = Baseline.of(crawl_of())
        self.now = NOW
        self.status()

    def _crawl(self) -> Crawl:
        make = redis_pod if self.name == REDIS else crawler_pod
        job = crawl_of(pods={self.name: make(**self.info)}).job
        return Crawl(job, {self.name: self.live} if self.live else {})

    def status(self, **info: Any) -> list[CrawlEvent]:
        """A status comes."""
        self.info = info
        events = compare(self.baseline, self._crawl(), self.now).events
        return [event for event in events if hasattr(event, "pod")]

    def pod(self, live: dict[str, Any] | None) -> list[CrawlEvent]:
        """The pod changes, or is deleted."""
        self.live = None if live is None else parse_value(live)
        return compare_beside_job(self.baseline, self._crawl(), self.now).events


def killed() -> dict[str, Any]:
    return restarted(ended=terminated(UPDATED))


def thrown_out(uid: str = "first") -> dict[str, Any]:
    return pod_wire(uid=uid, status=evicted(finished_at=UPDATED))


def test_a_running_pod_emits_nothing() -> None:
    assert Live().pod(pod_wire()) == []


def test_an_oom_kill_that_no_status_tells_of_is_emitted_once() -> None:
    live = Live()
    assert live.pod(killed()) == KILLED
    assert live.pod(killed()) == []
    assert live.status() == []
    assert live.baseline.pods[POD_NAME].oom_killed_at == UPDATED_EPOCH


@pytest.mark.parametrize("status_first", [True, False])
def test_an_exit_that_both_tell_of_is_one(status_first: bool) -> None:
    live = Live()
    tell = [lambda: live.pod(killed()), lambda: live.status(**STATED_KILL)]
    if status_first:
        tell.reverse()
    assert tell[0]() == KILLED
    assert tell[1]() == []
    assert live.status(**STATED_KILL) == []


@pytest.mark.parametrize("status_first", [True, False])
def test_an_exit_of_redis_whose_status_has_no_time_is_one(status_first: bool) -> None:
    live = Live(REDIS)
    tell = [
        lambda: live.pod(restarted(REDIS, ended=terminated(UPDATED))),
        lambda: live.status(exitCode=137, reason="oom"),
    ]
    if status_first:
        tell.reverse()
    assert [type(event) for event in tell[0]()] == [PodExited, OomKilled]
    assert tell[1]() == []
    again = restarted(REDIS, ended=terminated("2025-05-21T12:01:00Z"))
    assert [event.at for event in live.pod(again)] == [UPDATED_EPOCH + 60] * 2
    assert live.status(exitCode=137, reason="oom") == []


@pytest.mark.parametrize("status_first", [True, False])
def test_an_exit_of_redis_whose_node_shuts_down_is_one(status_first: bool) -> None:
    live = Live(REDIS)
    ended = container_status("redis", state=terminated(UPDATED, reason="Error"))
    status = {"phase": "Failed", "reason": "Terminated", "containerStatuses": [ended]}
    tell = [
        lambda: live.pod(pod_wire(REDIS, status=status)),
        lambda: live.status(exitCode=137, reason="oom"),
    ]
    if status_first:
        tell.reverse()
    seen = tell[0]() + tell[1]()
    assert [type(event) for event in seen].count(PodExited) == 1


def test_a_container_that_crashes_again_and_again_exits_once_each_time() -> None:
    live, seen = Live(), []
    for minute in range(12):
        at = f"2025-05-21T12:{minute:02}:00Z"
        seen += live.pod(restarted(ended=terminated(at, 10, "Error")))
        seen += live.status(exitTime=at, exitCode=10, reason="interrupt: 10")
    assert [event.at for event in seen] == [UPDATED_EPOCH + 60 * n for n in range(12)]
    assert live.baseline.pods[POD_NAME].crashed_at == UPDATED_EPOCH + 660


def test_two_ends_that_come_at_once_are_two_exits() -> None:
    status = container_status(
        state=terminated("2025-05-21T12:01:00Z", 0, "Completed"), lastState=terminated(UPDATED)
    )
    events = Live().pod(pod_wire(status={"containerStatuses": [status]}))
    assert [event.at for event in events if isinstance(event, PodExited)] == [
        UPDATED_EPOCH,
        UPDATED_EPOCH + 60,
    ]


def test_an_end_because_its_pod_is_deleted_is_no_exit() -> None:
    deleted = {"deletionTimestamp": "2025-05-21T12:05:00Z", "deletionGracePeriodSeconds": 300}
    status = container_status(state=terminated("2025-05-21T12:00:03Z", 137, "Error"))
    wire = pod_wire(status={"containerStatuses": [status]})
    wire["metadata"] |= deleted
    assert Live().pod(wire) == []


EVICTED = [
    PodEvicted(UPDATED_EPOCH, POD_NAME, "crawler", "memory"),
    PodExited(UPDATED_EPOCH, POD_NAME, "crawler", "evicted", 137),
]


def test_an_eviction_is_emitted_with_what_ran_out_and_is_no_oom_kill() -> None:
    live = Live()
    assert live.pod(thrown_out()) == EVICTED
    assert live.pod(thrown_out()) == []


def test_an_eviction_that_the_status_tells_of_later_is_one() -> None:
    """Also where older statuses come in between, and the pod was replaced meanwhile."""
    live = Live()
    live.pod(thrown_out())
    assert live.status(evicted=False) == []
    assert live.status(evicted=False) == []
    assert live.pod(pod_wire(uid="second")) == []
    live.now += 15
    assert live.status(evicted=True, **STATED_KILL) == [RestartDue(live.now, POD_NAME, "evicted")]
    assert live.status(evicted=True, **STATED_KILL) == []
    assert live.status(evicted=False, **STATED_KILL) == []
    assert live.status(evicted=False, **STATED_KILL) == []


def test_an_eviction_that_the_status_told_of_first_is_one() -> None:
    live = Live()
    events = live.status(evicted=True, **STATED_KILL)
    assert [type(event) for event in events] == [PodEvicted, RestartDue, PodExited]
    assert live.pod(thrown_out()) == []
    assert live.pod(pod_wire(uid="second")) == []


def test_an_eviction_that_the_pod_shows_after_the_status_is_over_it_is_one() -> None:
    """The watch of pods was cut off, and is a minute behind when it goes on."""
    live = Live()
    assert len(live.status(evicted=True, **STATED_KILL)) == 3
    live.status(evicted=False, **STATED_KILL)
    live.status(evicted=False, **STATED_KILL)
    live.now += 60
    assert live.pod(thrown_out()) == []
    assert live.pod(pod_wire(uid="second")) == []
    live.now += 60
    later = pod_wire(uid="second", status=evicted("pids", "2025-05-21T12:01:00Z"))
    assert [type(event) for event in live.pod(later)] == [PodEvicted, PodExited]


def test_an_eviction_on_a_node_whose_clock_is_ahead_is_when_it_was_noticed() -> None:
    ahead = evicted("memory", "2031-01-01T00:00:00Z")
    event, _ = Live().pod(pod_wire(status=ahead))
    assert event == PodEvicted(NOW, POD_NAME, "crawler", "memory")


def test_the_next_pod_that_is_evicted_is_another_eviction() -> None:
    live = Live()
    live.pod(thrown_out())
    live.status(evicted=True)
    live.pod(pod_wire(uid="second"))
    live.now += 60
    later = pod_wire(uid="second", status=evicted("pids", "2025-05-21T12:01:00Z"))
    assert live.pod(later)[0] == PodEvicted(UPDATED_EPOCH + 60, POD_NAME, "crawler", "pids")
    assert live.status(evicted=True) == [RestartDue(live.now, POD_NAME, "evicted")]
    assert live.status(evicted=True) == []


def test_an_eviction_that_no_status_ever_told_of_does_not_hide_the_next() -> None:
    live = Live()
    live.pod(thrown_out())
    live.pod(pod_wire(uid="second"))
    live.now += 3600
    assert [type(event) for event in live.status(evicted=True)] == [PodEvicted, RestartDue]


def test_an_eviction_without_a_terminated_container_is_when_it_was_noticed() -> None:
    live = Live()
    (event,) = live.pod(pod_wire(status=evicted("pids")))
    assert event == PodEvicted(NOW, POD_NAME, "crawler", "pids")


def test_an_eviction_is_not_dated_by_an_exit_of_before_it() -> None:
    """The kubelet has no time for a container that it could not find any more."""
    unknown = terminated(None, reason="ContainerStatusUnknown")
    status = container_status(state=unknown, lastState=terminated(UPDATED, 1, "Error"))
    live = Live()
    live.now += 3600
    events = live.pod(pod_wire(status=evicted() | {"containerStatuses": [status]}))
    assert events == [
        PodEvicted(live.now, POD_NAME, "crawler", "memory"),
        PodExited(UPDATED_EPOCH, POD_NAME, "crawler", "interrupt: 1", 1),
    ]


def test_an_oom_kill_of_before_an_eviction_is_one() -> None:
    status = container_status(
        state=terminated("2025-05-21T12:01:00Z", reason="Error"), lastState=terminated(UPDATED)
    )
    events = Live().pod(pod_wire(status=evicted() | {"containerStatuses": [status]}))
    assert events == [
        PodEvicted(UPDATED_EPOCH + 60, POD_NAME, "crawler", "memory"),
        *KILLED,
        PodExited(UPDATED_EPOCH + 60, POD_NAME, "crawler", "evicted", 137),
    ]


def test_a_container_that_ends_before_its_pod_is_said_to_be_evicted_is_no_oom_kill() -> None:
    live = Live()
    ended = container_status(state=terminated(UPDATED, reason="Error"))
    assert live.pod(pod_wire(uid="first", status={"containerStatuses": [ended]})) == []
    assert live.pod(thrown_out()) == EVICTED
    assert live.baseline.pods[POD_NAME].oom_killed_at is None


@pytest.mark.parametrize("code", [137, 143, 1])
def test_a_pod_that_its_node_shuts_down_neither_wanted_memory_nor_crashed(code: int) -> None:
    live = Live()
    status = {
        "phase": "Failed",
        "reason": "Terminated",
        "message": "Pod was terminated in response to imminent node shutdown.",
        "containerStatuses": [container_status(state=terminated(UPDATED, code, "Error"))],
    }
    exited = PodExited(UPDATED_EPOCH, POD_NAME, "crawler", f"interrupt: {code}", code)
    assert live.pod(pod_wire(status=status)) == [exited]
    assert live.status(exitTime=UPDATED, exitCode=code, reason="oom") == []
    known = live.baseline.pods[POD_NAME]
    assert (known.crashed_at, known.oom_killed_at, known.evicted_at) == (None, None, None)


def test_a_status_that_is_not_written_any_more_tells_of_no_exit_again() -> None:
    """The operator stands still while the container crashes more often than is remembered."""
    live, told = Live(), {"exitTime": UPDATED, "exitCode": 10, "reason": "interrupt: 10"}
    assert len(live.status(**told)) == 1
    for minute in range(1, 20):
        at = f"2025-05-21T12:{minute:02}:00Z"
        assert len(live.pod(restarted(ended=terminated(at, 10, "Error")))) == 1
    assert live.status(**told) == []
    assert live.status(**told) == []


def test_an_evicted_pod_that_stays_is_evicted_once_whatever_statuses_say() -> None:
    live = Live()
    live.baseline.state = ""  # first seen
    stays = pod_wire(uid="first", status=evicted("pids"))
    assert [type(event) for event in live.status(evicted=True)] == [PodEvicted, RestartDue]
    assert live.pod(stays) == []
    for _ in range(3):
        live.now += 3600
        live.status(evicted=False)
        assert live.pod(stays) == []


ORDERS = st.lists(st.sampled_from(["pod", "status"]), min_size=2, max_size=8)


@settings(max_examples=60)
@given(ORDERS, st.integers(1, 6))
def test_each_exit_is_emitted_once_in_whatever_order_it_is_told(
    order: list[str], exits: int
) -> None:
    """Both sides come as far as the number of exits says, one step at a time, in any order."""
    live, seen = Live(), []
    reached = {"pod": 0, "status": 0}
    for side in [*order, *["pod", "status"] * exits]:
        reached[side] = min(reached[side] + 1, exits)
        at = f"2025-05-21T12:{reached[side]:02}:00Z"
        if side == "pod":
            seen += live.pod(restarted(ended=terminated(at, 11, "Error")))
        else:
            seen += live.status(exitTime=at, exitCode=11, reason="interrupt: 11")
    assert sorted(event.at for event in seen) == [
        UPDATED_EPOCH + 60 * n for n in range(1, exits + 1)
    ]


# -- through the recorder, with a ledger on disk


class Recorded(Watch):
    def pods(self, version: int, *live: Pod | None) -> None:
        """The pods change, and the CrawlJob does not."""
        crawl = crawl_of(version)
        before, after = (
            Crawl(crawl.job),
            Crawl(crawl.job, {one.metadata.name: one for one in live if one}),
        )
        self.recorder.on_change(Change(self.scope, before, after))


def oom_kills(watch: Watch) -> float:
    return watch.total("browsertrix_pod_oom_kills_total", "crawler")


def test_what_a_pod_has_shown_is_on_disk_at_once_and_not_counted_again_after_a_kill(
    tmp_path: Path,
) -> None:
    watch = Recorded(tmp_path / "ledger.db")
    watch.change(1000)
    watch.synced()
    watch.pods(1000, parse_value(killed()))
    assert oom_kills(watch) == 1
    watch.kill()
    assert oom_kills(watch) == 1
    watch.change(1000)
    watch.synced()
    watch.pods(1000, parse_value(killed()))
    assert oom_kills(watch) == 1


@pytest.mark.parametrize("status_first", [True, False])
@pytest.mark.parametrize("killed_between", [True, False])
def test_an_eviction_is_counted_once_when_the_exporter_is_killed_between_its_two_sightings(
    tmp_path: Path, status_first: bool, killed_between: bool
) -> None:
    """And when both are listed anew, once the level is over as well."""
    watch = Recorded(tmp_path / "ledger.db")
    watch.change(1000)
    watch.synced()
    stated = {POD_NAME: crawler_pod(evicted=True, **STATED_KILL)}

    def status() -> None:
        watch.change(1001, pods=stated)
        watch.change(1002, pods={POD_NAME: crawler_pod(evicted=False, **STATED_KILL)})
        watch.change(1003, pods={POD_NAME: crawler_pod(evicted=False, **STATED_KILL)})

    def shown() -> None:
        watch.pods(1000, parse_value(thrown_out()))
        watch.pods(1000, parse_value(pod_wire(uid="second")))

    sightings = [status, shown] if status_first else [shown, status]
    for sighting in [*sightings, *sightings]:
        sighting()
        assert watch.total("browsertrix_pod_evictions_total", "crawler") == 1
        if killed_between:
            watch.kill()
            watch.synced()
    assert watch.total("browsertrix_pod_exits_total", "crawler", "evicted") == 1
    assert oom_kills(watch) == 0


def test_pods_of_a_crawljob_that_is_no_newer_than_known_are_compared_all_the_same(
    tmp_path: Path,
) -> None:
    watch = Recorded(tmp_path / "ledger.db")
    watch.change(1000)
    watch.synced()
    crawl = crawl_of(1000)
    watch.recorder.on_change(
        Change(watch.scope, None, Crawl(crawl.job, {POD_NAME: parse_value(killed())}))
    )
    assert oom_kills(watch) == 1
    assert watch.recorder.skipped == 1


def test_pods_of_a_crawl_that_is_not_known_or_deleted_are_left_alone() -> None:
    watch = Recorded()
    watch.synced()
    watch.pods(1000, pod())
    assert watch.ledger.baselines == {}
    watch.change(1000)
    watch.change(1001, deleted=True)
    watch.pods(1001, parse_value(killed()))
    assert oom_kills(watch) == 0

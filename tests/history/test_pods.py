"""What is told of pods: exits by identity, evictions by their rise, restarts by their target."""

from typing import Any

import pytest

from exporter.history.baseline import REMEMBERED
from exporter.history.events import (
    CrawlEvent,
    OomKilled,
    PodEvicted,
    PodExited,
    RestartDue,
    StateEntered,
)
from support.crawl_history import NOW, Told
from support.factories import ABSENT, CRAWL_ID, GIB, UPDATED_EPOCH, crawler_pod, redis_pod

POD = f"crawl-{CRAWL_ID}-0"
REDIS = f"redis-{CRAWL_ID}"
EARLY, LATE = "2025-05-21T12:01:00Z", "2025-05-21T12:02:00Z"
EARLY_EPOCH, LATE_EPOCH = UPDATED_EPOCH + 60, UPDATED_EPOCH + 120


class Pod(Told):
    """One pod of a crawl that is known to be running."""

    def __init__(self, name: str = POD) -> None:
        super().__init__()
        self.name = name
        self.status(pods={})

    def is_told(self, **fields: Any) -> list[CrawlEvent]:
        make = redis_pod if self.name == REDIS else crawler_pod
        return self.status(pods={self.name: make(**fields)})


def interrupted(moment: Any, code: int = 11) -> dict[str, Any]:
    return {"exitTime": moment, "exitCode": code, "reason": f"interrupt: {code}"}


def test_a_running_pod_tells_nothing() -> None:
    assert Pod().is_told() == []


def test_an_exit_is_told_once() -> None:
    pod = Pod()
    exited = interrupted(EARLY)
    assert pod.is_told(**exited) == [PodExited(EARLY_EPOCH, POD, "crawler", "interrupt: 11", 11)]
    assert pod.is_told(**exited) == []


def test_each_exit_time_is_another_exit() -> None:
    pod = Pod()
    pod.is_told(**interrupted(EARLY))
    assert pod.is_told(**interrupted(LATE)) == [
        PodExited(LATE_EPOCH, POD, "crawler", "interrupt: 11", 11)
    ]


def test_a_status_that_steps_back_to_an_earlier_exit_tells_nothing() -> None:
    pod = Pod()
    pod.is_told(**interrupted(EARLY))
    pod.is_told(**interrupted(LATE, 10))
    assert pod.is_told(**interrupted(EARLY)) == []
    assert pod.is_told() == []  # further back: before either
    assert pod.is_told(**interrupted(LATE, 10)) == []


def test_exits_of_a_clock_that_goes_back_are_told() -> None:
    """Two pods of one name can run on nodes whose clocks differ."""
    pod = Pod()
    pod.is_told(**interrupted(LATE))
    assert len(pod.is_told(**interrupted(EARLY))) == 1


def test_an_exit_first_seen_long_after_is_told() -> None:
    told = Told()
    pods = {POD: crawler_pod(**interrupted(EARLY))}
    assert told.status(pods=pods) == [
        StateEntered(NOW, "running", ""),
        PodExited(EARLY_EPOCH, POD, "crawler", "interrupt: 11", 11),
    ]


def test_a_pod_that_crashes_in_a_loop_does_not_fill_the_memory() -> None:
    pod = Pod()
    times = [f"2025-05-21T11:{n:02}:00Z" for n in range(60)]
    assert [len(pod.is_told(**interrupted(time))) for time in times] == [1] * 60
    assert len(pod.baseline.pods[POD].exits) == REMEMBERED
    assert pod.is_told(**interrupted(times[-3])) == []


def test_an_exit_without_a_time_is_told_once_now() -> None:
    pod = Pod(REDIS)
    exited = {"exitCode": 1, "reason": "interrupt: 1"}
    assert pod.is_told(**exited) == [PodExited(NOW, REDIS, "redis", "interrupt: 1", 1)]
    assert pod.is_told(**exited) == []
    assert pod.is_told() == []
    assert pod.is_told(**exited) == []
    assert pod.is_told(exitCode=0, reason="done") == [PodExited(NOW, REDIS, "redis", "done", 0)]


@pytest.mark.parametrize("unreadable", [ABSENT, "at noon", 12, ""])
def test_an_exit_whose_time_becomes_readable_is_the_same_exit(unreadable: Any) -> None:
    pod = Pod()
    assert len(pod.is_told(**interrupted(unreadable))) == 1
    assert pod.is_told(**interrupted(EARLY)) == []
    assert pod.is_told(**interrupted(EARLY)) == []
    assert len(pod.is_told(**interrupted(LATE))) == 1


def test_a_known_exit_whose_time_becomes_unreadable_is_no_other_exit() -> None:
    pod = Pod()
    pod.is_told(**interrupted(EARLY))
    assert pod.is_told(**interrupted("?")) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "oom", "exitCode": 137},
        {"reason": "oom", "exitCode": 1},
        {"reason": ABSENT, "exitCode": 137},
    ],
)
def test_a_pod_killed_for_its_memory_is_an_exit_and_a_kill(fields: dict[str, Any]) -> None:
    events = Pod().is_told(exitTime=EARLY, **fields)
    assert [type(event) for event in events] == [PodExited, OomKilled]
    assert events[1] == OomKilled(EARLY_EPOCH, POD, "crawler")


EVICTED = {"exitTime": EARLY, "exitCode": 137, "reason": "oom", "evicted": True}


def test_an_evicted_pod_is_one_eviction_and_no_kill() -> None:
    pod = Pod()
    assert pod.is_told(**EVICTED) == [
        PodEvicted(NOW, POD, "crawler"),
        RestartDue(NOW, POD, "evicted"),
        PodExited(EARLY_EPOCH, POD, "crawler", "evicted", 137),
    ]
    assert pod.is_told(**EVICTED) == []


def test_the_exit_that_follows_an_eviction_belongs_to_it() -> None:
    pod = Pod()
    assert pod.is_told(evicted=True)[0] == PodEvicted(NOW, POD, "crawler")
    assert pod.is_told(**EVICTED) == [PodExited(EARLY_EPOCH, POD, "crawler", "evicted", 137)]


def test_a_replaced_pod_can_be_evicted_again() -> None:
    pod = Pod()
    pod.is_told(**EVICTED)
    for _ in range(2):
        pod.is_told(**EVICTED | {"evicted": False})
    assert pod.is_told(**EVICTED)[0] == PodEvicted(NOW, POD, "crawler")


def test_one_status_from_before_the_eviction_does_not_end_it() -> None:
    pod = Pod()
    pod.is_told(**EVICTED)
    assert pod.is_told() == []
    assert pod.is_told(**EVICTED) == []


def test_an_absent_flag_does_not_end_an_eviction() -> None:
    pod = Pod()
    pod.is_told(**EVICTED)
    for _ in range(3):
        pod.is_told(**EVICTED | {"evicted": ABSENT})
    assert pod.is_told(**EVICTED) == []


def test_a_kill_after_the_replacement_is_a_kill() -> None:
    pod = Pod()
    pod.is_told(**EVICTED)
    for _ in range(2):
        pod.is_told(**EVICTED | {"evicted": False})
    killed = {"exitTime": LATE, "exitCode": 137, "reason": "oom", "evicted": False}
    assert OomKilled(LATE_EPOCH, POD, "crawler") in pod.is_told(**killed)


def test_a_restart_is_told_once_for_each_target() -> None:
    pod = Pod()
    more = {"newMemory": 3 * GIB}
    assert pod.is_told(**more) == [RestartDue(NOW, POD, "newMemory")]
    assert pod.is_told(**more) == []
    assert pod.is_told() == []
    assert pod.is_told(**more) == []
    assert pod.is_told(newMemory=4 * GIB) == [RestartDue(NOW, POD, "newMemory")]
    assert pod.is_told(newCpu=2.5) == [RestartDue(NOW, POD, "newCpu")]


def test_no_restart_is_due_where_the_target_is_reached_or_the_crawl_over() -> None:
    assert Pod().is_told(newMemory=2 * GIB) == []
    pod = Pod()
    ended = {"state": "complete", "finished": LATE}
    events = pod.status(pods={POD: crawler_pod(newMemory=3 * GIB)}, status=ended)
    assert not any(isinstance(event, RestartDue) for event in events)


def test_an_exit_told_after_the_end_is_still_told() -> None:
    pod = Pod()
    ended = {"state": "complete", "finished": LATE}
    pod.status(pods={POD: crawler_pod()}, status=ended)
    assert pod.status(pods={POD: crawler_pod(**interrupted(LATE))}, status=ended) == [
        PodExited(LATE_EPOCH, POD, "crawler", "interrupt: 11", 11)
    ]

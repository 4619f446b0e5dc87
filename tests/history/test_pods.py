"""Events of pods: exits by identity, evictions by their rise, restarts by their target."""

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
from support.crawl_history import NOW, CrawlHistory
from support.factories import ABSENT, CRAWL_ID, GIB, UPDATED_EPOCH, crawler_pod, redis_pod

POD = f"crawl-{CRAWL_ID}-0"
REDIS = f"redis-{CRAWL_ID}"
EARLY, LATE = "2025-05-21T12:01:00Z", "2025-05-21T12:02:00Z"
EARLY_EPOCH, LATE_EPOCH = UPDATED_EPOCH + 60, UPDATED_EPOCH + 120


class Pod(CrawlHistory):
    """One pod of a crawl that is known to be running."""

    def __init__(self, name: str = POD) -> None:
        super().__init__()
        self.name = name
        self.status(pods={})

    def update(self, **fields: Any) -> list[CrawlEvent]:
        make = redis_pod if self.name == REDIS else crawler_pod
        return self.status(pods={self.name: make(**fields)})


def interrupted(timestamp: Any, code: int = 11) -> dict[str, Any]:
    return {"exitTime": timestamp, "exitCode": code, "reason": f"interrupt: {code}"}


def test_a_running_pod_emits_nothing() -> None:
    assert Pod().update() == []


def test_an_exit_is_emitted_once() -> None:
    pod = Pod()
    exited = interrupted(EARLY)
    assert pod.update(**exited) == [PodExited(EARLY_EPOCH, POD, "crawler", "interrupt: 11", 11)]
    assert pod.update(**exited) == []


def test_each_exit_time_is_another_exit() -> None:
    pod = Pod()
    pod.update(**interrupted(EARLY))
    assert pod.update(**interrupted(LATE)) == [
        PodExited(LATE_EPOCH, POD, "crawler", "interrupt: 11", 11)
    ]


def test_a_status_that_steps_back_to_an_earlier_exit_emits_nothing() -> None:
    pod = Pod()
    pod.update(**interrupted(EARLY))
    pod.update(**interrupted(LATE, 10))
    assert pod.update(**interrupted(EARLY)) == []
    assert pod.update() == []  # further back: before either
    assert pod.update(**interrupted(LATE, 10)) == []


def test_exits_of_a_clock_that_goes_back_are_emitted() -> None:
    """Two pods of one name can run on nodes whose clocks differ."""
    pod = Pod()
    pod.update(**interrupted(LATE))
    assert len(pod.update(**interrupted(EARLY))) == 1


def test_an_exit_first_seen_long_after_is_emitted() -> None:
    crawl = CrawlHistory()
    pods = {POD: crawler_pod(**interrupted(EARLY))}
    assert crawl.status(pods=pods) == [
        StateEntered(NOW, "running", ""),
        PodExited(EARLY_EPOCH, POD, "crawler", "interrupt: 11", 11),
    ]


def test_a_pod_that_crashes_in_a_loop_does_not_grow_the_baseline() -> None:
    pod = Pod()
    times = [f"2025-05-21T11:{n:02}:00Z" for n in range(60)]
    assert [len(pod.update(**interrupted(time))) for time in times] == [1] * 60
    assert len(pod.baseline.pods[POD].exits) == REMEMBERED
    assert pod.update(**interrupted(times[-3])) == []


def test_an_exit_without_a_time_is_emitted_once_as_of_now() -> None:
    pod = Pod(REDIS)
    exited = {"exitCode": 1, "reason": "interrupt: 1"}
    assert pod.update(**exited) == [PodExited(NOW, REDIS, "redis", "interrupt: 1", 1)]
    assert pod.update(**exited) == []
    assert pod.update() == []
    assert pod.update(**exited) == []
    assert pod.update(exitCode=0, reason="done") == [PodExited(NOW, REDIS, "redis", "done", 0)]


@pytest.mark.parametrize("unreadable", [ABSENT, "at noon", 12, ""])
def test_an_exit_whose_time_becomes_readable_is_the_same_exit(unreadable: Any) -> None:
    pod = Pod()
    assert len(pod.update(**interrupted(unreadable))) == 1
    assert pod.update(**interrupted(EARLY)) == []
    assert pod.update(**interrupted(EARLY)) == []
    assert len(pod.update(**interrupted(LATE))) == 1


def test_a_known_exit_whose_time_becomes_unreadable_is_no_other_exit() -> None:
    pod = Pod()
    pod.update(**interrupted(EARLY))
    assert pod.update(**interrupted("?")) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"reason": "oom", "exitCode": 137},
        {"reason": "oom", "exitCode": 1},
        {"reason": ABSENT, "exitCode": 137},
    ],
)
def test_a_pod_killed_for_its_memory_is_an_exit_and_a_kill(fields: dict[str, Any]) -> None:
    events = Pod().update(exitTime=EARLY, **fields)
    assert [type(event) for event in events] == [PodExited, OomKilled]
    assert events[1] == OomKilled(EARLY_EPOCH, POD, "crawler")


EVICTED = {"exitTime": EARLY, "exitCode": 137, "reason": "oom", "evicted": True}


def test_an_evicted_pod_is_one_eviction_and_no_kill() -> None:
    pod = Pod()
    assert pod.update(**EVICTED) == [
        PodEvicted(NOW, POD, "crawler"),
        RestartDue(NOW, POD, "evicted"),
        PodExited(EARLY_EPOCH, POD, "crawler", "evicted", 137),
    ]
    assert pod.update(**EVICTED) == []


def test_the_exit_that_follows_an_eviction_belongs_to_it() -> None:
    pod = Pod()
    assert pod.update(evicted=True)[0] == PodEvicted(NOW, POD, "crawler")
    assert pod.update(**EVICTED) == [PodExited(EARLY_EPOCH, POD, "crawler", "evicted", 137)]


def test_a_replaced_pod_can_be_evicted_again() -> None:
    pod = Pod()
    pod.update(**EVICTED)
    for _ in range(2):
        pod.update(**EVICTED | {"evicted": False})
    assert pod.update(**EVICTED)[0] == PodEvicted(NOW, POD, "crawler")


def test_one_status_from_before_the_eviction_does_not_end_it() -> None:
    pod = Pod()
    pod.update(**EVICTED)
    assert pod.update() == []
    assert pod.update(**EVICTED) == []


def test_an_absent_flag_does_not_end_an_eviction() -> None:
    pod = Pod()
    pod.update(**EVICTED)
    for _ in range(3):
        pod.update(**EVICTED | {"evicted": ABSENT})
    assert pod.update(**EVICTED) == []


def test_a_kill_after_the_replacement_is_a_kill() -> None:
    pod = Pod()
    pod.update(**EVICTED)
    for _ in range(2):
        pod.update(**EVICTED | {"evicted": False})
    killed = {"exitTime": LATE, "exitCode": 137, "reason": "oom", "evicted": False}
    assert OomKilled(LATE_EPOCH, POD, "crawler") in pod.update(**killed)


def test_a_restart_is_emitted_once_for_each_target() -> None:
    pod = Pod()
    more = {"newMemory": 3 * GIB}
    assert pod.update(**more) == [RestartDue(NOW, POD, "newMemory")]
    assert pod.update(**more) == []
    assert pod.update() == []
    assert pod.update(**more) == []
    assert pod.update(newMemory=4 * GIB) == [RestartDue(NOW, POD, "newMemory")]
    assert pod.update(newCpu=2.5) == [RestartDue(NOW, POD, "newCpu")]


def test_no_restart_is_due_where_the_target_is_reached_or_the_crawl_over() -> None:
    assert Pod().update(newMemory=2 * GIB) == []
    pod = Pod()
    ended = {"state": "complete", "finished": LATE}
    events = pod.status(pods={POD: crawler_pod(newMemory=3 * GIB)}, status=ended)
    assert not any(isinstance(event, RestartDue) for event in events)


def test_an_exit_seen_after_the_end_is_still_emitted() -> None:
    pod = Pod()
    ended = {"state": "complete", "finished": LATE}
    pod.status(pods={POD: crawler_pod()}, status=ended)
    assert pod.status(pods={POD: crawler_pod(**interrupted(LATE))}, status=ended) == [
        PodExited(LATE_EPOCH, POD, "crawler", "interrupt: 11", 11)
    ]

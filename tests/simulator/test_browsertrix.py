"""Many scenarios together: seeded, kept at a number, and with stale writes."""

import asyncio
import contextlib
import time
from collections import Counter
from typing import Any

import pytest

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.event_log import WatchEvent
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, PODS
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from exporter.simulator.browsertrix.status_writer import stale_status
from support.api_client import NOW
from support.waiting import until

POPULATION = {"crawls": 12, "speed": 10.0, "pause_limit": 200.0, "sync_every": 120.0}


def _population(stride: float, until: float = 12000, **options: Any) -> tuple[Cluster, Browsertrix]:
    """A population after a while, its time cut into strides."""
    now = NOW
    cluster = Cluster(clock=lambda: now, seed=options.get("seed", 0))
    browsertrix = Browsertrix(cluster, clock=lambda: now, **{**POPULATION, **options})
    while now < NOW + until / 10:
        now += stride
        browsertrix.step()
    return cluster, browsertrix


def _of_crawljobs(cluster: Cluster) -> list[WatchEvent]:
    return [event for event in cluster.recent(10**6) if event.after.resource is CRAWLJOBS]


def test_a_seed_decides_everything_however_time_is_cut() -> None:
    one, first = _population(1)
    other, second = _population(400)
    assert [event.after.data for event in one.recent(10**6)] == [
        event.after.data for event in other.recent(10**6)
    ]
    assert first.ground_truth == second.ground_truth
    third = _population(1, seed=2)[1]
    assert third.ground_truth.finished.keys() != first.ground_truth.finished.keys()


def test_the_number_of_crawls_is_kept_until_no_more_are_wanted() -> None:
    now = NOW
    cluster = Cluster(clock=lambda: now)
    browsertrix = Browsertrix(
        cluster,
        clock=lambda: now,
        crawls=5,
        sync_every=300,
        pause_limit=900,
        namespaces=("a", "b"),
        organisations=2,
    )
    sizes = Counter[int]()
    for _ in range(200):
        now += 60
        browsertrix.step()
        sizes[len(browsertrix.active)] += 1
    assert max(sizes) == 5
    assert sizes[5] > 120
    browsertrix.crawls = 0
    while (due := browsertrix.next_due) is not None:
        now = due
        browsertrix.step()
    assert browsertrix.active == {}
    assert cluster.count() == cluster.count(PODS) == 0
    ended = browsertrix.ground_truth.finished.values()
    assert {end.namespace for end in ended} == {"a", "b"}
    assert len({end.oid for end in ended}) == 2


def test_the_ground_truth_is_what_the_events_show() -> None:
    """A recorder as simple as can be, of a status that never steps back, counts the same."""
    cluster, browsertrix = _population(100)
    states: Counter[tuple[str, str]] = Counter()
    exits: set[tuple[str, str, str]] = set()
    evictions = pauses = resumes = 0
    finished: dict[str, tuple[str, str]] = {}
    for event in _of_crawljobs(cluster):
        value = event.after.value()
        before = event.before.value() if event.before else {"spec": {}}
        uid, status = value["metadata"]["uid"], value.get("status", {})
        was = before.get("status", {})
        state = status.get("state", "starting")
        if event.before is None or was.get("state", "starting") != state:
            states[value["metadata"]["namespace"], state] += 1
        for pod, info in status.get("podStatus", {}).items():
            old = was.get("podStatus", {}).get(pod, {})
            evictions += info["evicted"] and not old.get("evicted", False)
            if "exitTime" in info:
                exits.add((uid, pod, info["exitTime"]))
        pauses += bool(value["spec"]["pausedAt"]) and not before["spec"].get("pausedAt")
        resumes += bool(before["spec"].get("pausedAt")) and not value["spec"]["pausedAt"]
        if "finished" in status:
            finished[uid] = (state, status.get("stopReason", ""))
    ground_truth = browsertrix.ground_truth
    assert ground_truth.states == states
    assert ground_truth.exits.total() == len(exits)
    assert ground_truth.evictions.total() == evictions > 0
    assert ground_truth.pauses.total() == pauses > 0
    assert ground_truth.resumes.total() == resumes > 0
    assert {
        uid: (end.state, end.stop_reason) for uid, end in ground_truth.finished.items()
    } == finished


def test_a_stale_write_changes_the_events_but_not_the_ground_truth() -> None:
    steady, plain = _population(100)
    wavering, stepping = _population(100, stale_writes=True)
    assert len(_of_crawljobs(wavering)) > len(_of_crawljobs(steady))
    assert stepping.ground_truth.finished  # the random numbers differ, so the ground truths may
    falls = reasons_lost = 0
    for event in _of_crawljobs(wavering):
        if event.before is None:
            continue
        was, now = event.before.value().get("status"), event.after.value().get("status")
        if not was or not now:
            continue
        falls += now["crawlExecTime"] < was["crawlExecTime"]
        if "finished" in was:
            assert now["finished"] == was["finished"]
            assert now["state"] == was["state"]
            uid = event.after.value()["metadata"]["uid"]
            end = stepping.ground_truth.finished[uid]
            reasons_lost += now.get("stopReason", "") != end.stop_reason
    assert falls > 10
    assert reasons_lost > 0
    assert plain.ground_truth.pauses.total() > 0


def test_a_stale_status_keeps_state_and_evictions() -> None:
    before = {
        "state": "running",
        "size": 1,
        "podStatus": {"a": {"evicted": False, "exitTime": "t1", "used": 1}},
    }
    now = {
        "state": "complete",
        "finished": "t9",
        "size": 2,
        "stopReason": "size-limit",
        "podStatus": {
            "a": {"evicted": True, "exitTime": "t2", "reason": "oom", "used": 2},
            "b": {"evicted": False, "exitTime": "t3"},
        },
    }
    assert stale_status(before, now) == {
        "state": "complete",
        "finished": "t9",
        "size": 1,
        "podStatus": {
            "a": {"evicted": True, "exitTime": "t1", "used": 2},
            "b": {"evicted": False},
        },
    }
    assert now["stopReason"] == "size-limit"


def test_an_unknown_scenario_is_named_with_those_there_are() -> None:
    browsertrix = Browsertrix(Cluster())
    with pytest.raises(ValueError, match=r"no scenario is called flies; .*completes"):
        browsertrix.start("flies")
    assert browsertrix.next_due is None


def test_common_scenarios_are_commoner() -> None:
    browsertrix = _population(100)[1]
    states = Counter(end.state for end in browsertrix.ground_truth.finished.values())
    assert states["complete"] > sum(states.values()) / 3
    assert len(states) > 4
    assert all(scenario.weight > 0 for scenario in SCENARIOS.values())


async def test_it_runs_in_real_time_and_makes_up_for_what_was_missed() -> None:
    cluster = Cluster()
    browsertrix = Browsertrix(cluster, speed=3000, clock=time.time)
    crawl = browsertrix.start("completes", work=600.0)
    await asyncio.sleep(0)
    running = asyncio.create_task(browsertrix.run())
    await until(lambda: not browsertrix.active)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    finished = browsertrix.ground_truth.finished[crawl.uid].finished
    assert abs(time.time() - finished) < 20

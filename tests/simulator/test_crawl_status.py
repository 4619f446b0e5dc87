"""What scenarios write to a status: figures, pods, pauses, limits."""

from itertools import pairwise

import pytest

from exporter.crawls import Crawl, pods_of
from exporter.resources import crawljob
from support.api_client import NOW
from support.scenario_run import NS, PAUSE_LIMIT, ScenarioRun, changes, default_run


def test_a_complete_crawl_did_all_its_work() -> None:
    run = ScenarioRun("completes", overrides={"pods": 3, "work": 1200.0, "pages": 900})
    last = run.statuses[-1]
    assert last["pagesDone"] == last["pagesFound"] == 900
    assert last["size"] == last["filesAddedSize"] == 900 * run.crawl.traits.page_size
    assert last["sizePending"] == 0
    assert last["filesAdded"] > 1
    assert 1200 <= last["elapsedCrawlTime"] <= 1300
    assert 2.9 < last["crawlExecTime"] / last["elapsedCrawlTime"] <= 3
    times = [status["elapsedCrawlTime"] for status in run.statuses if status]
    steps = [after - before for before, after in pairwise(times) if after != before]
    assert all(60 <= step <= 70 for step in steps[:-3])  # about every minute
    assert run.ground_truth.exits == {(NS, "crawler", "done"): 3}


def test_speed_shortens_a_scenario_but_not_what_was_done() -> None:
    slow = default_run("completes")
    fast = ScenarioRun("completes", speed=100)
    assert (fast.now - NOW) * 100 == pytest.approx(slow.now - NOW)
    for name in ("pagesDone", "size", "crawlExecTime", "elapsedCrawlTime"):
        assert fast.statuses[-1][name] == pytest.approx(slow.statuses[-1][name], abs=5)
    assert slow.ended.finished - NOW > 50 * (fast.ended.finished - NOW)


def test_an_eviction_shows_as_oom_until_the_replacement_is_seen() -> None:
    run = ScenarioRun("is_evicted", overrides={"pods": 2})
    shown = [(info["evicted"], info.get("exitCode"), info.get("reason")) for info in run.pod(1)]
    steps = changes(None, shown)
    assert steps == [
        (False, None, None),
        (True, 137, "oom"),
        (False, 137, "oom"),
        (False, 0, "done"),
    ]
    assert run.ground_truth.evictions == {NS: 1}
    assert run.ground_truth.oom_kills == {}
    assert run.ground_truth.exits == {(NS, "crawler", "evicted"): 1, (NS, "crawler", "done"): 2}
    assert run.ground_truth.restarts == {(NS, "evicted"): 1}


def test_out_of_memory_is_an_exit_and_a_backoff() -> None:
    run = ScenarioRun("runs_out_of_memory", overrides={"pods": 2})
    killed = [info for info in run.pod(0) if info.get("reason") == "oom"]
    assert {info["exitCode"] for info in killed} == {137}
    assert True in {info["backoffWait"] for info in killed if "backoffWait" in info}
    used = [info["used"]["memory"] / info["allocated"]["memory"] for info in run.pod(0)]
    assert max(used) > 1
    assert run.ground_truth.oom_kills == {NS: 1}
    assert run.ground_truth.exits == {
        (NS, "crawler", "oom"): 1,
        (NS, "crawler", "interrupt"): 1,
        (NS, "crawler", "done"): 2,
    }


def test_memory_is_requested_then_allocated() -> None:
    run = default_run("is_resized")
    reasons = {
        pod.restart_reason
        for value in run.values
        for pod in pods_of(Crawl(crawljob.parse_value(value)))
    }
    assert reasons == {None, "newMemory"}
    memory = [info["allocated"]["memory"] for info in run.pod(0)]
    assert len(set(memory)) == 3
    assert memory == sorted(memory)
    assert "signalAtMem" in run.pod(0)[-1]
    assert run.ground_truth.restarts == {(NS, "newMemory"): 2}
    plain = ScenarioRun("is_resized", resize=False)
    assert {info["used"]["memory"] for info in plain.pod(0)} == {0}
    assert plain.ground_truth.restarts == {}


def test_pods_that_are_deleted_stay_in_the_status() -> None:
    run = ScenarioRun("is_scaled", overrides={"pods": 2})
    scales = [status["scale"] for status in run.statuses if status]
    assert changes(-1, scales) == [0, 2, 4, 1]
    wanted = {value["spec"]["browserWindows"] for value in run.values}
    assert wanted == {4, 8, 2}
    running = [value for value in run.values if value.get("status", {}).get("state") == "running"]
    last = crawljob.parse_value(running[-1])
    assert [(pod.index, pod.exists) for pod in pods_of(Crawl(last)) if pod.role == "crawler"] == [
        *((0, True), (1, False), (2, False), (3, False))
    ]


def test_a_pause_is_requested_reached_and_left() -> None:
    run = ScenarioRun("pauses_and_resumes", overrides={"pods": 2})
    assert run.transitions == [None, "pausing", None, "resuming", None]
    paused = next(status for status in run.statuses if status.get("state") == "paused")
    assert (paused["stopping"], paused["stopReason"]) == (True, "paused")
    scales = {status["scale"] for status in run.statuses if status.get("state") == "paused"}
    assert 0 in scales
    assert run.statuses[-1]["stopping"] is False
    assert "stopReason" not in run.statuses[-1]
    assert run.ground_truth.pauses == run.ground_truth.resumes == {NS: 1}
    asked = [value["spec"]["pausedAt"] for value in run.values]
    length = run.ground_truth.paused_seconds[run.crawl.uid]
    assert 300 < length < 3800
    assert len(set(asked)) == 2
    assert asked[-1] == ""


def test_an_expired_pause_took_as_long_as_the_limit() -> None:
    run = default_run("pause_expires")
    last = crawljob.parse_value(run.values[-1])
    assert last.spec.paused_at is not None
    assert run.ended.finished - last.spec.paused_at == pytest.approx(PAUSE_LIMIT + 5, abs=2)
    assert run.ground_truth.paused_seconds[run.crawl.uid] == pytest.approx(PAUSE_LIMIT + 5, abs=2)
    assert run.ground_truth.pauses == {NS: 1}
    assert run.ground_truth.resumes == {}


def test_limits_are_set_and_passed() -> None:
    size = default_run("reaches_size_limit").values[-1]
    assert size["status"]["size"] > size["spec"]["maxCrawlSize"] > 0
    long = default_run("reaches_time_limit").values[-1]
    assert long["status"]["elapsedCrawlTime"] > long["spec"]["timeout"] > 0


def test_read_only_is_a_stop_reason_but_no_state() -> None:
    run = default_run("is_read_only")
    shown = {
        (status["state"], status["stopReason"])
        for status in run.statuses
        if status.get("stopReason") and status["state"] != "running"
    }
    assert shown == {("paused", "paused_org_readonly")}


def test_rate_limiting_is_dated_and_cleared() -> None:
    run = default_run("is_rate_limited")
    shown = [
        (status["state"], status.get("rateLimitedAtTime")) for status in run.statuses if status
    ]
    steps = changes(("", ""), shown)
    assert [state for state, _ in steps[:4]] == ["starting", "running", "rate-limited", "running"]
    assert [bool(limited_at) for _, limited_at in steps[:4]] == [False, False, True, False]
    assert steps[2][1].endswith("Z")
    assert steps[-1] == ("complete", "")

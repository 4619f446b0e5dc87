"""The pods of crawls: as the operator makes them, as scheduler and kubelet write them."""

from typing import Any

import pytest

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import CRAWLJOBS, PODS
from support.api_client import NOW
from support.scenario_run import NS, ScenarioRun, changes, default_run

Value = dict[str, Any]


def container(pod: Value) -> Value:
    """The status of its container; empty as long as there is none."""
    found: list[Value] = pod["status"].get("containerStatuses", [{}])
    return found[0]


def state(pod: Value) -> str:
    """What its container is, and why, or else its phase."""
    for kind, what in container(pod).get("state", {}).items():
        return str(what.get("reason", kind))
    return "bound" if "nodeName" in pod["spec"] else "new"


def states(pods: list[Value]) -> list[str]:
    """The states that were written, those of a pod that is deleted in brackets."""
    return changes(
        "",
        [
            f"({state(pod)})" if "deletionTimestamp" in pod["metadata"] else state(pod)
            for pod in pods
        ],
    )


BEGINNING = ["new", "bound", "ContainerCreating", "running"]


def test_a_pod_begins_runs_and_succeeds() -> None:
    run = ScenarioRun("completes", overrides={"pods": 2})
    pods = run.lives(run.crawl.pod(1))
    assert states(pods) == [*BEGINNING, "Completed", "(Completed)"]
    assert changes("", [pod["status"]["phase"] for pod in pods]) == [
        "Pending",
        "Running",
        "Succeeded",
    ]
    assert len({pod["metadata"]["uid"] for pod in pods}) == 1
    last = run.statuses[-1]["podStatus"][run.crawl.pod(1)]
    ended = container(pods[-1])["state"]["terminated"]
    assert (ended["finishedAt"], ended["exitCode"]) == (last["exitTime"], last["exitCode"])
    assert run.cluster.count(PODS) == 0


def test_a_pod_is_a_child_of_its_crawljob_and_carries_its_labels() -> None:
    run = ScenarioRun("completes", overrides={"pods": 1})
    crawler = run.lives(run.crawl.pod(0))[3]
    redis = run.lives(f"redis-{run.crawl.id}")[3]
    for pod, role in ((crawler, "crawler"), (redis, "redis")):
        labels = pod["metadata"]["labels"]
        assert (labels["crawl"], labels["role"]) == (run.crawl.id, role)
        (owner,) = pod["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == (
            "CrawlJob",
            run.crawl.uid,
            True,
        )
        assert [one["name"] for one in pod["spec"]["containers"]] == [role]
        assert pod["status"]["qosClass"] == "Burstable"
    assert crawler["spec"]["priorityClassName"] == "crawl-pri-0"
    assert crawler["spec"]["restartPolicy"] == "OnFailure"
    allocated = run.pod(0)[0]["allocated"]
    resources = crawler["spec"]["containers"][0]["resources"]
    assert resources["requests"] == {
        "cpu": f"{allocated['cpu'] * 1000:.0f}m",
        "memory": f"{allocated['memory'] >> 20}Mi",
    }
    pods = run.lives(run.crawl.pod(0))
    managers = [
        [entry["manager"] for entry in pod["metadata"]["managedFields"]] for pod in pods[:4]
    ]
    written_by = ["metacontroller", "kube-scheduler", "kubelet"]
    assert managers == [written_by[:1], written_by[:2], written_by, written_by]


def test_conditions_say_since_when_they_are_so() -> None:
    run = default_run("completes")
    pods = run.lives(run.crawl.pod(0))
    running, ended = pods[3], pods[-1]
    before = {one["type"]: one for one in running["status"]["conditions"]}
    after = {one["type"]: one for one in ended["status"]["conditions"]}
    assert {name: one["status"] for name, one in before.items()} == dict.fromkeys(before, "True")
    assert after["PodScheduled"] == before["PodScheduled"]
    assert (after["Ready"]["status"], after["Ready"]["reason"]) == ("False", "PodCompleted")
    assert after["Ready"]["lastTransitionTime"] > before["Ready"]["lastTransitionTime"]


def test_a_container_that_was_killed_is_restarted_in_the_same_pod() -> None:
    run = ScenarioRun("runs_out_of_memory", overrides={"pods": 1})
    pods = run.lives(run.crawl.pod(0))
    assert states(pods) == [
        *BEGINNING,
        *("OOMKilled", "CrashLoopBackOff", "running", "Error", "running"),
        *("Completed", "(Completed)"),
    ]
    assert len({pod["metadata"]["uid"] for pod in pods}) == 1
    restarted = container(pods[6])
    assert restarted["restartCount"] == 1
    killed = restarted["lastState"]["terminated"]
    assert (killed["reason"], killed["exitCode"]) == ("OOMKilled", 137)
    told = {info["exitTime"] for info in run.pod(0) if info.get("reason") == "oom"}
    assert told == {killed["finishedAt"]}


def test_an_evicted_pod_has_failed_and_is_replaced_by_another() -> None:
    run = ScenarioRun("is_evicted", overrides={"pods": 1})
    pods = run.lives(run.crawl.pod(0))
    assert states(pods) == [
        *(*BEGINNING, "Error", "(Error)"),
        *(*BEGINNING, "Completed", "(Completed)"),
    ]
    evicted = pods[4]["status"]
    assert (evicted["phase"], evicted["reason"]) == ("Failed", "Evicted")
    assert evicted["message"].startswith("The node was low on resource: memory.")
    ended = container(pods[4])["state"]["terminated"]
    assert ended["exitCode"] == 137
    told = {info["exitTime"] for info in run.pod(0) if info.get("reason") == "oom"}
    assert told == {ended["finishedAt"]}
    assert len({pod["metadata"]["uid"] for pod in pods}) == 2


def test_a_pod_with_more_memory_is_another_one() -> None:
    run = ScenarioRun("is_resized", overrides={"pods": 1})
    pods = run.lives(run.crawl.pod(0))
    requests = [
        pod["spec"]["containers"][0]["resources"]["requests"]["memory"]
        for pod in pods
        if state(pod) == "running"
    ]
    assert len(set(requests)) == len({pod["metadata"]["uid"] for pod in pods}) == 3
    assert "(Error)" in states(pods)  # told to end, which reaches no status
    assert run.ground_truth.exits == {(NS, "crawler", "done"): 1}


@pytest.mark.parametrize("scenario", ["is_canceled", "loses_its_organisation"])
def test_exits_during_a_deletion_reach_no_status(scenario: str) -> None:
    run = default_run(scenario)
    pods = run.lives(run.crawl.pod(0))
    assert states(pods)[:5] == [*BEGINNING, "(running)"]
    assert run.cluster.count(PODS) == 0
    assert run.ground_truth.exits == {}
    if scenario == "is_canceled":
        assert states(pods)[5:] == ["(Error)"]
        graces = [pod["metadata"].get("deletionGracePeriodSeconds") for pod in pods]
        assert changes("", graces) == [None, 1000, 0]


def test_paused_crawls_have_no_pods_and_get_new_ones() -> None:
    run = ScenarioRun("pauses_and_resumes", overrides={"pods": 1})
    for name in (run.crawl.pod(0), f"redis-{run.crawl.id}"):
        assert len({pod["metadata"]["uid"] for pod in run.lives(name)}) == 2


def test_a_scale_down_deletes_pods() -> None:
    run = ScenarioRun("is_scaled", overrides={"pods": 1})
    assert states(run.lives(run.crawl.pod(2))) == [*BEGINNING, "Completed", "(Completed)"]
    gone = [one.after for one in run.written if one.type == "DELETED"]
    names = [one.key[1] for one in gone if one.resource is PODS]
    assert sorted(names[:2]) == [run.crawl.pod(1), run.crawl.pod(2)]


def test_what_a_cluster_does_not_serve_is_not_made() -> None:
    now = NOW
    cluster = Cluster(clock=lambda: now, resources=(CRAWLJOBS,))
    browsertrix = Browsertrix(cluster, clock=lambda: now)
    browsertrix.start("runs_out_of_memory")
    while browsertrix.active:
        assert browsertrix.next_due is not None
        now = browsertrix.next_due
        browsertrix.step()
    assert browsertrix.ground_truth.oom_kills == {NS: 1}
    assert {event.after.resource for event in cluster.recent(10**6)} == {CRAWLJOBS}

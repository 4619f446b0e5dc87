"""What befalls pods, claims and indexes, and how much of it a status ever tells."""

from typing import Any

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import CLAIMS, COLLINDEXES, CRAWLJOBS, PODS
from exporter.simulator.browsertrix.pod import Obstacle
from support.api_client import NOW
from support.scenario_run import NS, ScenarioRun, changes

Value = dict[str, Any]


def container(pod: Value) -> Value:
    """The status of its container; empty as long as there is none."""
    found: list[Value] = pod["status"].get("containerStatuses", [{}])
    return found[0]


def scheduled(pod: Value) -> Value:
    """Its condition of that name; empty as long as the scheduler has not looked at it."""
    conditions = pod["status"].get("conditions", [])
    return next((one for one in conditions if one["type"] == "PodScheduled"), {})


def test_pods_wait_for_a_node_as_the_scheduler_says() -> None:
    run = ScenarioRun("waits_for_capacity", overrides={"pods": 1})
    pods = run.lives(run.crawl.pod(0))
    waiting = [pod for pod in pods if scheduled(pod).get("status") == "False"]
    assert {scheduled(pod)["reason"] for pod in waiting} == {"Unschedulable"}
    message = scheduled(waiting[0])["message"]
    assert message.startswith("0/3 nodes are available: ")
    assert "untolerated taint {node-role.kubernetes.io/control-plane: }" in message
    assert "preemption: " in message
    assert len({pod["metadata"]["uid"] for pod in waiting}) == 2  # at first, and again later
    bound = next(pod for pod in pods if "nodeName" in pod["spec"])
    assert scheduled(bound)["lastTransitionTime"] > scheduled(waiting[0])["lastTransitionTime"]
    state = [status.get("state") for status in run.statuses]
    assert "waiting_capacity" in state


def test_an_image_that_cannot_be_pulled_is_tried_again_until_it_can() -> None:
    run = ScenarioRun("pulls_in_vain", overrides={"pods": 1})
    reasons = changes(
        "",
        [
            container(pod)["state"].get("waiting", {}).get("reason", "-")
            for pod in run.lives(run.crawl.pod(0))
            if container(pod)
        ],
    )
    assert reasons[:4] == [
        "ContainerCreating",
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImagePull",
    ]
    assert reasons[-2:] == ["ImagePullBackOff", "-"]
    assert container(run.lives(run.crawl.pod(0))[-1])["restartCount"] == 0
    assert run.ground_truth.pods_only.exits == {}


def test_a_pod_waits_for_its_claim_to_be_bound() -> None:
    run = ScenarioRun("waits_for_a_volume", overrides={"pods": 1})
    name = run.crawl.pod(0)
    waiting = [pod for pod in run.lives(name) if scheduled(pod).get("status") == "False"]
    assert "unbound immediate PersistentVolumeClaims" in scheduled(waiting[0])["message"]
    claims = [one for one in run.written if one.after.resource is CLAIMS]
    bound = next(
        one.version
        for one in claims
        if one.after.key[1] == name and one.after.value()["status"]["phase"] == "Bound"
    )
    assert bound > int(waiting[-1]["metadata"]["resourceVersion"])


def test_kills_between_two_syncs_reach_no_status_and_are_counted_apart() -> None:
    run = ScenarioRun("is_killed_unseen", overrides={"pods": 1})
    pods = run.lives(run.crawl.pod(0))
    assert {info.get("reason") for info in run.pod(0)} == {None, "done"}
    ends = {
        container(pod)["lastState"]["terminated"]["finishedAt"]: container(pod)["lastState"][
            "terminated"
        ]["reason"]
        for pod in pods
        if container(pod) and container(pod)["lastState"]
    }
    assert sorted(ends.values()) == ["Error", "OOMKilled", "OOMKilled"]
    assert container(pods[-1])["restartCount"] == 3
    redis = run.lives(f"redis-{run.crawl.id}")
    assert container(redis[-1])["lastState"]["terminated"]["reason"] == "OOMKilled"
    ground_truth = run.ground_truth
    assert ground_truth.exits == {(NS, "crawler", "done"): 1}
    assert ground_truth.oom_kills == {}
    assert ground_truth.pods_only.oom_kills == {(NS, "crawler"): 2, (NS, "redis"): 1}
    assert ground_truth.pods_only.exits == {
        (NS, "crawler", "oom"): 2,
        (NS, "crawler", "interrupt"): 1,
        (NS, "redis", "oom"): 1,
    }


def test_an_eviction_is_seen_at_the_pod_before_the_status_says_so() -> None:
    run = ScenarioRun("is_evicted", overrides={"pods": 1})
    name = run.crawl.pod(0)
    failed = next(pod for pod in run.lives(name) if pod["status"]["phase"] == "Failed")
    told = next(
        value
        for value in run.values
        if value.get("status", {}).get("podStatus", {}).get(name, {}).get("evicted")
    )
    assert int(failed["metadata"]["resourceVersion"]) < int(told["metadata"]["resourceVersion"])
    ended = container(failed)["state"]["terminated"]["finishedAt"]
    assert told["status"]["podStatus"][name]["exitTime"] == ended
    assert run.ground_truth.evictions == {NS: 1}
    assert run.ground_truth.pods_only.evictions == {}


def test_an_eviction_that_no_status_tells_is_counted_apart() -> None:
    run = ScenarioRun("is_evicted_and_canceled", overrides={"pods": 2})
    assert run.ground_truth.evictions == run.ground_truth.exits == {}
    assert run.ground_truth.pods_only.evictions == {(NS, "crawler"): 1}
    assert run.ground_truth.pods_only.exits == {(NS, "crawler", "evicted"): 1}
    reasons = {pod["status"].get("reason") for pod in run.lives(run.crawl.pod(0))}
    assert reasons == {None, "Evicted"}


def test_a_volume_fills_up_and_is_made_larger() -> None:
    run = ScenarioRun("fills_its_volume")
    name = run.crawl.pod(0)
    used = [info["used"]["storage"] / info["allocated"]["storage"] for info in run.pod(0)]
    assert 0.8 < max(used) < 0.9
    claims = [
        one.after.value()
        for one in run.written
        if one.after.resource is CLAIMS and one.after.key[1] == name
    ]
    shown = changes(
        None,
        [
            (
                value["spec"]["resources"]["requests"]["storage"],
                value["status"].get("capacity", {}).get("storage"),
                [one["type"] for one in value["status"].get("conditions", [])],
            )
            for value in claims
        ],
    )
    asked = next(info["newStorage"] for info in run.pod(0) if "newStorage" in info)
    assert shown == [
        ("22Gi", None, []),
        ("22Gi", "22Gi", []),
        (asked, "22Gi", []),
        (asked, "22Gi", ["FileSystemResizePending"]),
        (asked, asked, []),
    ]


def test_a_full_volume_ends_a_crawl() -> None:
    run = ScenarioRun("runs_out_of_space")
    assert run.ground_truth.exits == {(NS, "crawler", "interrupt"): 1}
    assert {info.get("exitCode") for info in run.pod(0)} == {None, 3}


def test_an_index_that_is_purged_for_hours_keeps_its_crawl_waiting() -> None:
    run = ScenarioRun("waits_for_a_purge", overrides={"pods": 1})
    states = [
        one.after.value().get("status", {}).get("state")
        for one in run.written
        if one.after.resource is COLLINDEXES
    ]
    assert changes("", states)[2:4] == ["purging", "crawling"]
    assert run.now - NOW > 9000


def test_a_frozen_operator_writes_no_status_while_pods_go_on() -> None:
    run = ScenarioRun("outlives_the_operator", overrides={"pods": 2})
    names = [run.crawl.pod(0), run.crawl.pod(1)]
    lives = {name: run.lives(name) for name in names}
    killed = next(pod for pod in lives[names[0]] if container(pod).get("restartCount") == 1)
    evicted = next(pod for pod in lives[names[1]] if pod["status"]["phase"] == "Failed")
    first, last = (int(pod["metadata"]["resourceVersion"]) for pod in (killed, evicted))
    between = [one for one in run.written if first < one.version < last]
    assert between == []  # more than two minutes
    assert run.ground_truth.pods_only.oom_kills == {(NS, "crawler"): 1}
    assert run.ground_truth.evictions == {NS: 1}
    told = [info["exitTime"] for info in run.pod(1) if info.get("evicted")]
    assert set(told) == {container(evicted)["state"]["terminated"]["finishedAt"]}


def test_a_frozen_operator_starts_nothing() -> None:
    now = NOW
    cluster = Cluster(clock=lambda: now)
    browsertrix = Browsertrix(cluster, clock=lambda: now)
    browsertrix.start("completes")
    browsertrix.operator.freeze(300)
    now += 299
    browsertrix.step()
    assert [event.after.resource for event in cluster.recent(100)] == [CRAWLJOBS]
    assert browsertrix.operator.is_frozen
    now += 100
    browsertrix.step()
    assert cluster.count(PODS) > 0


def test_obstacles_can_be_put_in_the_way_of_any_crawl() -> None:
    now = NOW
    cluster = Cluster(clock=lambda: now)
    browsertrix = Browsertrix(cluster, clock=lambda: now)
    crawl = browsertrix.start("waits_for_org_limit", pods=1)
    browsertrix.step()
    crawl.order_pods(Obstacle(unschedulable="0/1 nodes are available: 1 Too many pods."))
    now += 3
    browsertrix.step()
    pod = cluster.get(NS, crawl.pod(0), PODS)
    assert scheduled(pod)["message"] == "0/1 nodes are available: 1 Too many pods."
    crawl.surroundings.overcome()
    now += 10
    browsertrix.step()
    assert cluster.get(NS, crawl.pod(0), PODS)["status"]["phase"] == "Running"

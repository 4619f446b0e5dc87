"""The claims of crawls' pods: asked for, bound, kept by a pause, gone at the end."""

from typing import Any

from exporter.simulator.apiserver.served_resource import CLAIMS
from support.scenario_run import ScenarioRun, changes


def claims(run: ScenarioRun, name: str) -> list[tuple[str, dict[str, Any]]]:
    """What was written of the claims of this name, with the type of the event."""
    return [
        (event.type, event.after.value())
        for event in run.written
        if event.after.resource is CLAIMS and event.after.key[1] == name
    ]


def test_a_claim_is_bound_and_gone_after_its_pod() -> None:
    run = ScenarioRun("completes", overrides={"pods": 1})
    name = run.crawl.pod(0)
    written = claims(run, name)
    assert [value["status"]["phase"] for _, value in written[:2]] == ["Pending", "Bound"]
    bound = written[1][1]
    allocated = run.pod(0)[0]["allocated"]["storage"]
    assert bound["spec"]["resources"]["requests"]["storage"] == f"{allocated >> 30}Gi"
    assert bound["status"]["capacity"] == bound["spec"]["resources"]["requests"]
    assert bound["spec"]["volumeName"] == f"pvc-{bound['metadata']['uid']}"
    assert bound["spec"]["storageClassName"]
    pod = run.lives(name)[0]["metadata"]
    for field in ("labels", "ownerReferences"):
        assert bound["metadata"][field] == pod[field]
    assert written[-1][0] == "DELETED"
    assert "deletionTimestamp" in written[-1][1]["metadata"]
    deleted = [one.after.key[1] for one in run.written if one.type == "DELETED"]
    assert [one for one in deleted if one == name] == [name, name]  # the pod, then the claim
    assert run.cluster.count(CLAIMS) == 0


def test_redis_has_a_claim_of_its_own() -> None:
    run = ScenarioRun("completes", overrides={"pods": 1})
    written = claims(run, f"redis-{run.crawl.id}")
    assert written[1][1]["status"]["capacity"] == {"storage": "3Gi"}
    assert written[1][1]["metadata"]["labels"]["role"] == "redis"


def test_a_pause_and_an_eviction_keep_the_claim() -> None:
    for scenario in ("pauses_and_resumes", "is_evicted"):
        run = ScenarioRun(scenario, overrides={"pods": 1})
        name = run.crawl.pod(0)
        assert len({value["metadata"]["uid"] for _, value in claims(run, name)}) == 1
        assert len({value["metadata"]["uid"] for value in run.lives(name)}) == 2


def test_a_scale_down_deletes_the_claims_of_its_pods() -> None:
    run = ScenarioRun("is_scaled", overrides={"pods": 1})
    gone = [
        one.after.key[1]
        for one in run.written
        if one.type == "DELETED" and one.after.resource is CLAIMS
    ]
    assert sorted(gone[:2]) == [run.crawl.pod(1), run.crawl.pod(2)]
    assert changes(
        "", [value["status"]["phase"] for _, value in claims(run, run.crawl.pod(1))]
    ) == [
        "Pending",
        "Bound",
    ]

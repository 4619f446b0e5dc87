"""CollIndexes: made for the first crawl that needs one, and gone when none has for a while."""

from typing import Any

from exporter.simulator.apiserver.served_resource import CLAIMS, COLLINDEXES, CRAWLJOBS, PODS
from support.scenario_run import ScenarioRun, changes


def indexes(run: ScenarioRun) -> list[dict[str, Any]]:
    """What was written of them."""
    return [one.after.value() for one in run.written if one.after.resource is COLLINDEXES]


def finished_run() -> ScenarioRun:
    """With its index gone as well."""
    run = ScenarioRun("waits_for_dedupe_index", overrides={"pods": 1})
    while run.browsertrix.next_due is not None:
        run.now = run.browsertrix.next_due
        run.browsertrix.step()
    run.written = run.cluster.since(1, 10_000)
    return run


def test_an_index_is_imported_used_saved_and_deleted() -> None:
    run = finished_run()
    written = indexes(run)
    assert changes("", [value.get("status", {}).get("state", "-") for value in written]) == [
        *("-", "initing", "importing", "crawling", "ready", "saving", "saved", "idle")
    ]
    assert run.cluster.count(COLLINDEXES) == run.cluster.count(PODS) == 0
    assert run.cluster.count(CLAIMS) == 0
    first = written[0]["metadata"]
    collection = run.crawl.traits.dedupe_collection
    assert first["name"] == f"collindex-{collection}"
    assert first["labels"] == {
        "role": "collindex",
        "oid": run.crawl.traits.oid,
        "coll": collection,
    }


def test_a_crawl_waits_as_long_as_its_index_is_imported() -> None:
    run = finished_run()
    versions = {
        state: [
            one.version
            for one in run.written
            if one.after.resource is resource
            and one.after.value().get("status", {}).get("state") == state
        ]
        for resource, state in (
            (COLLINDEXES, "importing"),
            (COLLINDEXES, "crawling"),
            (CRAWLJOBS, "waiting_dedupe_index"),
            (CRAWLJOBS, "running"),
        )
    }
    assert versions["waiting_dedupe_index"][-1] < versions["crawling"][0]
    assert versions["importing"][-1] < versions["crawling"][0] < versions["running"][0]


def test_an_index_says_what_it_holds() -> None:
    status = indexes(finished_run())[3]["status"]
    assert status["storageCapacity"] == "5Gi"
    assert status["storageUsed"] in {"1Gi", "2Gi"}


def test_the_redis_of_an_index_is_labelled_by_collection() -> None:
    run = finished_run()
    collection = run.crawl.traits.dedupe_collection
    pods = run.lives(f"redis-coll-{collection}")
    assert pods[0]["metadata"]["labels"] == {"coll": collection, "role": "redis"}
    assert pods[0]["metadata"]["ownerReferences"][0]["kind"] == "CollIndex"
    claimed = pods[0]["spec"]["volumes"][1]["persistentVolumeClaim"]
    assert claimed == {"claimName": f"redis-coll-{collection}"}

"""The ready-made CrawlJobs of the benchmark."""

import json
import re
from collections import Counter
from typing import Any

from exporter.crawls import Crawl, pods_of
from exporter.resources import crawljob
from exporter.resources.crawljob import derived
from exporter.resources.identity import crawl_id
from exporter.simulator import Cluster
from exporter.simulator.apiserver.served_resource import (
    CLAIMS,
    COLLINDEXES,
    CRAWLJOBS,
    POD_METRICS,
    PODS,
    ServedResource,
)
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from support.api_client import NOW


def test_a_fleet_is_sound_and_about_as_large_as_real_ones() -> None:
    jobs = [crawljob.parse_value(value) for value in fleet(600, now=NOW)]
    assert all(job.problems == () and not list(derived.unknown_values(job)) for job in jobs)
    assert len({crawl_id(job) for job in jobs}) == 600
    for job in jobs:
        roles = Counter(pod.role for pod in pods_of(Crawl(job)))
        assert roles == {"crawler": 3, "redis": 1}
        assert job.metadata.creation_timestamp is not None
        assert NOW - 86_400 <= job.metadata.creation_timestamp < NOW
    states = Counter(derived.state(job) for job in jobs)
    assert states == {"running": 570, "paused": 30}
    assert Counter(derived.transition(job) for job in jobs)["stopping"] >= 15
    sizes = [len(json.dumps(value, separators=(",", ":"))) for value in fleet(50)]
    assert min(sizes) > 2400
    assert max(sizes) < 3600


def test_a_fleet_is_repeated_by_its_seed() -> None:
    assert list(fleet(20, 5, now=NOW)) == list(fleet(20, 5, now=NOW))
    assert list(fleet(20, 5, now=NOW)) != list(fleet(20, 6, now=NOW))


def test_a_cluster_takes_a_fleet_with_its_statuses() -> None:
    cluster = Cluster()
    for value in fleet(10, namespace="elsewhere"):
        cluster.create(value)
    assert cluster.count() == 10
    assert all(value["status"]["podStatus"] for value in cluster.objects())
    assert all(value["metadata"]["namespace"] == "elsewhere" for value in cluster.objects())


def test_a_fleet_has_its_pods_claims_and_usage() -> None:
    cluster = Cluster(clock=lambda: NOW)
    pods = FleetPods(cluster)
    pods.add(fleet(60, now=NOW))
    pods.add_bystanders(2)
    paused = 3
    assert cluster.count(PODS) == (60 - paused) * 4 + 2
    assert cluster.count(CLAIMS) == 60 * 4  # those of paused crawls stay
    assert len(cluster.snapshot(POD_METRICS).objects) == cluster.count(PODS)
    uids: set[str] = set()
    for value in (*cluster.objects(PODS), *cluster.objects(CLAIMS)):
        metadata = value["metadata"]
        assert not re.search("@(crawl|owner|uid|version)@", json.dumps(value))
        assert cluster.get("crawlers", metadata["name"], _resource(value)) == value
        uids.add(metadata["uid"])
    assert len(uids) == cluster.count(PODS) + cluster.count(CLAIMS)
    job = next(cluster.objects())
    name = f"crawl-{job['spec']['id']}-0"
    pod = cluster.get("crawlers", name, PODS)
    assert pod["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert pod["metadata"]["creationTimestamp"] > job["metadata"]["creationTimestamp"]
    assert pod["status"]["phase"] == "Running"
    assert cluster.get("crawlers", name, CLAIMS)["status"]["phase"] == "Bound"


def test_exits_in_the_status_of_a_fleet_are_last_states_of_its_pods() -> None:
    cluster = Cluster(clock=lambda: NOW)
    FleetPods(cluster).add(fleet(40, now=NOW))
    pods = {value["metadata"]["name"]: value for value in cluster.objects(PODS)}
    told = 0
    for job in cluster.objects():
        for name, info in job["status"]["podStatus"].items():
            if name not in pods:
                continue
            (container,) = pods[name]["status"]["containerStatuses"]
            ended = container["lastState"].get("terminated", {})
            assert ended.get("finishedAt") == info.get("exitTime")
            assert ended.get("exitCode") == info.get("exitCode")
            assert container["restartCount"] == ("exitTime" in info)
            told += "exitTime" in info
    assert told > 10


def test_a_fleet_can_have_indexes() -> None:
    cluster = Cluster(clock=lambda: NOW)
    FleetPods(cluster).add_indexes(3)
    statuses = [value["status"] for value in cluster.objects(COLLINDEXES)]
    assert [status["state"] for status in statuses] == ["ready"] * 3
    assert {status["storageCapacity"] for status in statuses} == {"5Gi"}


def test_pods_of_a_fleet_can_change() -> None:
    cluster = Cluster(clock=lambda: NOW)
    FleetPods(cluster).add(fleet(1, now=NOW))
    name = next(cluster.objects(PODS))["metadata"]["name"]
    failed = {"status": {"phase": "Failed"}}
    cluster.patch("crawlers", name, failed, status=True, resource=PODS)
    changed = cluster.get("crawlers", name, PODS)
    assert changed["status"]["phase"] == "Failed"
    assert changed["metadata"]["resourceVersion"] == str(cluster.resource_version)


def test_a_fleet_has_only_what_its_cluster_serves() -> None:
    cluster = Cluster(clock=lambda: NOW, resources=(CRAWLJOBS, POD_METRICS))
    pods = FleetPods(cluster)
    pods.add(fleet(2, now=NOW))
    pods.add_bystanders(1)
    pods.add_indexes(1)
    assert {event.after.resource for event in cluster.recent(100)} == {CRAWLJOBS}
    assert len(cluster.snapshot(POD_METRICS).objects) == 8


def _resource(value: dict[str, Any]) -> ServedResource:
    return PODS if value["kind"] == "Pod" else CLAIMS

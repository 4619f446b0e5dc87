"""The ready-made CrawlJobs of the benchmark."""

import json
from collections import Counter

from exporter.crawls import Crawl, pods_of
from exporter.resources import crawljob
from exporter.resources.crawljob import derived
from exporter.resources.identity import crawl_id
from exporter.simulator import Cluster
from exporter.simulator.browsertrix.fleet import fleet
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

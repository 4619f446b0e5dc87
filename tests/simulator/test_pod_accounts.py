"""The ground truth with pods is what a recorder of pods, as simple as can be, counts as well."""

from collections import Counter
from typing import Any

import pytest

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.browsertrix.ground_truth import GroundTruth
from support.api_client import NOW

Exits = Counter[tuple[str, str, str]]


def recorded(cluster: Cluster) -> Exits:
    """Ends of containers by namespace, role and reason, each once; none of pods being deleted."""
    found: Exits = Counter()
    seen: set[tuple[str, str]] = set()
    for event in cluster.recent(10**6, PODS):
        pod = event.after.value()
        metadata, labels = pod["metadata"], pod["metadata"]["labels"]
        for container in pod["status"].get("containerStatuses", ()):
            for ended in (container["state"], container["lastState"]):
                if "terminated" not in ended:
                    continue
                key = (metadata["uid"], ended["terminated"]["finishedAt"])
                if key in seen:
                    continue
                seen.add(key)
                if "crawl" in labels and "deletionTimestamp" not in metadata:
                    reason = _reason(pod["status"], ended["terminated"])
                    found[metadata["namespace"], labels["role"], reason] += 1
    return found


def _reason(status: dict[str, Any], ended: dict[str, Any]) -> str:
    if status.get("reason") == "Evicted":
        return "evicted"
    if ended["reason"] == "OOMKilled":
        return "oom"
    return "interrupt" if ended["exitCode"] else "done"


def expected(ground_truth: GroundTruth) -> Exits:
    return ground_truth.exits + ground_truth.pods_only.exits


@pytest.mark.parametrize("seed", range(2))
def test_pods_show_every_exit_that_is_counted_and_no_other(seed: int) -> None:
    now = NOW
    cluster = Cluster(clock=lambda: now, seed=seed, history=10**6)
    browsertrix = Browsertrix(
        cluster,
        seed=seed,
        clock=lambda: now,
        crawls=10,
        speed=10.0,
        pause_limit=200.0,
        sync_every=120.0,
        troubles=0.5,
    )
    while browsertrix.next_due is None or len(browsertrix.ground_truth.finished) < 60:
        now = browsertrix.next_due or now + 1
        browsertrix.step()
    browsertrix.crawls = 0
    while browsertrix.next_due is not None:
        now = browsertrix.next_due
        browsertrix.step()
    ground_truth = browsertrix.ground_truth
    assert recorded(cluster) == expected(ground_truth)
    assert ground_truth.pods_only.oom_kills.total() > 0
    assert sum(cluster.count(resource) for resource in cluster.resources) == 0

"""Every family of what Kubernetes says of a pod: its sample, and when it has none."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.crawls import Crawl, pods_of
from exporter.metrics.catalog import PodFamily
from exporter.metrics.catalog.family import Reads
from exporter.metrics.catalog.live_pod import LIVE_POD_FAMILIES
from exporter.resources.crawljob import parse_value
from support.catalog_samples import FAMILIES, POD, samples_of_live_pod, samples_of_pod
from support.claim_factories import claim
from support.factories import CREATED, GIB, UPDATED, UPDATED_EPOCH, crawler_pod, crawljob
from support.pod_factories import (
    container_status,
    evicted,
    pod,
    restarted,
    terminated,
    unschedulable,
)

CREATED_EPOCH = UPDATED_EPOCH - 960
BACK_OFF = container_status(state={"waiting": {"reason": "ImagePullBackOff"}})
NO_NODE = unschedulable("0/3 nodes are available: 3 Insufficient memory.")

OF_A_LIVE_POD: dict[str, tuple[dict[str, Any], Any]] = {
    "phase": ({}, (1.0, {"phase": "Running"})),
    "waiting": (
        {"status": {"phase": "Pending", "containerStatuses": [BACK_OFF]}},
        (1.0, {"reason": "ImagePullBackOff"}),
    ),
    "unschedulable_since_timestamp_seconds": (
        {"status": NO_NODE},
        (CREATED_EPOCH, {"reason": "memory"}),
    ),
    "container_restarts": ({}, 0.0),
    "evicted_for": ({"status": evicted("ephemeral-storage")}, (1.0, {"resource": "storage"})),
    "memory_request_bytes": ({}, GIB),
    "memory_limit_bytes": ({}, 1229 * 1024**2),
    "cpu_request_cores": ({}, 0.9),
    "cpu_limit_cores": (
        {"spec": {"containers": [{"resources": {"limits": {"cpu": "2"}}}]}},
        2.0,
    ),
    "placement_info": (
        {},
        (1.0, {"node": "node-1", "priority_class": "crawl-pri-0", "qos_class": "Burstable"}),
    ),
    "created_timestamp_seconds": ({}, CREATED_EPOCH),
    "scheduled_timestamp_seconds": ({}, CREATED_EPOCH + 5),
    "start_timestamp_seconds": ({}, CREATED_EPOCH + 5),
    "scheduling_seconds": ({}, 5.0),
    "starting_seconds": ({}, 30.0),
}


@pytest.mark.parametrize("name", OF_A_LIVE_POD)
def test_a_pod_that_shows_it_has_the_sample(name: str) -> None:
    parts, expected = OF_A_LIVE_POD[name]
    value, labels = expected if isinstance(expected, tuple) else (expected, {})
    assert samples_of_live_pod(**parts)[f"browsertrix_pod_{name}"] == [({**POD, **labels}, value)]


def test_every_family_of_a_live_pod_is_in_this_table() -> None:
    declared = {family.name for family in LIVE_POD_FAMILIES}
    assert {f"browsertrix_pod_{name}" for name in OF_A_LIVE_POD} == declared


def test_nothing_of_it_is_served_where_nobody_lists_pods() -> None:
    found = samples_of_pod()
    assert not {f"browsertrix_pod_{name}" for name in OF_A_LIVE_POD} & found.keys()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("waiting", {}),
        ("unschedulable_since_timestamp_seconds", {}),
        ("evicted_for", {"status": {"phase": "Failed", "reason": "DeadlineExceeded"}}),
        ("cpu_limit_cores", {}),
        ("phase", {"status": {"phase": None}}),
        ("placement_info", {"status": {"phase": None}}),
        ("scheduled_timestamp_seconds", {"status": NO_NODE}),
        ("scheduling_seconds", {"status": NO_NODE}),
        ("start_timestamp_seconds", {"status": {"startTime": None}}),
        ("starting_seconds", {"status": {"containerStatuses": [BACK_OFF]}}),
        ("starting_seconds", restarted(ended=terminated(UPDATED))),
    ],
)
def test_what_a_pod_does_not_show_is_absent(name: str, parts: dict[str, Any]) -> None:
    found = samples_of_live_pod(**{key: parts[key] for key in ("status", "spec") if key in parts})
    assert f"browsertrix_pod_{name}" not in found
    assert found["browsertrix_pod_created_timestamp_seconds"] == [(POD, CREATED_EPOCH)]
    assert CREATED.endswith("Z")


def test_its_last_exit_is_served_before_any_status_tells_of_it() -> None:
    found = samples_of_live_pod(status=restarted(ended=terminated(UPDATED))["status"])
    assert found["browsertrix_pod_exit_code"] == [(POD, 137.0)]
    assert found["browsertrix_pod_exit_timestamp_seconds"] == [(POD, UPDATED_EPOCH)]
    ((info, _),) = found["browsertrix_pod_info"]
    assert info["exit_reason"] == "oom"


def test_only_families_of_usage_read_what_is_measured() -> None:
    job = parse_value(crawljob(pods={POD["pod"]: crawler_pod()}))
    (of_crawl,) = pods_of(Crawl(job, pods={POD["pod"]: pod()}), {})
    unreadable: Any = object()
    bare = replace(of_crawl, usage=unreadable)
    others = [
        one for one in FAMILIES if isinstance(one, PodFamily) and one.reads is not Reads.USAGE
    ]
    for family in others:
        assert family.value(bare) == family.value(of_crawl), family.name


def test_families_beside_the_job_read_neither_its_status_nor_what_is_measured() -> None:
    job = parse_value(crawljob(pods={POD["pod"]: crawler_pod()}))
    (of_crawl,) = pods_of(Crawl(job, pods={POD["pod"]: pod()}, volumes={POD["pod"]: claim()}), {})
    unreadable: Any = object()
    bare = replace(of_crawl, info=unreadable, usage=unreadable, past=unreadable)
    beside = [one for one in FAMILIES if isinstance(one, PodFamily) and one.reads is Reads.OBJECTS]
    assert len(beside) >= len(LIVE_POD_FAMILIES)
    for family in beside:
        assert family.value(bare) == family.value(of_crawl), family.name

"""Every family of a pod: its sample where the status has everything, and when it has none."""

from typing import Any

import pytest

from exporter.metrics.catalog import Group
from exporter.metrics.catalog.live_pod import LIVE_POD_FAMILIES
from support.catalog_samples import (
    CRAWL,
    FAMILIES,
    POD,
    SINCE,
    Samples,
    samples_of,
    samples_of_everything,
    samples_of_pod,
)
from support.factories import ABSENT, CRAWL_ID, GIB, UPDATED, UPDATED_EPOCH, crawler_pod, redis_pod

OF_A_POD = {
    "info": (1.0, {"role": "crawler", "index": "0", "exit_reason": "oom"}),
    "memory_allocated_bytes": 2 * GIB,
    "memory_used_bytes": GIB,
    "memory_usage_ratio": 0.5,
    "memory_target_bytes": 3 * GIB,
    "memory_signalled_bytes": GIB,
    "cpu_allocated_cores": 1.5,
    "cpu_used_cores": 0.75,
    "cpu_usage_ratio": 0.5,
    "cpu_target_cores": 2,
    "storage_allocated_bytes": 25 * GIB,
    "storage_used_bytes": 5 * GIB,
    "storage_usage_ratio": 0.2,
    "storage_target_bytes": 13 * GIB,
    "evicted": 0,
    "backoff": 1,
    "evicted_timestamp_seconds": SINCE,
    "oom_killed_timestamp_seconds": SINCE,
    "crashed_timestamp_seconds": SINCE,
    "backoff_since_timestamp_seconds": SINCE,
    "restart_pending_since_timestamp_seconds": (SINCE, {"reason": "newMemory"}),
    "exit_code": 137,
    "exit_timestamp_seconds": UPDATED_EPOCH,
    "restart_pending": (1.0, {"reason": "newMemory"}),
    "workers": 2,
    "pending_bytes": 1024,
}

EXIT_FAMILIES = {
    "browsertrix_pod_info",
    "browsertrix_pod_exit_code",
    "browsertrix_pod_exit_timestamp_seconds",
    "browsertrix_pod_evicted_timestamp_seconds",
    "browsertrix_pod_oom_killed_timestamp_seconds",
    "browsertrix_pod_crashed_timestamp_seconds",
}


@pytest.fixture(scope="module")
def full() -> Samples:
    return samples_of_everything()


@pytest.mark.parametrize("name", OF_A_POD)
def test_a_family_of_a_pod_says_what_the_object_says(full: Samples, name: str) -> None:
    expected: Any = OF_A_POD[name]
    value, labels = expected if isinstance(expected, tuple) else (expected, {})
    assert full[f"browsertrix_pod_{name}"] == [({**POD, **labels}, value)]


def test_every_family_of_a_pod_is_in_this_table_or_that_of_live_pods() -> None:
    declared = {family.name for family in FAMILIES if family.group is Group.POD}
    live = {family.name for family in LIVE_POD_FAMILIES}
    assert {f"browsertrix_pod_{name}" for name in OF_A_POD} == declared - live


def test_usage_nobody_measured_is_absent_and_not_zero() -> None:
    found = samples_of_pod(used={"memory": 0, "cpu": 0, "storage": 0})
    for resource in ("memory_used_bytes", "memory_usage_ratio", "cpu_used_cores"):
        assert f"browsertrix_pod_{resource}" not in found
    assert found["browsertrix_pod_storage_used_bytes"] == [(POD, 0.0)]
    assert found["browsertrix_pod_storage_usage_ratio"] == [(POD, 0.0)]


def test_nothing_allocated_has_no_ratio() -> None:
    found = samples_of_pod(allocated={"memory": 0, "cpu": 0, "storage": 0})
    assert not [name for name in found if name.endswith("_ratio")]
    assert found["browsertrix_pod_memory_used_bytes"] == [(POD, float(GIB))]


@pytest.mark.parametrize(
    "status",
    [
        {"scale": 0},
        {"state": "complete", "finished": UPDATED},
        {"state": "paused", "scale": ABSENT},
    ],
)
def test_a_pod_that_no_longer_exists_keeps_its_exit_and_nothing_else(
    status: dict[str, Any],
) -> None:
    found = samples_of_pod(status, exitTime=UPDATED, exitCode=0, reason="done", newMemory=1)
    assert found.keys() == EXIT_FAMILIES


def test_redis_has_a_role_and_no_index() -> None:
    name = f"redis-{CRAWL_ID}"
    found = samples_of(pods={name: redis_pod()})
    assert found["browsertrix_pod_info"] == [
        ({**CRAWL, "pod": name, "role": "redis", "index": "", "exit_reason": ""}, 1.0)
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"newMemory": 1, "newCpu": 9, "evicted": True}, "newMemory"),
        ({"newCpu": 9, "evicted": True}, "newCpu"),
        ({"evicted": True}, "evicted"),
        ({}, "forced"),
    ],
)
def test_a_restart_pends_for_the_reason_browsertrix_acts_on(
    fields: dict[str, Any], reason: str
) -> None:
    found = samples_of(spec={"restartTime": UPDATED}, pods={POD["pod"]: crawler_pod(**fields)})
    assert found["browsertrix_pod_restart_pending"] == [({**POD, "reason": reason}, 1.0)]


def test_a_restart_carried_out_pends_no_longer() -> None:
    found = samples_of(spec={"restartTime": UPDATED}, status={"restartTime": UPDATED})
    assert "browsertrix_pod_restart_pending" not in found

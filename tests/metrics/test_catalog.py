"""Every family: what it says of a CrawlJob that has everything, and when it says nothing."""

import re
from typing import Any

import pytest

from exporter.crawls import Crawl
from exporter.metrics import catalog
from exporter.metrics.catalog import CRAWL_LABELS, POD_LABELS, CrawlFamily, Group, Kind, PodFamily
from exporter.resources.crawljob import parse_json
from support.factories import (
    ABSENT,
    CID,
    CRAWL_ID,
    CREATED,
    GIB,
    NAMESPACE,
    OID,
    UPDATED,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    redis_pod,
    to_wire,
)
from support.reference_exposition import NOW, samples

CREATED_EPOCH = UPDATED_EPOCH - 960
CRAWL = {"namespace": NAMESPACE, "oid": OID, "crawl": CRAWL_ID}
POD = {**CRAWL, "pod": f"crawl-{CRAWL_ID}-0"}
FAMILIES = catalog(pause_limit=3600.0, paused_before=lambda _: 90.0)
Samples = dict[str, list[tuple[dict[str, str], float]]]


def said(**parts: Any) -> Samples:
    return samples(FAMILIES, [Crawl(parse_json(to_wire(crawljob(**parts))))])


def said_of_pod(status: dict[str, Any] | None = None, **fields: Any) -> Samples:
    pods = {POD["pod"]: crawler_pod(**fields)}
    found = said(pods=pods, status=status)
    return {name: found[name] for name in found if name.startswith("browsertrix_pod_")}


@pytest.fixture(scope="module")
def full() -> Samples:
    """What is said of a crawl with something to say for every family."""
    return said(
        metadata={"deletionTimestamp": UPDATED},
        spec={
            "pausedAt": CREATED,
            "restartTime": UPDATED,
            "profileId": "profile-1",
            "proxyId": "proxy-1",
            "dedupeCollId": "coll-1",
            "qaSourceCrawlId": "manual-0",
        },
        status={"stopReason": "paused", "rateLimitedAtTime": UPDATED, "lastCrawlPodExitCode": 11},
        pods={
            POD["pod"]: crawler_pod(
                newMemory=3 * GIB,
                newCpu=2,
                newStorage="13Gi",
                exitTime=UPDATED,
                exitCode=137,
                reason="oom",
                signalAtMem=GIB,
                backoffWait=True,
            )
        },
    )


OF_A_CRAWL = {
    "info": (
        1.0,
        {
            "uid": f"uid-{NAMESPACE}-{CRAWL_ID}",
            "cid": CID,
            "role": "qa-job",
            "qa_source": "manual-0",
            "manual": "true",
            "channel": "default",
            "image": "webrecorder/browsertrix-crawler:1.7.0",
            "storage": "default",
            "proxy": "proxy-1",
            "profile": "profile-1",
            "collection": "coll-1",
        },
    ),
    "state": (1.0, {"state": "running"}),
    "stop_reason": (1.0, {"stop_reason": "paused"}),
    "transition": (1.0, {"transition": "canceling"}),
    "created_timestamp_seconds": CREATED_EPOCH,
    "paused_timestamp_seconds": CREATED_EPOCH,
    "pause_expires_timestamp_seconds": CREATED_EPOCH + 3600,
    "deletion_timestamp_seconds": UPDATED_EPOCH,
    "last_active_timestamp_seconds": UPDATED_EPOCH,
    "last_updated_timestamp_seconds": UPDATED_EPOCH,
    "rate_limited_timestamp_seconds": UPDATED_EPOCH,
    "restart_timestamp_seconds": UPDATED_EPOCH,
    "pause_duration_seconds": NOW - CREATED_EPOCH,
    "paused_seconds": NOW - CREATED_EPOCH + 90.0,
    "exec_seconds": 2700,
    "elapsed_seconds": 900,
    "timeout_seconds": 7200,
    "pages_found": 120,
    "pages_done": 45,
    "size_bytes": 7 * GIB,
    "size_pending_bytes": 3072,
    "size_limit_bytes": 100 * GIB,
    "files_added": 2,
    "files_added_bytes": 7 * GIB - 3072,
    "scale": 3,
    "desired_scale": 3,
    "browser_windows": 6,
    "stopping": 0,
    "canceled": 0,
    "redis_initialized": 1,
    "last_pod_exit_code": 11,
}

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
    "exit_code": 137,
    "exit_timestamp_seconds": UPDATED_EPOCH,
    "restart_pending": (1.0, {"reason": "newMemory"}),
    "workers": 2,
    "pending_bytes": 1024,
}

EXIT_FACTS = {
    "browsertrix_pod_info",
    "browsertrix_pod_exit_code",
    "browsertrix_pod_exit_timestamp_seconds",
}


@pytest.mark.parametrize("name", OF_A_CRAWL)
def test_a_family_of_a_crawl_says_what_the_object_says(full: Samples, name: str) -> None:
    expected: Any = OF_A_CRAWL[name]
    value, words = expected if isinstance(expected, tuple) else (expected, {})
    assert full[f"browsertrix_crawl_{name}"] == [({**CRAWL, **words}, value)]


@pytest.mark.parametrize("name", OF_A_POD)
def test_a_family_of_a_pod_says_what_the_object_says(full: Samples, name: str) -> None:
    expected: Any = OF_A_POD[name]
    value, words = expected if isinstance(expected, tuple) else (expected, {})
    assert full[f"browsertrix_pod_{name}"] == [({**POD, **words}, value)]


def test_every_family_of_crawls_and_pods_is_in_these_tables() -> None:
    told = {f"browsertrix_crawl_{name}" for name in OF_A_CRAWL}
    told |= {f"browsertrix_pod_{name}" for name in OF_A_POD}
    declared = {f.name for f in FAMILIES if f.group in {Group.CRAWL, Group.POD}}
    assert told == declared


def test_a_first_seen_object_without_status_says_only_what_is_known() -> None:
    wire = crawljob()
    del wire["status"]
    found = samples(FAMILIES, [Crawl(parse_json(to_wire(wire)))])
    assert found["browsertrix_crawl_state"] == [({**CRAWL, "state": "starting"}, 1.0)]
    of_status = {"pages_found", "size_bytes", "exec_seconds", "scale", "stopping", "stop_reason"}
    assert not {f"browsertrix_crawl_{name}" for name in of_status} & found.keys()
    assert not [name for name in found if name.startswith("browsertrix_pod_")]


@pytest.mark.parametrize("none", [0, None, ABSENT])
def test_no_limit_has_no_series(none: Any) -> None:
    found = said(spec={"maxCrawlSize": none, "timeout": none})
    assert "browsertrix_crawl_size_limit_bytes" not in found
    assert "browsertrix_crawl_timeout_seconds" not in found


def test_usage_nobody_measured_is_absent_and_not_zero() -> None:
    found = said_of_pod(used={"memory": 0, "cpu": 0, "storage": 0})
    for resource in ("memory_used_bytes", "memory_usage_ratio", "cpu_used_cores"):
        assert f"browsertrix_pod_{resource}" not in found
    assert found["browsertrix_pod_storage_used_bytes"] == [(POD, 0.0)]
    assert found["browsertrix_pod_storage_usage_ratio"] == [(POD, 0.0)]


def test_nothing_allocated_has_no_ratio() -> None:
    found = said_of_pod(allocated={"memory": 0, "cpu": 0, "storage": 0})
    assert not [name for name in found if name.endswith("_ratio")]
    assert found["browsertrix_pod_memory_used_bytes"] == [(POD, float(GIB))]


def test_a_field_that_cannot_be_read_is_absent_and_the_others_stay() -> None:
    found = said(status={"pagesDone": "many", "size": -1})
    assert "browsertrix_crawl_pages_done" not in found
    assert "browsertrix_crawl_size_bytes" not in found
    assert found["browsertrix_crawl_pages_found"] == [(CRAWL, 120)]


def test_a_state_that_cannot_be_read_is_unknown() -> None:
    assert said(status={"state": 5})["browsertrix_crawl_state"] == [
        ({**CRAWL, "state": "unknown"}, 1.0)
    ]


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
    found = said_of_pod(status, exitTime=UPDATED, exitCode=0, reason="done", newMemory=1)
    assert found.keys() == EXIT_FACTS


def test_redis_has_a_role_and_no_index() -> None:
    name = f"redis-{CRAWL_ID}"
    found = said(pods={name: redis_pod()})
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
    found = said(spec={"restartTime": UPDATED}, pods={POD["pod"]: crawler_pod(**fields)})
    assert found["browsertrix_pod_restart_pending"] == [({**POD, "reason": reason}, 1.0)]


def test_a_restart_carried_out_pends_no_longer() -> None:
    found = said(spec={"restartTime": UPDATED}, status={"restartTime": UPDATED})
    assert "browsertrix_pod_restart_pending" not in found


def test_a_crawl_that_is_not_paused_has_paused_for_zero_seconds() -> None:
    found = said()
    assert found["browsertrix_crawl_pause_duration_seconds"] == [(CRAWL, 0.0)]
    assert found["browsertrix_crawl_paused_seconds"] == [(CRAWL, 90.0)]
    assert "browsertrix_crawl_paused_timestamp_seconds" not in found
    assert "browsertrix_crawl_pause_expires_timestamp_seconds" not in found


def test_a_pause_that_cannot_be_read_has_no_duration() -> None:
    found = said(spec={"pausedAt": 12})
    assert "browsertrix_crawl_pause_duration_seconds" not in found
    assert "browsertrix_crawl_paused_seconds" not in found


def test_no_family_shows_a_user() -> None:
    found = said()
    shown = {
        value for series in found.values() for labels, _ in series for value in labels.values()
    }
    assert not [value for value in shown if value.startswith("99999999")]


def test_names_follow_the_grammar() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    for family in FAMILIES:
        name = family.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.startswith(("browsertrix_", "process_", "python_"))
        assert (family.kind is Kind.COUNTER) == name.endswith("_total")
        if family.kind is Kind.INFO:
            assert name.endswith("_info")
        if family.unit:
            assert family.base.endswith(f"_{family.unit}")
        for unit in ("seconds", "bytes", "ratio", "cores"):
            if name.startswith("browsertrix_") and family.base.endswith(f"_{unit}"):
                assert family.unit == unit
        assert family.help
        assert family.source
        assert len(set(family.labels)) == len(family.labels)


def test_every_series_of_a_crawl_or_pod_says_whose_it_is() -> None:
    for family in FAMILIES:
        if isinstance(family, CrawlFamily):
            assert family.labels[:3] == CRAWL_LABELS
        if isinstance(family, PodFamily):
            assert family.labels[:4] == POD_LABELS

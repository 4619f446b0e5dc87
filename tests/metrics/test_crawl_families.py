"""Every family of a crawl: its sample where the CrawlJob has everything, and when it has none."""

from typing import Any

import pytest

from exporter.metrics.catalog import Group
from support.catalog_samples import (
    CRAWL,
    FAMILIES,
    PAUSE_LIMIT,
    PAUSED_BEFORE,
    SINCE,
    Samples,
    samples_of,
    samples_of_everything,
    samples_of_wire,
)
from support.factories import ABSENT, CID, CRAWL_ID, GIB, NAMESPACE, UPDATED_EPOCH, crawljob
from support.reference_exposition import NOW

CREATED_EPOCH = UPDATED_EPOCH - 960


@pytest.fixture(scope="module")
def full() -> Samples:
    return samples_of_everything()


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
    "pause_expires_timestamp_seconds": CREATED_EPOCH + PAUSE_LIMIT,
    "deletion_timestamp_seconds": UPDATED_EPOCH,
    "last_active_timestamp_seconds": UPDATED_EPOCH,
    "last_updated_timestamp_seconds": UPDATED_EPOCH,
    "rate_limited_timestamp_seconds": UPDATED_EPOCH,
    "restart_timestamp_seconds": UPDATED_EPOCH,
    "state_since_timestamp_seconds": (SINCE, {"state": "running"}),
    "transition_since_timestamp_seconds": (SINCE, {"transition": "canceling"}),
    "pause_duration_seconds": NOW - CREATED_EPOCH,
    "paused_seconds": NOW - CREATED_EPOCH + PAUSED_BEFORE,
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


@pytest.mark.parametrize("name", OF_A_CRAWL)
def test_a_family_of_a_crawl_says_what_the_object_says(full: Samples, name: str) -> None:
    expected: Any = OF_A_CRAWL[name]
    value, labels = expected if isinstance(expected, tuple) else (expected, {})
    assert full[f"browsertrix_crawl_{name}"] == [({**CRAWL, **labels}, value)]


def test_every_family_of_a_crawl_is_in_this_table() -> None:
    declared = {family.name for family in FAMILIES if family.group is Group.CRAWL}
    assert {
        f"browsertrix_crawl_{name}" for name in (*OF_A_CRAWL, "progress_timestamp_seconds")
    } == (declared)


def test_a_first_seen_object_without_status_says_only_what_is_known() -> None:
    wire = crawljob()
    del wire["status"]
    found = samples_of_wire(wire)
    assert found["browsertrix_crawl_state"] == [({**CRAWL, "state": "starting"}, 1.0)]
    of_status = {"pages_found", "size_bytes", "exec_seconds", "scale", "stopping", "stop_reason"}
    assert not {f"browsertrix_crawl_{name}" for name in of_status} & found.keys()
    assert not [name for name in found if name.startswith("browsertrix_pod_")]


@pytest.mark.parametrize("none", [0, None, ABSENT])
def test_no_limit_has_no_series(none: Any) -> None:
    found = samples_of(spec={"maxCrawlSize": none, "timeout": none})
    assert "browsertrix_crawl_size_limit_bytes" not in found
    assert "browsertrix_crawl_timeout_seconds" not in found


def test_a_field_that_cannot_be_read_is_absent_and_the_others_stay() -> None:
    found = samples_of(status={"pagesDone": "many", "size": -1})
    assert "browsertrix_crawl_pages_done" not in found
    assert "browsertrix_crawl_size_bytes" not in found
    assert found["browsertrix_crawl_pages_found"] == [(CRAWL, 120)]


def test_a_state_that_cannot_be_read_is_unknown() -> None:
    assert samples_of(status={"state": 5})["browsertrix_crawl_state"] == [
        ({**CRAWL, "state": "unknown"}, 1.0)
    ]


def test_a_crawl_that_is_not_paused_has_paused_for_zero_seconds() -> None:
    found = samples_of()
    assert found["browsertrix_crawl_pause_duration_seconds"] == [(CRAWL, 0.0)]
    assert found["browsertrix_crawl_paused_seconds"] == [(CRAWL, 90.0)]
    assert "browsertrix_crawl_paused_timestamp_seconds" not in found
    assert "browsertrix_crawl_pause_expires_timestamp_seconds" not in found


def test_a_pause_that_cannot_be_read_has_no_duration() -> None:
    found = samples_of(spec={"pausedAt": 12})
    assert "browsertrix_crawl_pause_duration_seconds" not in found
    assert "browsertrix_crawl_paused_seconds" not in found


def test_no_family_shows_a_user() -> None:
    found = samples_of()
    shown = {
        value for series in found.values() for labels, _ in series for value in labels.values()
    }
    assert not [value for value in shown if value.startswith("99999999")]

"""Every state and reason that Browsertrix writes is known and grouped once."""

from itertools import combinations

import pytest

from exporter.resources.crawljob import derived, parse_json, states
from support.factories import crawler_pod, crawljob, to_wire

# As Browsertrix 1.10 to 1.24 write them; spelled out here so that losing one is noticed.
RUNNING = "running pending-wait generate-wacz uploading-wacz rate-limited"
WAITING = "starting waiting_capacity waiting_org_limit waiting_dedupe_index"
PAUSED = (
    "paused paused_storage_quota_reached paused_time_quota_reached paused_org_readonly "
    "paused_rate_limit_time_reached"
)
FAILED = (
    "canceled failed failed_not_logged_in skipped_storage_quota_reached "
    "skipped_time_quota_reached skipped_quota_reached"
)
SUCCESSFUL = (
    "complete stopped_by_user stopped_pause_expired stopped_storage_quota_reached "
    "stopped_time_quota_reached stopped_org_readonly stopped_quota_reached"
)
STOP_REASONS = (
    "stopped_by_user paused stopped_pause_expired time-limit size-limit "
    "stopped_storage_quota_reached stopped_time_quota_reached stopped_org_readonly "
    "paused_storage_quota_reached paused_time_quota_reached paused_rate_limit_time_reached "
    "paused_org_readonly"
)


@pytest.mark.parametrize(
    ("group", "values"),
    [
        (states.RUNNING, RUNNING),
        (states.WAITING, WAITING),
        (states.PAUSED, PAUSED),
        (states.FAILED, FAILED),
        (states.SUCCESSFUL, SUCCESSFUL),
        (states.UPLOAD, "processing-upload"),
        (states.KNOWN_STOP_REASONS, STOP_REASONS),
    ],
)
def test_every_state_is_in_its_group(group: frozenset[str], values: str) -> None:
    assert sorted(group) == sorted(values.split())


def test_every_state_is_known_and_in_one_group() -> None:
    groups = [
        states.RUNNING,
        states.WAITING,
        states.PAUSED,
        states.FAILED,
        states.SUCCESSFUL,
        states.UPLOAD,
    ]

    assert all(one.isdisjoint(other) for one, other in combinations(groups, 2))
    assert list(states.KNOWN_STATES) == sorted(frozenset().union(*groups))
    assert states.UNKNOWN_STATE not in states.KNOWN_STATES


def test_size_and_time_limit_are_stop_reasons_and_never_states() -> None:
    assert {"size-limit", "time-limit"} <= set(states.KNOWN_STOP_REASONS)
    assert {"size-limit", "time-limit"}.isdisjoint(states.KNOWN_STATES)


@pytest.mark.parametrize("value", states.KNOWN_STATES)
def test_known_states_and_reasons_are_no_unknown_values(value: str) -> None:
    job = parse_json(
        to_wire(crawljob(status={"state": value, "stopReason": "paused_org_readonly"}))
    )

    assert derived.state(job) == value
    assert list(derived.unknown_values(job)) == []


def test_values_of_newer_releases_are_kept_and_reported() -> None:
    pods = {
        "crawl-x-0": crawler_pod(reason="frozen"),
        "crawl-x-1": crawler_pod(reason="interrupt: 11"),
        "crawl-x-2": crawler_pod(reason="oom"),
        "crawl-x-3": crawler_pod(reason="done"),
    }
    status = {"state": "dreaming", "stopReason": "bored"}

    job = parse_json(to_wire(crawljob(status=status, pods=pods)))

    assert derived.state(job) == "dreaming"
    assert job.status.stop_reason == "bored"
    assert list(derived.unknown_values(job)) == [
        ("status.state", "dreaming"),
        ("status.stopReason", "bored"),
        ("status.podStatus.*.reason", "frozen"),
    ]


@pytest.mark.parametrize("value", [None, "", 7])
def test_a_state_that_is_null_empty_or_unreadable_is_unknown(value: object) -> None:
    job = parse_json(to_wire(crawljob(status={"state": value})))

    assert derived.state(job) == "unknown"
    assert list(derived.unknown_values(job)) == []


@pytest.mark.parametrize(
    ("value", "paused"),
    [(value, True) for value in PAUSED.split()]
    + [("paused_newer_reason", True), ("running", False), ("stopped_pause_expired", False)],
)
def test_paused_states_are_known_by_their_beginning(value: str, paused: bool) -> None:
    assert derived.is_paused_state(value) is paused


def test_exit_codes_say_what_they_mean() -> None:
    assert states.EXIT_CODES[137] == "out of memory"
    assert sorted(states.EXIT_CODES) == [
        *(0, 1, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 22, 137)
    ]

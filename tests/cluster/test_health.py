"""Which failure of a watch is followed by which request, and what ends it."""

from itertools import product

import pytest

from exporter.cluster.client import REASONS, RequestError
from exporter.cluster.health import AFTER_ACCEPT, EXPIRED, Retry, WatchHealth, WatchState
from exporter.cluster.phase import Phase
from exporter.cluster.stats import RECONNECTS
from exporter.runtime.backoff import Backoff

HEALTHY = WatchState.HEALTHY
REFUSED = WatchState.REFUSED
FAILING = WatchState.FAILING_AFTER_ACCEPT
RELISTED = WatchState.RELISTED
FAILING_AFTER_RELIST = WatchState.FAILING_AFTER_RELIST

WAYS = {
    HEALTHY: (),
    REFUSED: ("unreachable",),
    FAILING: ("stalled",),
    RELISTED: ("expired",),
    FAILING_AFTER_RELIST: ("expired", "stalled"),
}
"""How each state is reached."""


def fail(health: WatchHealth, reason: str) -> Retry:
    return health.failed(RequestError(reason, "a failure"))


def reached(state: WatchState) -> WatchHealth:
    health = WatchHealth(Backoff(first=1, most=100, rng=lambda _, most: most))
    for reason in WAYS[state]:
        fail(health, reason)
    assert health.state is state
    return health


@pytest.mark.parametrize(
    ("before", "reason", "after", "at_once"),
    [
        (HEALTHY, "unreachable", REFUSED, False),
        (HEALTHY, "cut", FAILING, False),
        (HEALTHY, "expired", RELISTED, True),
        (REFUSED, "forbidden", REFUSED, False),
        (REFUSED, "ended", FAILING, False),
        (REFUSED, "rewound", RELISTED, True),
        (FAILING, "server_error", REFUSED, False),
        (FAILING, "error_event", FAILING, False),
        (FAILING, "expired", FAILING_AFTER_RELIST, True),
        (RELISTED, "unreachable", RELISTED, False),
        (RELISTED, "stalled", FAILING_AFTER_RELIST, False),
        (RELISTED, "expired", FAILING_AFTER_RELIST, False),
        (FAILING_AFTER_RELIST, "not_json", RELISTED, False),
        (FAILING_AFTER_RELIST, "cut", FAILING_AFTER_RELIST, False),
        (FAILING_AFTER_RELIST, "expired", FAILING_AFTER_RELIST, False),
    ],
)
def test_transitions_after_a_failure(
    before: WatchState, reason: str, after: WatchState, *, at_once: bool
) -> None:
    health = reached(before)
    retry = fail(health, reason)
    assert health.state is after
    assert (retry.delay is None) is at_once


@pytest.mark.parametrize("state", WatchState)
def test_progress_ends_every_failure_and_resets_the_backoff(state: WatchState) -> None:
    health = reached(state)
    assert health.progress(lasted=True) is (state is not HEALTHY)
    assert health.state is HEALTHY
    assert fail(health, "unreachable").delay == 1


@pytest.mark.parametrize(
    ("state", "enough"),
    [
        (HEALTHY, True),
        (REFUSED, True),
        (RELISTED, True),
        (FAILING, False),
        (FAILING_AFTER_RELIST, False),
    ],
)
def test_an_accepted_watch_proves_nothing_after_one_that_failed_when_accepted(
    state: WatchState, enough: bool
) -> None:
    assert reached(state).accepting_is_enough is enough


@pytest.mark.parametrize(("state", "reason"), list(product(WatchState, RECONNECTS)))
def test_every_reason_has_a_transition_and_waits_longer_each_time(
    state: WatchState, reason: str
) -> None:
    health = reached(state)
    delays = [fail(health, reason).delay for _ in range(4)]
    waits = [delay for delay in delays if delay is not None]
    assert waits == sorted(set(waits))
    assert len(waits) >= (3 if reason in EXPIRED else 4)


def test_only_an_expired_version_is_answered_by_a_list_without_a_wait() -> None:
    at_once = {reason for reason in RECONNECTS if fail(reached(HEALTHY), reason).delay is None}
    assert at_once == EXPIRED


@pytest.mark.parametrize("reason", ["cut", "ended"])
def test_an_everyday_end_is_an_error_only_when_it_comes_again(reason: str) -> None:
    health = reached(HEALTHY)
    assert [fail(health, reason).is_error for _ in range(3)] == [False, True, True]


def test_every_other_failure_is_an_error_the_first_time() -> None:
    others = set(RECONNECTS) - EXPIRED - {"cut", "ended"}
    assert all(fail(reached(HEALTHY), reason).is_error for reason in others)


def test_the_server_s_retry_after_is_the_least_delay() -> None:
    error = RequestError("too_many_requests", "slow down", retry_after=60.0)
    assert reached(HEALTHY).failed(error).delay == 60


def test_every_reason_is_known_to_the_statistics() -> None:
    assert {*EXPIRED, *AFTER_ACCEPT} <= {*RECONNECTS}
    assert {*REASONS} <= {*RECONNECTS}


@pytest.mark.parametrize(
    ("phase", "needs_list", "synced"),
    [
        (Phase.LISTING, True, False),
        (Phase.REPLAYING, False, False),
        (Phase.WATCHING, False, True),
        (Phase.RELISTING, True, True),
    ],
)
def test_phases(phase: Phase, needs_list: bool, synced: bool) -> None:
    assert phase.needs_list is needs_list
    assert phase.synced is synced


def test_lists_of_a_version_that_is_forgotten_again_and_again_wait_longer_and_longer() -> None:
    """An event between them is progress, but the watch has not lasted."""
    health = reached(HEALTHY)
    delays = []
    for _ in range(6):
        delays.append(fail(health, "expired").delay)
        health.progress(lasted=False)
    assert delays == [None, 1, 2, 4, 8, 16]
    health.progress(lasted=True)
    assert fail(health, "expired").delay is None

"""How a crawl ended: once, by the strongest reason, whatever order the statuses come in."""

from itertools import permutations
from typing import Any

import pytest

from exporter.history.baseline import Ending
from exporter.history.endings import stronger
from exporter.history.events import Finished, PauseExpired, StateEntered, Vanished
from support.crawl_history import NOW, CrawlHistory
from support.factories import ABSENT, UPDATED_EPOCH

FINISHED = "2025-05-21T12:04:00Z"
FINISHED_EPOCH = UPDATED_EPOCH + 240
LASTED = 960.0 + 240


def over(state: str = "complete", **status: Any) -> dict[str, Any]:
    return {"state": state, "finished": FINISHED, **status}


def known(**parts: Any) -> CrawlHistory:
    crawl = CrawlHistory()
    crawl.status(**parts)
    return crawl


def test_an_end_is_emitted_once() -> None:
    crawl = known()
    assert crawl.status(status=over()) == [
        StateEntered(NOW, "complete", "running"),
        Finished(FINISHED_EPOCH, "complete", "", LASTED, None),
    ]
    deleted = {"deletionTimestamp": "2025-05-21T12:04:01Z"}
    assert crawl.status(status=over()) == []
    assert crawl.status(status=over(), metadata=deleted) == []
    assert crawl.status(status=over(), metadata=deleted, deleted=True) == []
    assert crawl.baseline.deleted


def test_an_object_first_seen_finished_emits_its_end_once() -> None:
    crawl = CrawlHistory()
    assert [type(one) for one in crawl.status(status=over())] == [StateEntered, Finished]
    assert crawl.status(status=over(), deleted=True) == []


def test_a_crawl_first_seen_in_its_final_state_emits_its_end() -> None:
    assert Finished(FINISHED_EPOCH, "failed", "", LASTED, None) in CrawlHistory().status(
        status=over("failed"), deleted=True
    )


def test_a_status_that_steps_back_from_the_end_undoes_nothing() -> None:
    crawl = known()
    crawl.status(status=over())
    assert crawl.status() == []
    assert crawl.status(status=over()) == []
    assert crawl.baseline.ending == Ending("complete", "", FINISHED_EPOCH, stated=True, timed=True)


def test_a_limit_seen_before_the_end_stands_when_the_last_status_has_lost_it() -> None:
    crawl = known(status={"stopping": True, "stopReason": "size-limit"})
    assert crawl.status(status=over())[-1] == Finished(
        FINISHED_EPOCH, "complete", "size-limit", LASTED, None
    )


def test_a_stop_reason_seen_after_the_end_updates_the_ending() -> None:
    crawl = known()
    crawl.status(status=over())
    better = crawl.difference(status=over(stopReason="time-limit"))
    assert better.events == []
    assert better.ending_changed
    assert crawl.baseline.ending is not None
    assert crawl.baseline.ending.stop_reason == "time-limit"
    assert not crawl.difference(status=over()).ending_changed


@pytest.mark.parametrize(
    "reasons",
    list(permutations(["stopped_by_user", "time-limit", "paused_org_readonly", "newer"])),
)
def test_the_strongest_reason_stands_in_whatever_order_they_come(reasons: tuple[str, ...]) -> None:
    crawl = known(spec={"pausedAt": FINISHED})
    for reason in reasons:
        crawl.status(status={"stopReason": reason}, spec={"pausedAt": FINISHED})
    crawl.status(status=over(), spec={"pausedAt": FINISHED})
    assert crawl.baseline.ending is not None
    assert crawl.baseline.ending.stop_reason == "stopped_by_user"


def test_a_reason_no_release_has_is_stronger_than_a_pause_and_weaker_than_a_limit() -> None:
    assert stronger("paused_time_quota_reached", "newly-invented") == "newly-invented"
    assert stronger("newly-invented", "time-limit") == "time-limit"
    assert stronger("b-new", "a-new") == stronger("a-new", "b-new")


def test_a_state_that_is_a_stop_reason_is_the_reason() -> None:
    crawl = known(status={"stopReason": "time-limit"})
    assert crawl.status(status=over("stopped_by_user"))[-1] == Finished(
        FINISHED_EPOCH, "stopped_by_user", "stopped_by_user", LASTED, None
    )


def test_the_reason_of_a_pause_that_was_taken_back_is_forgotten() -> None:
    crawl = known(spec={"pausedAt": FINISHED}, status={"stopReason": "paused"})
    crawl.status(status={"stopReason": "paused"})  # not cleared yet
    assert crawl.status(status=over())[-1] == Finished(FINISHED_EPOCH, "complete", "", LASTED, None)


def test_a_pause_asked_for_too_late_is_left_over() -> None:
    crawl = known(spec={"pausedAt": "2025-05-21T12:03:00Z"}, status={"stopReason": "paused"})
    assert crawl.status(status=over(), spec={"pausedAt": "2025-05-21T12:03:00Z"})[-1] == Finished(
        FINISHED_EPOCH, "complete", "paused", LASTED, 60
    )


def test_the_end_ends_the_pause() -> None:
    paused = {"pausedAt": "2025-05-21T12:01:00Z"}
    crawl = known(spec=paused, status={"state": "paused"})
    assert crawl.status(status=over("stopped_pause_expired"), spec=paused) == [
        StateEntered(NOW, "stopped_pause_expired", "paused"),
        PauseExpired(FINISHED_EPOCH),
        Finished(FINISHED_EPOCH, "stopped_pause_expired", "stopped_pause_expired", LASTED, 180),
    ]
    assert crawl.baseline.paused_seconds == 180
    assert crawl.status(status=over("stopped_pause_expired"), spec=paused) == []


@pytest.mark.parametrize("finished", [ABSENT, "", "yesterday", 7])
def test_an_end_without_a_timestamp_is_at_the_last_sign_of_life_until_it_has_one(
    finished: Any,
) -> None:
    crawl = known()
    events = crawl.status(status={"state": "canceled", "finished": finished})
    assert events[-1] == Finished(UPDATED_EPOCH, "canceled", "", 960, None)
    assert crawl.difference(status=over("canceled")).ending_changed
    assert crawl.baseline.ending is not None
    assert crawl.baseline.ending.finished == FINISHED_EPOCH


def test_a_finish_time_without_an_end_state_is_an_end_whose_state_may_follow() -> None:
    crawl = known()
    crawl.status(status=over("running"))
    crawl.status(status=over("failed"))
    assert crawl.baseline.ending == Ending("failed", "", FINISHED_EPOCH, stated=True, timed=True)


def test_a_crawl_deleted_while_it_runs_was_deleted() -> None:
    crawl = known()
    deleted = {"deletionTimestamp": "2025-05-21T12:09:00Z"}
    crawl.status(metadata=deleted)
    assert crawl.status(metadata=deleted, deleted=True) == [
        Vanished(NOW, "deleted", UPDATED_EPOCH + 540)
    ]
    assert crawl.baseline.ending == Ending("unknown", "deleted", NOW, stated=False, timed=False)


def test_a_crawl_that_vanishes_ends_when_it_is_found_missing() -> None:
    crawl = known(status={"stopReason": "size-limit"})
    assert crawl.vanish() == [Vanished(NOW, "size-limit", UPDATED_EPOCH)]
    assert crawl.vanish() == []


@pytest.mark.parametrize(
    ("behind", "dated"), [(86_400.0, UPDATED_EPOCH), (3 * 86_400.0, UPDATED_EPOCH - 3 * 86_400.0)]
)
def test_a_clock_that_was_set_back_dates_no_end_before_the_last_sign_of_life(
    behind: float, dated: float
) -> None:
    """Further back it is the object's timestamp that is wrong: nothing else is ever so late."""
    crawl = known()
    found = UPDATED_EPOCH - behind
    assert crawl.vanish(found) == [Vanished(dated, "", found)]
    assert crawl.baseline.ending == Ending("unknown", "", dated, stated=False, timed=False)


def test_a_finished_crawl_does_not_vanish() -> None:
    crawl = known(status=over())
    assert crawl.vanish() == []
    assert crawl.baseline.deleted


def test_a_crawl_without_any_timestamp_vanishes_now() -> None:
    crawl = CrawlHistory(metadata={"creationTimestamp": ABSENT})
    crawl.status(
        metadata={"creationTimestamp": ABSENT},
        status={"lastUpdatedTime": "", "lastActiveTime": ""},
    )
    assert crawl.vanish(NOW + 5) == [Vanished(NOW + 5, "", 0.0)]


@pytest.mark.parametrize(
    ("days", "reason"),
    [(6.99, "paused"), (7.0, "stopped_pause_expired"), (30.0, "stopped_pause_expired")],
)
def test_a_paused_crawl_that_vanishes_expired_if_its_pause_had_reached_the_limit(
    days: float, reason: str
) -> None:
    paused = {"pausedAt": "2025-05-21T12:01:00Z"}
    crawl = known(spec=paused, status={"state": "paused", "stopReason": "paused"})
    found = UPDATED_EPOCH + 60 + days * 86_400

    assert crawl.vanish(found) == [Vanished(found, reason, UPDATED_EPOCH + 60)]

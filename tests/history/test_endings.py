"""How a crawl ended: once, by the strongest word, whatever order the statuses come in."""

from itertools import permutations
from typing import Any

import pytest

from exporter.history.baseline import Ending
from exporter.history.endings import stronger
from exporter.history.events import Finished, PauseExpired, StateEntered, Vanished
from support.crawl_history import NOW, Told
from support.factories import ABSENT, UPDATED_EPOCH

FINISHED = "2025-05-21T12:04:00Z"
FINISHED_EPOCH = UPDATED_EPOCH + 240
LASTED = 960.0 + 240


def over(state: str = "complete", **status: Any) -> dict[str, Any]:
    return {"state": state, "finished": FINISHED, **status}


def known(**parts: Any) -> Told:
    told = Told()
    told.status(**parts)
    return told


def test_an_end_is_told_once() -> None:
    told = known()
    assert told.status(status=over()) == [
        StateEntered(NOW, "complete", "running"),
        Finished(FINISHED_EPOCH, "complete", "", LASTED, None),
    ]
    deleted = {"deletionTimestamp": "2025-05-21T12:04:01Z"}
    assert told.status(status=over()) == []
    assert told.status(status=over(), metadata=deleted) == []
    assert told.status(status=over(), metadata=deleted, deleted=True) == []
    assert told.baseline.deleted


def test_an_object_first_seen_finished_is_told_once() -> None:
    told = Told()
    assert [type(one) for one in told.status(status=over())] == [StateEntered, Finished]
    assert told.status(status=over(), deleted=True) == []


def test_a_crawl_seen_only_at_its_deletion_is_told_with_its_end() -> None:
    assert Finished(FINISHED_EPOCH, "failed", "", LASTED, None) in Told().status(
        status=over("failed"), deleted=True
    )


def test_a_status_that_steps_back_from_the_end_undoes_nothing() -> None:
    told = known()
    told.status(status=over())
    assert told.status() == []
    assert told.status(status=over()) == []
    assert told.baseline.ending == Ending("complete", "", FINISHED_EPOCH, stated=True, timed=True)


def test_a_limit_seen_before_the_end_stands_when_the_last_status_has_lost_it() -> None:
    told = known(status={"stopping": True, "stopReason": "size-limit"})
    assert told.status(status=over())[-1] == Finished(
        FINISHED_EPOCH, "complete", "size-limit", LASTED, None
    )


def test_a_stop_reason_told_after_the_end_makes_it_better_known() -> None:
    told = known()
    told.status(status=over())
    better = told.difference(status=over(stopReason="time-limit"))
    assert better.events == []
    assert better.ending_changed
    assert told.baseline.ending is not None
    assert told.baseline.ending.stop_reason == "time-limit"
    assert not told.difference(status=over()).ending_changed


@pytest.mark.parametrize(
    "reasons",
    list(permutations(["stopped_by_user", "time-limit", "paused_org_readonly", "newer"])),
)
def test_the_strongest_reason_stands_in_whatever_order_they_come(reasons: tuple[str, ...]) -> None:
    told = known(spec={"pausedAt": FINISHED})
    for reason in reasons:
        told.status(status={"stopReason": reason}, spec={"pausedAt": FINISHED})
    told.status(status=over(), spec={"pausedAt": FINISHED})
    assert told.baseline.ending is not None
    assert told.baseline.ending.stop_reason == "stopped_by_user"


def test_a_reason_no_release_has_is_stronger_than_a_pause_and_weaker_than_a_limit() -> None:
    assert stronger("paused_time_quota_reached", "newly-invented") == "newly-invented"
    assert stronger("newly-invented", "time-limit") == "time-limit"
    assert stronger("b-new", "a-new") == stronger("a-new", "b-new")


def test_a_state_that_is_a_stop_reason_is_the_reason() -> None:
    told = known(status={"stopReason": "time-limit"})
    assert told.status(status=over("stopped_by_user"))[-1] == Finished(
        FINISHED_EPOCH, "stopped_by_user", "stopped_by_user", LASTED, None
    )


def test_the_reason_of_a_pause_that_was_taken_back_is_forgotten() -> None:
    told = known(spec={"pausedAt": FINISHED}, status={"stopReason": "paused"})
    told.status(status={"stopReason": "paused"})  # not cleared yet
    assert told.status(status=over())[-1] == Finished(FINISHED_EPOCH, "complete", "", LASTED, None)


def test_a_pause_asked_for_too_late_is_left_over() -> None:
    told = known(spec={"pausedAt": "2025-05-21T12:03:00Z"}, status={"stopReason": "paused"})
    assert told.status(status=over(), spec={"pausedAt": "2025-05-21T12:03:00Z"})[-1] == Finished(
        FINISHED_EPOCH, "complete", "paused", LASTED, 60
    )


def test_the_end_ends_the_pause() -> None:
    paused = {"pausedAt": "2025-05-21T12:01:00Z"}
    told = known(spec=paused, status={"state": "paused"})
    assert told.status(status=over("stopped_pause_expired"), spec=paused) == [
        StateEntered(NOW, "stopped_pause_expired", "paused"),
        PauseExpired(FINISHED_EPOCH),
        Finished(FINISHED_EPOCH, "stopped_pause_expired", "stopped_pause_expired", LASTED, 180),
    ]
    assert told.baseline.paused_seconds == 180
    assert told.status(status=over("stopped_pause_expired"), spec=paused) == []


@pytest.mark.parametrize("finished", [ABSENT, "", "yesterday", 7])
def test_an_end_without_its_moment_is_at_the_last_sign_of_life_until_it_is_told(
    finished: Any,
) -> None:
    told = known()
    events = told.status(status={"state": "canceled", "finished": finished})
    assert events[-1] == Finished(UPDATED_EPOCH, "canceled", "", 960, None)
    assert told.difference(status=over("canceled")).ending_changed
    assert told.baseline.ending is not None
    assert told.baseline.ending.finished == FINISHED_EPOCH


def test_a_moment_without_an_end_state_is_an_end_whose_state_may_follow() -> None:
    told = known()
    told.status(status=over("running"))
    told.status(status=over("failed"))
    assert told.baseline.ending == Ending("failed", "", FINISHED_EPOCH, stated=True, timed=True)


def test_a_crawl_deleted_while_it_runs_vanishes_at_its_deletion() -> None:
    told = known()
    deleted = {"deletionTimestamp": "2025-05-21T12:09:00Z"}
    told.status(metadata=deleted)
    assert told.status(metadata=deleted, deleted=True) == [Vanished(UPDATED_EPOCH + 540, "")]
    assert told.baseline.ending == Ending(
        "unknown", "", UPDATED_EPOCH + 540, stated=False, timed=False
    )


def test_a_crawl_that_vanishes_ends_at_its_last_sign_of_life() -> None:
    told = known(status={"stopReason": "size-limit"})
    assert told.vanish() == [Vanished(UPDATED_EPOCH, "size-limit")]
    assert told.vanish() == []


def test_a_finished_crawl_does_not_vanish() -> None:
    told = known(status=over())
    assert told.vanish() == []
    assert told.baseline.deleted


def test_a_crawl_without_any_moment_vanishes_now() -> None:
    told = Told(metadata={"creationTimestamp": ABSENT})
    told.status(
        metadata={"creationTimestamp": ABSENT},
        status={"lastUpdatedTime": "", "lastActiveTime": ""},
    )
    assert told.vanish(NOW + 5) == [Vanished(NOW + 5, "")]

"""Events of a crawl itself: states, start, pauses, scaling, restarts; each emitted once."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.crawls import Crawl
from exporter.history.comparison import compare
from exporter.history.events import (
    Canceled,
    Paused,
    RestartDue,
    Resumed,
    Scaled,
    Started,
    StateEntered,
)
from exporter.resources.crawljob import parse_json
from support.crawl_history import NOW, CrawlHistory
from support.factories import ABSENT, CREATED, UPDATED_EPOCH, crawljob, to_wire

CREATED_EPOCH = UPDATED_EPOCH - 960
PAUSED_AT = "2025-05-21T12:05:00Z"
PAUSED_EPOCH = UPDATED_EPOCH + 300


def known(**parts: Any) -> CrawlHistory:
    crawl = CrawlHistory()
    crawl.status(**parts)
    return crawl


def test_the_first_status_enters_its_state() -> None:
    assert CrawlHistory().status() == [StateEntered(NOW, "running", "")]


def test_an_object_without_a_status_is_starting() -> None:
    crawl = CrawlHistory()
    assert crawl.status(status=dict.fromkeys(("state", "podStatus"), ABSENT)) == [
        StateEntered(NOW, "starting", "")
    ]


def test_the_same_status_again_emits_nothing() -> None:
    crawl = known()
    assert crawl.status() == []


def test_each_return_to_a_state_is_entered_anew() -> None:
    crawl = known()
    events = [
        *crawl.status(status={"state": "waiting_capacity"}),
        *crawl.status(status={"state": "running", "crawlExecTime": 2760}),
    ]
    assert events == [
        StateEntered(NOW, "waiting_capacity", "running"),
        StateEntered(NOW, "running", "waiting_capacity"),
    ]


def test_a_status_that_steps_back_does_not_return_to_the_state_before() -> None:
    crawl = known()
    crawl.status(status={"state": "generate-wacz", "crawlExecTime": 2760})
    assert crawl.status(status={"state": "running", "crawlExecTime": 2700}) == []
    assert crawl.status(status={"state": "generate-wacz", "crawlExecTime": 2760}) == []


def test_a_return_with_lower_figures_is_believed_the_second_time() -> None:
    crawl = known()
    crawl.status(status={"state": "generate-wacz", "crawlExecTime": 2760})
    lower = {"state": "running", "crawlExecTime": 2700}
    assert crawl.status(status=lower) == []
    assert crawl.status(status=lower) == [StateEntered(NOW, "running", "generate-wacz")]


def test_an_unreadable_state_is_no_state() -> None:
    crawl = known()
    assert crawl.status(status={"state": 7}) == []
    assert crawl.status() == []


def test_states_of_newer_releases_are_entered_too() -> None:
    crawl = known()
    assert crawl.status(status={"state": "levitating"}) == [
        StateEntered(NOW, "levitating", "running")
    ]


def test_the_wait_ends_at_the_first_run() -> None:
    crawl = known(status={"state": "waiting_capacity", "lastUpdatedTime": ""})
    running = {"state": "running"}
    assert crawl.status(status=running) == [
        StateEntered(NOW, "running", "waiting_capacity"),
        Started(UPDATED_EPOCH, UPDATED_EPOCH - CREATED_EPOCH),
    ]
    crawl.status(status={"state": "waiting_capacity"})
    assert crawl.status(status=running) == [StateEntered(NOW, "running", "waiting_capacity")]


@pytest.mark.parametrize("timestamp", ["", "2025-05-21T11:00:00Z", "2025-05-21T13:00:00Z"])
def test_a_start_without_a_plausible_timestamp_is_now(timestamp: str) -> None:
    crawl = known(status={"state": "starting", "lastUpdatedTime": ""})
    events = crawl.status(status={"lastUpdatedTime": timestamp})
    assert events[1:] == [Started(NOW, NOW - CREATED_EPOCH)]


def test_a_start_of_unknown_creation_has_no_wait() -> None:
    crawl = CrawlHistory(metadata={"creationTimestamp": ABSENT})
    crawl.status(status={"state": "starting"})
    assert crawl.status()[1:] == [Started(NOW, None)]


def test_a_crawl_first_seen_running_emits_no_start() -> None:
    crawl = known()
    crawl.status(status={"state": "waiting_capacity"})
    assert not any(isinstance(event, Started) for event in crawl.status())


def test_a_pause_is_emitted_at_its_request_and_at_its_end() -> None:
    crawl = known()
    assert crawl.status(spec={"pausedAt": PAUSED_AT}) == [Paused(PAUSED_EPOCH)]
    assert crawl.status(spec={"pausedAt": PAUSED_AT}) == []
    assert crawl.status(NOW + 60) == [Resumed(NOW + 60, NOW + 60 - PAUSED_EPOCH)]
    assert crawl.baseline.paused_seconds == NOW + 60 - PAUSED_EPOCH
    assert crawl.status(NOW + 90) == []


def written_at(timestamp: str) -> dict[str, object]:
    return {"managedFields": [{"manager": "OpenAPI-Generator", "time": timestamp}]}


def test_a_resume_has_the_timestamp_of_the_managed_fields() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    resumed = Resumed(PAUSED_EPOCH + 100, 100)
    timestamp = datetime.fromtimestamp(PAUSED_EPOCH + 100, UTC).isoformat()
    assert crawl.status(NOW + 5000, metadata=written_at(timestamp)) == [resumed]
    assert crawl.baseline.paused_seconds == 100


def test_the_api_servers_clock_counts_where_it_is_a_little_ahead() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    timestamp = datetime.fromtimestamp(NOW + 30, UTC).isoformat()
    assert crawl.status(NOW, metadata=written_at(timestamp)) == [
        Resumed(NOW + 30, NOW + 30 - PAUSED_EPOCH)
    ]


@pytest.mark.parametrize("timestamp", ["2099-01-01T00:00:00Z", "soon"])
def test_a_resume_at_no_possible_time_is_now(timestamp: str) -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    assert crawl.status(NOW, metadata=written_at(timestamp)) == [Resumed(NOW, NOW - PAUSED_EPOCH)]


def test_a_resume_is_never_before_its_pause() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    assert crawl.status(NOW, metadata=written_at(CREATED)) == [Resumed(PAUSED_EPOCH, 0)]


def test_pauses_add_up() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    crawl.status(PAUSED_EPOCH + 100)
    crawl.status(spec={"pausedAt": "2025-05-21T12:15:00Z"})
    crawl.status(UPDATED_EPOCH + 15 * 60 + 50)
    assert crawl.baseline.paused_seconds == 150


def test_a_pause_first_seen_is_emitted() -> None:
    assert Paused(PAUSED_EPOCH) in CrawlHistory().status(spec={"pausedAt": PAUSED_AT})


def test_another_pause_without_an_end_between_is_two_pauses_of_which_one_has_no_length() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    assert crawl.status(spec={"pausedAt": "2025-05-21T12:08:00Z"}) == [
        Resumed(UPDATED_EPOCH + 480, None),
        Paused(UPDATED_EPOCH + 480),
    ]
    assert crawl.baseline.paused_seconds == 0


@pytest.mark.parametrize("value", [{"at": 1}, "soon", -5])
def test_an_unreadable_pause_is_no_resume(value: object) -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    assert crawl.status(spec={"pausedAt": value}) == []


def test_an_unreadable_spec_is_no_resume() -> None:
    crawl = known(spec={"pausedAt": PAUSED_AT})
    broken = Crawl(parse_json(to_wire(crawljob() | {"spec": "?"})))
    assert compare(crawl.baseline, broken, NOW).events == []


def test_scaling_is_emitted_by_what_was_asked_for() -> None:
    crawl = known()
    assert crawl.status(spec={"scale": 1, "browserWindows": 2}) == [
        Scaled(NOW, "scale", 3, 1),
        Scaled(NOW, "browserWindows", 6, 2),
    ]
    assert crawl.status(spec={"scale": 1, "browserWindows": ABSENT}) == []
    assert crawl.status(spec={"scale": 1, "browserWindows": 4}) == [
        Scaled(NOW, "browserWindows", 2, 4)
    ]


def test_a_forced_restart_is_emitted_once_for_each_request() -> None:
    crawl = known()
    asked = {"restartTime": "2025-05-21T12:01:00Z"}
    assert crawl.status(spec=asked) == [RestartDue(UPDATED_EPOCH + 60, "", "forced")]
    assert crawl.status(spec=asked, status=asked) == []
    assert crawl.status(spec=asked) == []  # the status stepped back
    again = {"restartTime": "2025-05-21T12:02:00Z"}
    assert crawl.status(spec=again) == [RestartDue(UPDATED_EPOCH + 120, "", "forced")]


def test_the_deletion_of_an_unfinished_crawl_cancels_it_once() -> None:
    crawl = known()
    deleted = {"deletionTimestamp": "2025-05-21T12:09:00Z"}
    assert crawl.status(metadata=deleted) == [Canceled(UPDATED_EPOCH + 540)]
    # A deleted organisation's finalizer goes off and on: a thousand events, one event.
    assert [crawl.status(metadata=deleted | {"finalizers": [str(n)]}) for n in range(50)] == [
        []
    ] * 50


def test_figures_only_ever_grow() -> None:
    crawl = CrawlHistory()
    first = crawl.difference(status={"crawlExecTime": 100, "pagesDone": 10, "size": 1000})
    assert (first.exec_seconds, first.pages, first.size) == (100, 10, 1000)
    back = crawl.difference(status={"crawlExecTime": 40, "pagesDone": 4, "size": 400})
    assert (back.exec_seconds, back.pages, back.size) == (0, 0, 0)
    forward = crawl.difference(status={"crawlExecTime": 160, "pagesDone": 12, "size": 1100})
    assert (forward.exec_seconds, forward.pages, forward.size) == (60, 2, 100)

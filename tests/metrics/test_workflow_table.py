"""What is served of workflows: those that matter, how they ran, and when they should have."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics import BrowsertrixTables
from exporter.metrics.catalog import CATALOG
from exporter.metrics.exposition import Table
from exporter.resources.browsertrix import Workflow
from support.browsertrix_items import CID, OID, PEOPLE, mutated_items, workflow_item
from support.polled_tables import items, served, text, values

NOON = datetime(2026, 1, 14, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0
DAY = 24 * HOUR
LABELS = {"oid": OID, "cid": CID}
RUNNING = {"isCrawlRunning": True, "lastCrawlTime": None, "lastCrawlState": "running"}


def made(**more: Any) -> Any:
    found = BrowsertrixTables(CATALOG, [], schedule=lambda callback: callback(), **more)
    return found.by_source["workflows"]


def polled(*wires: dict[str, Any], at: float = NOON, **more: Any) -> Any:
    table = made(**more)
    table.on_polled(items(Workflow, *wires), at)
    return table


def ended(number: int, state: str, crawls: int, successful: int, **more: Any) -> dict[str, Any]:
    """The workflow after its run of that hour."""
    return workflow_item(
        lastCrawlStartTime=f"2026-01-14T{number:02}:00:00Z",
        lastCrawlTime=f"2026-01-14T{number:02}:30:00Z",
        lastCrawlState=state,
        crawlCount=crawls,
        crawlSuccessfulCount=successful,
        **more,
    )


def one(table: Table, name: str, now: float = NOON) -> float | None:
    return values(table, now, f"browsertrix_workflow_{name}", "cid").get(CID)


def test_a_workflow_has_a_sample_of_all_that_it_says() -> None:
    table = polled(workflow_item(schedule="0 6 * * *"))
    assert served(table, NOON) == {
        "browsertrix_workflow_info": [({**LABELS, "name": "News daily"}, 1.0)],
        "browsertrix_workflow_last_run_timestamp_seconds": [(LABELS, NOON - 4 * HOUR)],
        "browsertrix_workflow_last_success_timestamp_seconds": [(LABELS, NOON - 3 * HOUR)],
        "browsertrix_workflow_last_state": [({**LABELS, "state": "complete"}, 1.0)],
        "browsertrix_workflow_running": [(LABELS, 0.0)],
        "browsertrix_workflow_crawls": [(LABELS, 5.0)],
        "browsertrix_workflow_crawls_successful": [(LABELS, 4.0)],
        "browsertrix_workflow_consecutive_failures": [(LABELS, 0.0)],
        "browsertrix_workflow_last_duration_seconds": [(LABELS, 3600.0)],
        "browsertrix_workflow_last_size_bytes": [(LABELS, 5000.0)],
        "browsertrix_workflow_last_pages": [(LABELS, 10.0)],
        "browsertrix_workflow_usual_pages": [(LABELS, 10.0)],
        "browsertrix_workflow_scheduled_timestamp_seconds": [(LABELS, NOON - 6 * HOUR)],
        "browsertrix_workflow_next_run_timestamp_seconds": [(LABELS, NOON + 18 * HOUR)],
        "browsertrix_workflows": [
            ({"oid": OID, "kind": "scheduled"}, 1.0),
            ({"oid": OID, "kind": "other"}, 0.0),
        ],
        "browsertrix_workflows_left_out": [({}, 0.0)],
    }


def test_a_schedule_is_right_when_scraped_without_another_poll() -> None:
    table = polled(workflow_item(schedule="0 * * * *"))
    for hours in (0.0, 0.99, 1.0, 5.5, 2.0, 0.0):  # the clock may be set back
        now = NOON + hours * HOUR
        scheduled = NOON + int(hours) * HOUR
        assert one(table, "scheduled_timestamp_seconds", now) == scheduled
        assert one(table, "next_run_timestamp_seconds", now) == scheduled + HOUR


def test_a_schedule_that_was_changed_or_taken_away_shows_at_the_next_poll() -> None:
    table = polled(workflow_item(schedule="0 * * * *"))
    changed = workflow_item(schedule="@daily", modified="2026-01-14T11:30:00Z")
    table.on_polled(items(Workflow, changed), NOON)
    assert one(table, "scheduled_timestamp_seconds") is None
    assert one(table, "next_run_timestamp_seconds") == NOON + 12 * HOUR
    assert one(table, "scheduled_timestamp_seconds", NOON + 12 * HOUR) == NOON + 12 * HOUR
    table.on_polled(items(Workflow, workflow_item()), NOON)
    assert one(table, "next_run_timestamp_seconds") is None


def test_failures_in_a_row_are_counted_from_poll_to_poll() -> None:
    table = made()
    counted = []
    for wire in (
        ended(1, "complete", 1, 1),
        ended(2, "failed", 2, 1),
        ended(2, "failed", 2, 1),  # the same run
        workflow_item(**RUNNING, crawlCount=2, crawlSuccessfulCount=1),
        ended(3, "failed", 3, 1),
        ended(4, "canceled", 4, 1),  # by a user: neither
        ended(7, "skipped_time_quota_reached", 7, 1),  # three since the last poll
        ended(8, "failed", 9, 2),  # one between the polls succeeded
        ended(6, "failed", 7, 2),  # the newest was deleted
        ended(9, "stopped_by_user", 8, 3),
    ):
        table.on_polled(items(Workflow, wire), NOON)
        counted.append(one(table, "consecutive_failures"))
    assert counted == [0, 1, 1, 1, 2, 2, 5, 1, 1, 0]


def test_at_first_sight_the_newest_run_counts_or_all_where_none_succeeded() -> None:
    assert one(polled(ended(1, "failed", 9, 4)), "consecutive_failures") == 1
    assert one(polled(ended(1, "failed", 9, 0)), "consecutive_failures") == 9
    assert one(polled(ended(1, "canceled", 9, 4)), "consecutive_failures") is None
    assert one(polled(workflow_item(**RUNNING)), "consecutive_failures") is None


def test_what_the_newest_run_cannot_say_is_remembered() -> None:
    table = polled(ended(1, "complete", 1, 1))
    empty = {"lastCrawlStats": {"found": 0, "done": 0}, "lastCrawlSize": 0}
    table.on_polled(items(Workflow, ended(2, "failed", 2, 1, **empty)), NOON)
    success = NOON - 10.5 * HOUR
    assert one(table, "last_success_timestamp_seconds") == success
    assert (one(table, "last_pages"), one(table, "usual_pages")) == (0, 10)
    under_way = workflow_item(**RUNNING, lastCrawlStats={"found": 3, "done": 3})
    table.on_polled(items(Workflow, under_way), NOON)
    assert one(table, "running") == 1
    assert (one(table, "last_pages"), one(table, "last_size_bytes")) == (0, 0)
    assert one(table, "last_duration_seconds") == HOUR / 2
    table.on_unknown()
    assert text(table, NOON) == ""
    table.on_polled(items(Workflow, under_way), NOON)
    assert one(table, "last_success_timestamp_seconds") == success


def test_a_workflow_that_is_new_and_runs_has_no_past() -> None:
    found = served(polled(workflow_item(**RUNNING)), NOON)
    assert not [name for name in found if "pages" in name or "duration" in name or "succ" in name][
        1:
    ]


def old(number: int, days: float, **more: Any) -> dict[str, Any]:
    started = datetime.fromtimestamp(NOON - days * DAY, UTC).isoformat()
    return workflow_item(id=f"w{number}", lastCrawlStartTime=started, **more)


def shown(table: Table) -> set[str]:
    return set(values(table, NOON, "browsertrix_workflow_info", "cid"))


def test_old_ones_without_a_schedule_are_only_counted() -> None:
    table = polled(
        old(1, 89),
        old(2, 91),
        old(3, 91, schedule="@daily"),
        old(4, 91, isCrawlRunning=True),
        workflow_item(id="w5", lastCrawlStartTime=None),
    )
    assert shown(table) == {"w1", "w3", "w4"}
    counts = values(table, NOON, "browsertrix_workflows", "kind")
    assert counts == {"scheduled": 1, "other": 4}
    assert served(table, NOON)["browsertrix_workflows_left_out"] == [({}, 0.0)]


def test_of_too_many_the_scheduled_and_the_newest_are_served_and_the_rest_is_counted() -> None:
    wires = [old(1, 5), old(2, 1), old(3, 3), old(4, 50, schedule="@daily"), old(5, 2)]
    table = polled(*wires, max_workflows=3)
    assert shown(table) == {"w4", "w2", "w5"}
    assert served(table, NOON)["browsertrix_workflows_left_out"] == [({}, 2.0)]
    assert text(table, NOON).splitlines()[-1] == "browsertrix_workflows_left_out 2.0"
    table.on_polled(items(Workflow, *wires[:2]), NOON)
    assert shown(table) == {"w1", "w2"}


def test_names_can_be_left_out() -> None:
    names = served(polled(workflow_item(), names=False), NOON)["browsertrix_workflow_info"]
    assert names == [({**LABELS, "name": ""}, 1.0)]


_SCHEDULED = workflow_item(schedule="*/5 * * * *")


@given(st.lists(mutated_items(_SCHEDULED), min_size=1, max_size=3))
def test_any_workflow_is_served_whole_and_without_people(wires: list[dict[str, Any]]) -> None:
    table = made()
    for wire in wires:
        table.on_polled(items(Workflow, wire), NOON)
    found = text(table, NOON + DAY)
    assert not [one for one in PEOPLE if one in found]
    for family in text_string_to_metric_families(found):
        assert family.samples

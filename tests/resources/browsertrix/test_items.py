"""What is read of Browsertrix's items: lenient field by field, and nothing of people."""

import math
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resources.browsertrix import (
    BackgroundJob,
    CrawlRecord,
    Organisation,
    OrganisationCounts,
    ServerSettings,
    Workflow,
)
from exporter.resources.browsertrix.organisation import in_month
from exporter.resources.browsertrix.reading import LONGEST_TITLE
from exporter.resources.browsertrix.schedule import Schedule
from exporter.resources.decoding import InvalidObjectError
from support.browsertrix_items import (
    CID,
    OID,
    PEOPLE,
    job_item,
    mutated_items,
    organisation_item,
    workflow_item,
)
from support.strategies import hostile_json

RECORD = {
    "id": "manual-1",
    "type": "crawl",
    "oid": OID,
    "cid": CID,
    "userid": "u1",
    "userName": PEOPLE[0],
    "description": PEOPLE[3],
    "state": "complete",
    "started": "2026-01-14T08:00:00Z",
    "finished": "2026-01-14T09:00:00Z",
    "stats": {"found": 12, "done": 10, "size": 5000},
    "fileSize": 4000,
    "crawlExecSeconds": 60,
}
ITEMS = [
    (Organisation, organisation_item()),
    (Workflow, workflow_item(schedule="0 0 * * 1")),
    (BackgroundJob, job_item()),
    (CrawlRecord, RECORD),
]


def values(node: Any) -> Iterator[Any]:
    if is_dataclass(node):
        for field in fields(node):
            yield from values(getattr(node, field.name))
    elif isinstance(node, dict):
        yield from node
        yield from node.values()
    elif isinstance(node, tuple):
        for inner in node:
            yield from values(inner)
    else:
        yield node


def test_an_organisation_is_read() -> None:
    org, problems = Organisation.parse(organisation_item())
    assert problems == ()
    assert (org.id, org.slug, org.name, org.read_only) == (
        OID,
        "library-of-x",
        "Library of X",
        False,
    )
    assert org.bytes_by_kind == {
        "crawls": 800,
        "uploads": 100,
        "profiles": 20,
        "seed_files": None,
        "thumbnails": None,
        "dedupe_indexes": None,
    }
    assert in_month(org.crawl_exec_seconds, "2026-01") == 3700
    assert in_month(org.crawl_exec_seconds, "2026-02") == 0
    assert org.last_crawl_finished == 1768377600.0


def test_of_the_months_only_the_newest_are_kept() -> None:
    months = {f"{year}-{month:02}": 1 for year in range(2000, 2020) for month in range(1, 13)}
    org, _ = Organisation.parse(organisation_item(crawlExecSeconds=months))
    assert list(org.crawl_exec_seconds or ()) == [f"2019-{month:02}" for month in range(7, 13)]


def test_a_month_that_is_malformed_is_unknown_and_the_others_are_not() -> None:
    months = {"2026-01": "many", "2025-12": 5, "2026-13": 7}
    org, problems = Organisation.parse(organisation_item(crawlExecSeconds=months))
    assert in_month(org.crawl_exec_seconds, "2026-01") is None
    assert in_month(org.crawl_exec_seconds, "2025-12") == 5
    assert {problem.kind for problem in problems} == {"crawlExecSeconds.*"}


def test_a_workflow_goes_by_its_name_or_its_first_seed_without_what_is_secret() -> None:
    assert Workflow.parse(workflow_item())[0].title == "News daily"
    for name in ("", None):
        assert Workflow.parse(workflow_item(name=name))[0].title == "https://news.example.org/start"


def test_long_and_broken_names_are_one_short_line() -> None:
    assert Workflow.parse(workflow_item(name="a\n\x00 b\u2028c"))[0].name == "a b c"
    name = Organisation.parse(organisation_item(name="n" * 5000))[0].name
    assert name == "n" * (LONGEST_TITLE - 1) + "…"


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "running"),
        ({"success": False, "finished": "2026-01-14T09:00:00Z"}, "failed"),
        ({"success": True, "finished": "2026-01-14T09:00:00Z"}, "successful"),
        ({"finished": "2026-01-14T09:00:00Z"}, None),
        ({"success": "perhaps"}, None),
    ],
)
def test_a_job_runs_or_has_ended_or_cannot_be_told(more: dict[str, Any], state: str | None) -> None:
    assert BackgroundJob.parse(job_item(**more))[0].state == state


def test_settings_have_an_id_and_say_how_long_a_pause_may_last() -> None:
    settings, problems = ServerSettings.parse({"pausedExpiryMinutes": 10080, "salesEmail": "a@b"})
    assert (settings.id, settings.pause_limit, problems) == ("settings", 604800.0, ())
    assert ServerSettings.parse({"pausedExpiryMinutes": 0})[0].pause_limit is None


def test_a_record_says_how_a_crawl_ended() -> None:
    record, _ = CrawlRecord.parse(RECORD)
    assert (record.state, record.finished, record.stats.done) == ("complete", 1768381200.0, 10)


@pytest.mark.parametrize("model", [Organisation, OrganisationCounts, Workflow, BackgroundJob])
@pytest.mark.parametrize("item", [{}, {"id": ""}, {"id": None}, {"id": 7}, [], None, "x"])
def test_without_an_id_it_is_nothing(model: Any, item: Any) -> None:
    with pytest.raises(InvalidObjectError):
        model.parse(item)


@pytest.mark.parametrize(("model", "item"), ITEMS)
def test_nothing_of_people_is_kept(model: Any, item: dict[str, Any]) -> None:
    found, problems = model.parse(item)
    assert problems == ()
    assert not [one for one in PEOPLE if one in repr(found)]


@given(
    st.sampled_from(ITEMS).flatmap(lambda one: st.tuples(st.just(one[0]), mutated_items(one[1])))
)
def test_a_mutated_item_is_read_with_problems_and_nothing_else(case: tuple[Any, Any]) -> None:
    model, item = case
    found, problems = model.parse(item)
    assert found.id == item["id"]
    assert found.problems == problems
    for problem in problems:
        assert problem.field.isprintable()
        assert problem.reason.isprintable()
        assert not [one for one in PEOPLE if one in problem.reason]
    for value in values(found):
        assert value is None or isinstance(value, str | int | float | Schedule)
        if isinstance(value, float):
            assert math.isfinite(value)
        if isinstance(value, str):
            value.encode()
            assert len(value) <= 2000


@given(st.sampled_from([model for model, _ in ITEMS]), hostile_json())
def test_any_json_is_read_or_invalid(model: Any, value: Any) -> None:
    try:
        model.parse(value)
    except InvalidObjectError:
        return

"""What follows for the crawl: who it is, where it is going, how long its pause may last."""

from typing import Any

import pytest

from exporter.resources.crawljob import CrawlJob, derived, parse_json, states
from exporter.resources.identity import crawl_id, identity, org_id
from support.factories import ABSENT, CRAWL_ID, OID, UPDATED, UPDATED_EPOCH, crawljob, to_wire


def read(**parts: Any) -> CrawlJob:
    return parse_json(to_wire(crawljob(**parts)))


def test_the_crawl_id_comes_from_the_name_whatever_spec_says() -> None:
    assert crawl_id(read(spec={"id": "another"})) == CRAWL_ID


@pytest.mark.parametrize(
    ("name", "crawl"), [("crawljob-a", "a"), ("other-a", "other-a"), ("crawljob-", "crawljob-")]
)
def test_a_name_of_another_form_is_the_crawl_id_itself(name: str, crawl: str) -> None:
    assert crawl_id(read(metadata={"name": name})) == crawl


@pytest.mark.parametrize(
    ("spec", "label", "org"),
    [(OID, "other", OID), (ABSENT, "other", "other"), ("", "other", "other"), (7, ABSENT, "")],
)
def test_the_organisation_comes_from_spec_then_label(spec: Any, label: Any, org: str) -> None:
    assert org_id(read(spec={"oid": spec}, labels={"btrix.org": label})) == org


@pytest.mark.parametrize(
    ("source", "role", "qa"),
    [
        ("", "job", False),
        ("manual-1", "job", True),
        ("", "qa-job", True),
        (ABSENT, ABSENT, False),
    ],
)
def test_a_qa_run_is_known_by_its_source_or_label(source: Any, role: Any, qa: bool) -> None:
    assert derived.is_qa(read(spec={"qaSourceCrawlId": source}, labels={"role": role})) is qa


@pytest.mark.parametrize("state", sorted(states.ENDED))
def test_a_crawl_has_ended_in_every_final_state(state: str) -> None:
    assert derived.has_ended(read(status={"state": state}))


def test_a_crawl_has_ended_once_it_has_a_finish_timestamp() -> None:
    assert derived.has_ended(read(status={"state": "a newer state", "finished": UPDATED}))


@pytest.mark.parametrize("state", sorted(set(states.KNOWN_STATES) - states.ENDED))
def test_a_crawl_has_not_ended_in_any_other_state(state: str) -> None:
    assert not derived.has_ended(read(status={"state": state}))


DELETED = {"deletionTimestamp": UPDATED}
STOP = {"stopping": True}
PAUSE = {"pausedAt": UPDATED}
STOPPING_TO_PAUSE = {"stopping": True, "stopReason": "paused"}


@pytest.mark.parametrize(
    ("metadata", "spec", "status", "transition"),
    [
        pytest.param({}, {}, {}, None, id="running"),
        pytest.param({}, {}, {"state": "waiting_capacity"}, None, id="waiting"),
        pytest.param({}, PAUSE, {}, "pausing", id="pause asked for"),
        pytest.param({}, PAUSE, STOPPING_TO_PAUSE, "pausing", id="pods stop for the pause"),
        pytest.param({}, PAUSE, {"state": "paused"}, None, id="paused"),
        pytest.param(
            {}, PAUSE, {"state": "paused", **STOPPING_TO_PAUSE}, None, id="paused, still stopping"
        ),
        pytest.param(
            {}, PAUSE, {"state": "paused", "stopReason": "paused_org_readonly"}, None, id="slip"
        ),
        pytest.param({}, PAUSE, {"state": "paused_newer_reason"}, None, id="newer pause"),
        pytest.param({}, {}, {"state": "paused"}, "resuming", id="pause cleared"),
        pytest.param(
            {}, {}, {"state": "paused_time_quota_reached"}, "resuming", id="quota pause cleared"
        ),
        pytest.param(
            {}, {}, {"stopReason": "paused"}, None, id="leftover reason of a pause, running"
        ),
        pytest.param({}, STOP, {}, "stopping", id="stop asked for"),
        pytest.param({}, {}, {"stopping": True}, "stopping", id="stopping"),
        pytest.param(
            {}, {}, {"stopping": True, "stopReason": "size-limit"}, "stopping", id="size limit"
        ),
        pytest.param({}, {"stopping": True, **PAUSE}, {}, "stopping", id="stop beats pause"),
        pytest.param(
            {}, {"stopping": True, **PAUSE}, {"state": "paused"}, "stopping", id="stop when paused"
        ),
        pytest.param(DELETED, {}, {}, "canceling", id="deleted while running"),
        pytest.param(DELETED, STOP, {"stopping": True}, "canceling", id="delete beats stop"),
        pytest.param(DELETED, PAUSE, {"state": "paused"}, "canceling", id="deleted while paused"),
        pytest.param(DELETED, {}, {"state": "canceled"}, None, id="canceled"),
        pytest.param(
            DELETED, STOP, {"state": "complete", "finished": UPDATED}, None, id="finished, deleted"
        ),
        pytest.param(
            {}, PAUSE, {"state": "stopped_pause_expired", **STOP}, None, id="pause expired"
        ),
        pytest.param({}, {}, {"state": 7, "stopping": True}, "stopping", id="state unreadable"),
        pytest.param({}, {"stopping": "?"}, {"stopping": []}, None, id="flags unreadable"),
    ],
)
def test_transitions(
    metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any], transition: str | None
) -> None:
    job = read(metadata=metadata, spec=spec, status=status)

    assert derived.transition(job) == transition
    assert transition in (None, *derived.TRANSITIONS)


def test_a_crawl_without_status_is_in_no_transition() -> None:
    wire = crawljob()
    del wire["status"]

    assert derived.transition(parse_json(to_wire(wire))) is None


@pytest.mark.parametrize("state", ["running", "waiting_capacity", "paused", "a newer state"])
def test_a_pause_expires_seven_days_after_it_was_asked_for_whatever_the_state(state: str) -> None:
    job = read(spec=PAUSE, status={"state": state})

    assert derived.paused_since(job) == UPDATED_EPOCH
    assert derived.pause_expires(job) == UPDATED_EPOCH + 7 * 86400
    assert derived.pause_expires(job, 60) == UPDATED_EPOCH + 60


@pytest.mark.parametrize("paused_at", ["", None, ABSENT, "soon"])
def test_without_a_pause_nothing_expires(paused_at: Any) -> None:
    job = read(spec={"pausedAt": paused_at}, status={"state": "paused"})

    assert derived.paused_since(job) is None
    assert derived.pause_expires(job) is None


@pytest.mark.parametrize(
    "status", [{"state": "stopped_pause_expired"}, {"state": "x", "finished": UPDATED}]
)
def test_the_pause_of_an_ended_crawl_is_over(status: dict[str, Any]) -> None:
    job = read(spec=PAUSE, status=status)

    assert derived.paused_since(job) is None
    assert derived.pause_expires(job) is None


@pytest.mark.parametrize(
    ("entries", "timestamp"),
    [
        (ABSENT, None),
        (None, None),
        ([], None),
        ([{"subresource": "status", "time": UPDATED}], None),
        ([{"time": UPDATED}], UPDATED_EPOCH),
        ([{"time": "soon"}, {"time": "0001-01-01"}, {}, {"time": UPDATED}], UPDATED_EPOCH),
        ([{"time": "2025-05-21T12:00:05Z"}, {"time": UPDATED}], UPDATED_EPOCH + 5),
        (
            [
                {
                    "manager": "metacontroller",
                    "subresource": "status",
                    "time": "2025-05-21T13:00:00Z",
                },
                {"manager": "OpenAPI-Generator", "operation": "Update", "time": UPDATED},
            ],
            UPDATED_EPOCH,
        ),
    ],
)
def test_the_last_write_of_anything_but_the_status_is_when_the_spec_changed(
    entries: Any, timestamp: float | None
) -> None:
    job = read(metadata={"managedFields": entries})

    assert job.metadata.spec_changed_at == timestamp
    assert job.problems == ()


@pytest.mark.parametrize(
    "entries",
    ["text", 7, {"time": UPDATED}, [7], [{"time": 7}], [{"time": "1" * 65}], [[]], [{}] * 101],
)
def test_malformed_managed_fields_cost_themselves_alone(entries: Any) -> None:
    job = read(metadata={"managedFields": entries})

    assert job.metadata.spec_changed_at is None
    assert [problem.field for problem in job.problems] == ["metadata.managedFields"]
    assert job.spec.oid == OID


def test_identity_is_the_uid_or_else_the_name() -> None:
    assert identity(read(metadata={"uid": "u"})) == "u"
    assert identity(read(metadata={"uid": ABSENT})) == f"crawlers/crawljob-{CRAWL_ID}"


@pytest.mark.parametrize(
    ("value", "limit"), [(None, None), (0, None), (0.0, None), (1, 1), (7200.0, 7200)]
)
def test_zero_and_absent_are_no_limit(value: float | None, limit: float | None) -> None:
    assert derived.limit(value) == limit


@pytest.mark.parametrize(
    ("wanted", "done", "state", "pending"),
    [
        (ABSENT, ABSENT, "running", False),
        ("", ABSENT, "running", False),
        (UPDATED, ABSENT, "running", True),
        (UPDATED, "2025-05-21T11:00:00Z", "running", True),
        (UPDATED, UPDATED, "running", False),
        (UPDATED, "2025-05-21T12:00:00+00:00", "running", False),
        (ABSENT, UPDATED, "running", False),
        ("soon", ABSENT, "running", False),
        (UPDATED, ABSENT, "complete", False),
    ],
)
def test_a_forced_restart_is_pending_until_the_status_has_its_timestamp(
    wanted: Any, done: Any, state: str, pending: bool
) -> None:
    job = read(spec={"restartTime": wanted}, status={"restartTime": done, "state": state})

    assert derived.forced_restart_pending(job) is pending


@pytest.mark.parametrize(
    ("used", "allocated", "ratio"),
    [
        (1, 4, 0.25),
        (0, 4, 0),
        (5, 4, 1.25),
        (1, 0, None),
        (0, 0, None),
        (None, 4, None),
        (1, None, None),
    ],
)
def test_a_ratio_needs_both_and_something_allocated(
    used: float | None, allocated: float | None, ratio: float | None
) -> None:
    assert derived.ratio(used, allocated) == ratio

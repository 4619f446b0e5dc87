"""Every scenario: the states it goes through, how it ends, and the values it writes."""

from itertools import pairwise
from typing import Any

import pytest

from exporter.resources import crawljob
from exporter.resources.crawljob import derived
from exporter.resources.crawljob.states import KNOWN_STATES, KNOWN_STOP_REASONS
from exporter.resources.identity import crawl_id, org_id
from exporter.simulator.browsertrix.scenarios import SCENARIOS
from support.scenario_run import NS, ScenarioRun, default_run

START = ["-", "starting", "running"]
WRITE = ["generate-wacz", "uploading-wacz"]


@pytest.mark.parametrize(
    ("scenario", "states", "stop_reason"),
    [
        ("completes", [*START, *WRITE, "complete"], ""),
        (
            "waits_for_capacity",
            [*START[:2], *("waiting_capacity", "running") * 2, *WRITE, "complete"],
            "",
        ),
        (
            "waits_for_org_limit",
            [*START[:2], "waiting_org_limit", *START[1:], *WRITE, "complete"],
            "",
        ),
        (
            "waits_for_dedupe_index",
            [*START[:2], "waiting_dedupe_index", *START[1:], *WRITE, "complete"],
            "",
        ),
        ("is_resized", [*START, *WRITE, "complete"], ""),
        ("runs_out_of_memory", [*START, *WRITE, "complete"], ""),
        ("is_evicted", [*START, *WRITE, "complete"], ""),
        ("is_scaled", [*START, *WRITE, "complete"], ""),
        ("pauses_and_resumes", [*START, "paused", "running", *WRITE, "complete"], ""),
        ("completes_while_pausing", [*START, *WRITE, "complete"], "paused"),
        ("pause_expires", [*START, "paused", "stopped_pause_expired"], "stopped_pause_expired"),
        ("is_stopped_while_paused", [*START, "paused", "stopped_by_user"], "stopped_by_user"),
        ("reaches_size_limit", [*START, *WRITE, "complete"], "size-limit"),
        ("reaches_time_limit", [*START, *WRITE, "complete"], "time-limit"),
        (
            "reaches_storage_quota",
            [*START, "paused_storage_quota_reached", "running", *WRITE, "complete"],
            "",
        ),
        (
            "reaches_time_quota",
            [*START, "paused_time_quota_reached", "running", *WRITE, "complete"],
            "",
        ),
        ("is_read_only", [*START, "paused", "running", *WRITE, "complete"], ""),
        (
            "is_stopped_by_storage_quota",
            [*START, *WRITE, "stopped_storage_quota_reached"],
            "stopped_storage_quota_reached",
        ),
        (
            "is_stopped_by_time_quota",
            [*START, *WRITE, "stopped_time_quota_reached"],
            "stopped_time_quota_reached",
        ),
        (
            "is_stopped_by_read_only",
            [*START, *WRITE, "stopped_org_readonly"],
            "stopped_org_readonly",
        ),
        ("is_rate_limited", [*START, "rate-limited", "running", *WRITE, "complete"], ""),
        (
            "is_rate_limited_for_long",
            [
                *START,
                *("rate-limited", "paused_rate_limit_time_reached", "running"),
                *WRITE,
                "complete",
            ],
            "",
        ),
        ("fails", [*START, "failed"], ""),
        ("fails_not_logged_in", [*START, "failed_not_logged_in"], ""),
        ("is_skipped_by_storage_quota", [*START[:2], "skipped_storage_quota_reached"], ""),
        ("is_skipped_by_time_quota", [*START[:2], "skipped_time_quota_reached"], ""),
        ("is_canceled", [*START, "canceled"], ""),
        ("is_stopped_without_a_page", [*START, "canceled"], "stopped_by_user"),
        ("is_stopped_by_user", [*START, *WRITE, "stopped_by_user"], "stopped_by_user"),
        ("assures_quality", [*START, *WRITE, "complete"], ""),
        (
            "pulls_in_vain",
            [*START[:2], "waiting_capacity", "running", *WRITE, "complete"],
            "",
        ),
        (
            "waits_for_a_volume",
            [*START[:2], "waiting_capacity", "running", *WRITE, "complete"],
            "",
        ),
        ("is_killed_unseen", [*START, *WRITE, "complete"], ""),
        ("is_evicted_and_canceled", [*START, "canceled"], ""),
        ("fills_its_volume", [*START, *WRITE, "complete"], ""),
        ("runs_out_of_space", [*START, "failed"], ""),
        (
            "waits_for_a_purge",
            [*START[:2], "waiting_dedupe_index", *START[1:], *WRITE, "complete"],
            "",
        ),
        ("outlives_the_operator", [*START, *WRITE, "complete"], ""),
    ],
)
def test_a_scenario_goes_through_its_states_to_its_end(
    scenario: str, states: list[str], stop_reason: str
) -> None:
    run = default_run(scenario)
    assert run.states == states
    assert (run.ended.state, run.ended.stop_reason) == (states[-1], stop_reason)
    last = crawljob.parse_value(run.values[-1])
    assert last.status.finished == run.ended.finished
    assert (last.status.stop_reason or "") == stop_reason
    assert run.ended.crawl == crawl_id(last)
    assert run.ended.oid == org_id(last)
    # in this order: finished, then (or, canceled, before) the deletion asked for, then deleted
    assert run.events[-1].type == "DELETED"
    assert last.metadata.deletion_timestamp is not None
    assert run.cluster.count() == 0
    assert run.ground_truth.vanished == {}
    entered = {state: count for (_, state), count in run.ground_truth.states.items()}
    expected = ["starting", *states[2:]]  # without a status it is starting already
    assert entered == {state: expected.count(state) for state in expected}


def test_every_scenario_is_tested_and_writes_known_values_only() -> None:
    tested = {mark.args[1][i][0] for mark in _marks() for i in range(len(mark.args[1]))}
    assert tested | {"loses_its_organisation"} == set(SCENARIOS)
    for scenario in SCENARIOS:
        for value in default_run(scenario).values:
            job = crawljob.parse_value(value)
            assert job.problems == ()
            assert list(derived.unknown_values(job)) == []


def _marks() -> list[Any]:
    marks: list[Any] = test_a_scenario_goes_through_its_states_to_its_end.pytestmark  # type: ignore[attr-defined]
    return marks


def test_all_states_and_stop_reasons_but_the_oldest_occur() -> None:
    seen: set[str] = set()
    reasons: set[str] = set()
    for scenario in SCENARIOS:
        for status in default_run(scenario).statuses:
            seen.add(status.get("state", "starting"))
            reasons.add(status.get("stopReason", ""))
    missing = {
        *("pending-wait", "processing-upload", "skipped_quota_reached", "stopped_quota_reached"),
        "paused_org_readonly",  # the slip in Browsertrix: it says paused
    }
    assert seen == set(KNOWN_STATES) - missing
    assert reasons == {"", *KNOWN_STOP_REASONS}


def test_identity_is_as_browsertrix_gives_it() -> None:
    manual = ScenarioRun("completes", overrides={"origin": "manual"})
    first = manual.values[0]
    assert "status" not in first
    cid = first["spec"]["cid"]
    assert manual.crawl.id == f"manual-20250521120000-{cid[:12]}"
    assert first["metadata"]["name"] == f"crawljob-{manual.crawl.id}"
    assert first["metadata"]["finalizers"]
    assert first["metadata"]["labels"] == {
        "crawl": manual.crawl.id,
        "role": "job",
        "btrix.org": first["spec"]["oid"],
        "btrix.user": first["spec"]["userid"],
        "btrix.storage": "default",
        "dedupe_coll_id": "",
    }
    scheduled = ScenarioRun("completes", overrides={"origin": "sched", "namespace": "other"})
    assert scheduled.crawl.id.startswith("sched-")
    assert scheduled.ended.namespace == "other"


def test_a_finished_crawl_stays_about_half_a_minute_and_a_qa_run_a_second() -> None:
    for scenario, shortest, longest in (("completes", 31, 41), ("assures_quality", 1, 3)):
        run = default_run(scenario)
        stayed = run.now - run.ended.finished
        assert shortest <= stayed <= longest
        assert [event.type for event in run.events[-2:]] == ["MODIFIED", "DELETED"]
    assert run.values[0]["metadata"]["labels"]["role"] == "qa-job"
    assert run.values[0]["spec"]["ttlSecondsAfterFinished"] == 0
    assert run.values[0]["spec"]["qaSourceCrawlId"]


def test_a_canceled_crawl_is_deleted_first_and_its_pods_exits_are_never_seen() -> None:
    run = default_run("is_canceled")
    deleting = [value for value in run.values if "deletionTimestamp" in value["metadata"]]
    assert deleting[0]["status"]["state"] == "running"
    assert "finished" not in deleting[0]["status"]
    assert deleting[-1]["status"]["canceled"] is True
    assert run.transitions == [None, "canceling", None]
    assert run.ground_truth.exits == {}
    assert 38 <= run.now - run.ended.finished <= 42


def test_a_deleted_organisations_crawl_is_never_finished() -> None:
    run = default_run("loses_its_organisation")
    assert run.states == START
    assert run.ground_truth.finished == {}
    crawl = run.crawl
    assert run.ground_truth.vanished == {crawl.uid: (NS, crawl.traits.oid, crawl.id)}
    held = [bool(value["metadata"].get("finalizers")) for value in run.values]
    assert sum(before and not after for before, after in pairwise(held)) == 500
    assert run.events[-1].type == "DELETED"
    few = ScenarioRun("loses_its_organisation", overrides={"flaps": 2})
    assert len(few.events) < len(run.events) - 900

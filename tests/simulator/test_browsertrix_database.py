"""What Browsertrix's database has of simulated crawls: quotas, workflows, records, jobs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final

import pytest

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix_api import Database, User, database_of
from exporter.simulator.browsertrix_api.answers import Answers
from exporter.simulator.browsertrix_api.landscape import Landscape
from exporter.simulator.browsertrix_api.organisation import Organisation, OrganisationQuotas
from exporter.simulator.browsertrix_api.people import MARKS
from exporter.simulator.browsertrix_api.refusals import RefusedError
from exporter.simulator.browsertrix_api.schedule import DAILY, Schedule, every

ADMIN: Final = User(email="a", password="b")  # noqa: S106 - of nobody
DAY: Final = 86_400.0
START: Final = datetime(2026, 7, 1, 12, 0, 7, tzinfo=UTC).timestamp()
END_OF_JULY: Final = datetime(2026, 7, 31, 23, 59, tzinfo=UTC).timestamp()


class World:
    """A simulation whose time a test lets pass, with its database."""

    def __init__(self, **traits: Any) -> None:
        self.now = START
        cluster = Cluster(clock=lambda: self.now)
        self.browsertrix = Browsertrix(cluster, clock=lambda: self.now, **traits)
        self.database = database_of(self.browsertrix)
        self.answers = Answers(self.database)

    def pass_time(self, seconds: float, step: float = 60.0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + step, end)
            self.browsertrix.step()
        self.database.settle()

    def organisation(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.answers.org(ADMIN, self.browsertrix.organisations[number])
        return found

    def workflow(self, name: str) -> dict[str, Any]:
        for oid in self.browsertrix.organisations:
            for item in self.answers.crawlconfigs(ADMIN, oid, {})["items"]:
                if item["name"] == name:
                    found: dict[str, Any] = item
                    return found
        raise AssertionError(name)


@pytest.fixture
def world() -> World:
    world = World()
    world.database.share_deleted = 0
    return world


@pytest.fixture(scope="module")
def busy() -> World:
    """A simulated day of four crawls at a time, in less than half an hour."""
    world = World(crawls=4, speed=60.0, seed=3, sync_every=300.0)
    world.pass_time(DAY / 60, step=15)
    return world


# Crawls and their records


def test_a_crawl_is_stored_when_it_has_ended_and_its_end_is_the_true_one(world: World) -> None:
    oid = world.browsertrix.organisations[0]
    before = world.organisation(0)
    crawl = world.browsertrix.start("completes", oid=oid, work=600.0, pages=100, page_size=1000)
    world.pass_time(300)
    record = world.answers.crawl(crawl.id)
    assert (record["state"], record["finished"]) == ("running", None)
    assert record["stats"]["done"] > 0
    assert world.organisation(0)["bytesStored"] == before["bytesStored"]
    assert (
        world.organisation(0)["crawlExecSeconds"]["2026-07"] > before["crawlExecSeconds"]["2026-07"]
    )
    assert world.answers.metrics(ADMIN, oid)["workflowsRunningCount"] == 1
    world.pass_time(1000)
    ended = world.browsertrix.ground_truth.finished[crawl.uid]
    record = world.answers.crawl(crawl.id)
    assert crawl.deleted
    assert record["finished"] == stamp(ended.finished)
    assert record["state"] == ended.state == "complete"
    after = world.organisation(0)
    assert after["bytesStored"] - before["bytesStored"] == 100 * 1000 == record["fileSize"]
    assert after["lastCrawlFinished"] == record["finished"]
    used = after["crawlExecSeconds"]["2026-07"] - before["crawlExecSeconds"]["2026-07"]
    assert used == record["crawlExecSeconds"] == crawl.status["crawlExecTime"]


def test_of_a_crawl_that_failed_nothing_is_stored(world: World) -> None:
    oid = world.browsertrix.organisations[0]
    before = world.organisation(0)
    crawl = world.browsertrix.start("fails", oid=oid)
    world.pass_time(1000)
    assert world.answers.crawl(crawl.id)["state"] == "failed"
    assert world.organisation(0)["bytesStored"] == before["bytesStored"]
    metrics = world.answers.metrics(ADMIN, oid)
    assert metrics["workflowsRunningCount"] == 0


def test_a_qa_run_has_no_record_but_uses_time(world: World) -> None:
    oid = world.browsertrix.organisations[0]
    crawl = world.browsertrix.start("assures_quality", oid=oid)
    world.pass_time(2000)
    with pytest.raises(RefusedError, match="crawl_not_found") as refused:
        world.answers.crawl(crawl.id)
    assert refused.value.status == 404
    found = world.organisation(0)
    assert found["qaCrawlExecSeconds"]["2026-07"] > 0
    assert not any(found["monthlyExecSeconds"].values()), "billed to nobody"


def test_a_crawl_that_vanishes_with_its_organisation_leaves_no_record(world: World) -> None:
    crawl = world.browsertrix.start("loses_its_organisation", work=300.0, flaps=2)
    world.pass_time(1000)
    assert crawl.uid in world.browsertrix.ground_truth.vanished
    assert crawl.id not in world.database.crawls


def test_every_record_has_the_end_that_the_ground_truth_has(busy: World) -> None:
    truth = {one.crawl: one for one in busy.browsertrix.ground_truth.finished.values()}
    ended = {
        identity: record
        for identity, record in busy.database.crawls.items()
        if record.crawl is not None and record.finished is not None
    }
    assert len(ended) > 15
    assert {one: (record.state, record.finished) for one, record in ended.items()} == {
        one: (truth[one].state, truth[one].finished) for one in ended
    }
    deleted = {one for one in truth if not one.startswith("qa-")} - busy.database.crawls.keys()
    assert deleted
    assert len(deleted) < len(ended)


def test_one_workflow_never_has_two_crawls_at_a_time_and_runs_again(busy: World) -> None:
    assert len({crawl.traits.cid for crawl in busy.browsertrix.active.values()}) <= len(
        busy.browsertrix.active
    )
    unscheduled = [one for one in busy.database.workflows.values() if not one.reserved]
    assert len(unscheduled) < 60
    assert max(one.attempts for one in unscheduled) > 2
    for workflow in busy.database.workflows.values():
        runs = workflow.records
        assert all(
            before.finished is not None and before.finished <= after.started
            for before, after in pairwise(runs)
        )


# Quotas


def test_storage_fills_and_is_tidied_when_it_was_full_for_a_while(busy: World) -> None:
    organisation = busy.organisation(1)
    quota = organisation["quotas"]["storageQuota"]
    assert 0.6 * quota < organisation["bytesStored"] < 1.5 * quota
    stored = busy.database.organisations[organisation["id"]]
    stored.bytes_crawls = quota
    assert busy.organisation(1)["storageQuotaReached"] is True
    listed = busy.answers.orgs(ADMIN, {})["items"]
    assert not any(item["storageQuotaReached"] for item in listed)
    busy.database.settle()
    busy.pass_time(3.5 * 3600 / 60, step=15)
    assert busy.organisation(1)["bytesStored"] < 0.9 * quota


def test_one_organisation_has_no_quota_one_is_read_only(busy: World) -> None:
    assert not any(busy.organisation(0)["quotas"].values())
    read_only = [item for item in busy.answers.orgs(ADMIN, {})["items"] if item["readOnly"]]
    assert [item["readOnlyReason"] for item in read_only] == ["subscriptionCanceled"]


def test_minutes_are_taken_from_the_month_then_gifted_then_extra_ones() -> None:
    organisation = Organisation(id="o", name="O", slug="o", created=0)
    organisation.quotas = OrganisationQuotas(exec_minutes=10, gifted_minutes=2, extra_minutes=1)
    organisation.gifted_seconds, organisation.extra_seconds = 120, 60
    organisation.book(590, START)
    assert not organisation.exec_minutes_quota_reached(START)
    organisation.book(100, START)
    assert organisation.monthly_seconds == {"2026-07": 600}
    assert (organisation.gifted_seconds, organisation.extra_seconds) == (30, 60)
    assert not organisation.exec_minutes_quota_reached(START)
    organisation.book(200, START)
    assert (organisation.gifted_seconds, organisation.extra_seconds) == (0, 0)
    assert organisation.exec_minutes_quota_reached(START)
    assert organisation.crawl_seconds == {"2026-07": 890}
    assert not organisation.exec_minutes_quota_reached(END_OF_JULY + 60)
    organisation.book(5, END_OF_JULY + 60)
    assert organisation.monthly_seconds == {"2026-07": 600, "2026-08": 5}


def test_minutes_fall_to_a_quota_that_is_lowered_and_gifted_ones_pay_for_them() -> None:
    organisation = Organisation(
        id="o", name="O", slug="o", created=START, quotas=OrganisationQuotas(exec_minutes=10)
    )
    organisation.book(600, START)
    organisation.quotas = OrganisationQuotas(exec_minutes=5)
    organisation.gifted_seconds = 1000

    organisation.book(30, START)

    (month,) = organisation.monthly_seconds
    assert organisation.monthly_seconds[month] == 300
    assert organisation.gifted_used[month] == 330
    assert organisation.crawl_seconds[month] == 630


def test_a_workflow_rests_though_the_record_of_its_crawl_is_deleted(world: World) -> None:
    oid = world.browsertrix.organisations[0]
    crawl = world.browsertrix.start("completes", oid=oid)
    workflow = world.database.workflows[crawl.traits.cid]
    world.database.delete_crawl(crawl.id)

    assert not workflow.records
    assert not workflow.can_run(world.now + 1)
    assert workflow.can_run(world.now + 3600)


def test_a_pause_that_expired_leaves_an_archive(world: World) -> None:
    oid = world.browsertrix.organisations[0]
    stored = world.organisation(0)["bytesStored"]
    crawl = world.browsertrix.start("pause_expires", oid=oid)
    world.pass_time(world.browsertrix.pause_limit + 86_400, step=1800.0)

    assert world.answers.crawl(crawl.id)["state"] == "stopped_pause_expired"
    assert world.organisation(0)["bytesStored"] > stored


def test_without_any_quota_of_time_only_the_total_moves() -> None:
    organisation = Organisation(id="o", name="O", slug="o", created=0)
    organisation.book(100, START)
    assert organisation.crawl_seconds == {"2026-07": 100}
    assert not organisation.monthly_seconds
    organisation.quotas = OrganisationQuotas(gifted_minutes=1)
    organisation.gifted_seconds = 60
    organisation.book(100, START)
    assert organisation.exec_minutes_quota_reached(START)
    assert organisation.monthly_seconds["2026-07"] == 0


# Workflows with a schedule


def test_a_schedule_is_in_cron_and_by_the_clock_on_the_wall() -> None:
    assert every(DAY, 60).cron == "*/30 * * * *"
    assert every(4 * 3600, 60).cron == "*/5 * * * *"
    assert every(DAY, 1) == DAILY
    assert DAILY.cron == "0 0 * * *"
    assert every(6 * 3600, 1).cron == "0 */6 * * *"
    assert every(3600, 1).cron == "0 * * * *"
    assert every(3600, 1e6).minutes == 2
    assert DAILY.last(START) == START - 12 * 3600 - 7
    assert DAILY.next(DAILY.last(START)) == DAILY.last(START) + DAY


@pytest.mark.parametrize(
    ("schedule", "cron"),
    [
        (every(600, 1), "*/10 * * * *"),
        (DAILY, "40 9 * * *"),
        (every(6 * 3600, 1), "40 3-23/6 * * *"),
        (every(3600, 1), "40 * * * *"),
        (every(DAY, 60), "10-59/30 * * * *"),
    ],
)
def test_a_schedule_can_count_from_a_time(schedule: Schedule, cron: str) -> None:
    at = START // DAY * DAY + 9 * 3600 + 40 * 60
    counted = schedule.counted_from(at)

    assert counted.cron == cron
    assert counted.last(at) == at
    assert counted.last(at - 1) == at - schedule.period
    assert counted.next(at) == at + schedule.period


def test_scheduled_workflows_run_when_they_are_due(busy: World) -> None:
    workflow = busy.workflow("Council minutes")
    period = every(6 * 3600, 60).period
    started = datetime.fromisoformat(workflow["lastCrawlStartTime"]).timestamp()
    assert 0 <= started % period <= 5
    assert busy.now - started < 2 * period
    assert workflow["lastCrawlId"].startswith("sched-")
    assert workflow["crawlSuccessfulCount"] == workflow["crawlCount"] > 6


def test_one_workflow_missed_its_runs_one_fails_and_one_comes_back_empty(busy: World) -> None:
    missed = busy.workflow("Annual reports")
    assert missed["schedule"] == "0 0 * * *"
    assert missed["lastCrawlStartTime"] == "2026-06-28T00:00:02Z"
    failing = busy.workflow("Members' area")
    assert failing["lastCrawlState"] in {"failed", "starting", "running"}
    assert failing["crawlCount"] - failing["crawlSuccessfulCount"] > 2
    empty = busy.database.workflows[busy.workflow("Exhibition calendar")["id"]]
    done = [record.stats["done"] for record in empty.records if record.is_successful]
    assert done[:5] == [1842] * 5
    assert set(done[5:]) == {0}


def test_when_it_begins_no_run_is_missing_but_of_the_one_that_missed_them(world: World) -> None:
    for name in ("Front pages, daily", "Council minutes", "Members' area", "Exhibition calendar"):
        workflow = world.database.workflows[world.workflow(name)["id"]]
        assert workflow.schedule is not None
        assert workflow.records[-1].started == workflow.schedule.last(world.now - 5) + 2
        assert (workflow.records[-1].finished or 0) <= world.now


# Background jobs, and what is said of people


def test_what_is_stored_is_copied_and_some_jobs_fail_or_never_end(busy: World) -> None:
    jobs = busy.answers.jobs({})["items"]
    assert {(job["type"], job["success"]) for job in jobs} >= {
        ("create-replica", True),
        ("create-replica", False),
        ("readd-org-pages", None),
    }
    failed = busy.answers.jobs({"success": "false"})["items"]
    assert failed
    assert all(job["success"] is False and job["finished"] for job in failed)
    (hanging,) = busy.answers.jobs({"jobType": "readd-org-pages"})["items"]
    assert hanging["finished"] is None


@pytest.mark.parametrize(
    "of",
    [
        lambda answers, _: answers.orgs(ADMIN, {}),
        lambda answers, oid: answers.org(ADMIN, oid),
        lambda answers, oid: answers.crawlconfigs(ADMIN, oid, {}),
        lambda answers, _: answers.crawls({"runningOnly": "false"}),
    ],
)
def test_what_is_said_of_people_can_be_searched_for(
    busy: World, of: Callable[[Answers, str], Any]
) -> None:
    text = json.dumps(of(busy.answers, busy.browsertrix.organisations[0]))
    assert all(mark in text for mark in MARKS)


def test_of_what_stays_as_it_is_there_are_records_too() -> None:
    database = Database(lambda: START)
    Landscape(database, crawls=200, organisations=50)
    crawljobs = list(fleet(200, now=START))
    for crawljob in crawljobs:
        database.add_crawljob(crawljob)
    assert database.crawls.keys() == {crawljob["spec"]["id"] for crawljob in crawljobs}
    assert len(database.workflows) == 200
    oids = {crawljob["spec"]["oid"] for crawljob in crawljobs}
    assert oids <= database.organisations.keys()
    assert len({one.slug for one in database.organisations.values()}) == len(oids) + 2

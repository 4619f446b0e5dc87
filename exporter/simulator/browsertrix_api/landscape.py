"""Who uses the simulated Browsertrix: organisations with quotas, workflows with schedules, jobs.

Of the organisations whose crawls are simulated the first has no quotas, the second fills its
storage, the third uses up its minutes, and so on in turn. Quotas are of a size that the crawls of
the simulation fill in about a simulated day. One more organisation is read-only, and one empty.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from exporter.simulator.browsertrix.browsertrix import Browsertrix
from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded
from exporter.simulator.browsertrix_api.background_job import REPLICA, BackgroundJob
from exporter.simulator.browsertrix_api.crawl_record import past_record
from exporter.simulator.browsertrix_api.database import Database
from exporter.simulator.browsertrix_api.organisation import (
    Organisation,
    OrganisationQuotas,
    month_of,
)
from exporter.simulator.browsertrix_api.schedule import DAILY, Schedule, every
from exporter.simulator.browsertrix_api.workflow import Workflow

_DAY: Final = 86_400.0
_NAMES: Final = ("Example City Library", "News Archive of Examplia", "Museum of Sample Art")
_FILLED_IN: Final = 20 * 3600.0
"""Simulated seconds in which the crawls fill the shares below."""
_STORAGE_LEFT: Final = 0.18
"""Of the quota, when the simulation begins."""
_MINUTES_LEFT: Final = 0.15
_BYTES: Final = 600_000.0
"""That a crawl adds in a simulated second, roughly: failures and waiting are in it."""
_POD_SECONDS: Final = 1.2
"""That it uses in one."""
_PAST_RUNS: Final = 5
_JUST_NOW: Final = 5.0
"""Seconds. What was due within them is to begin yet."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A workflow that crawls by its schedule, and what becomes of its crawls."""

    name: str
    every: float
    """Simulated seconds."""
    scenario: str = "completes"
    traits: tuple[tuple[str, Any], ...] = ()
    pages: int = 500
    """Of its crawls before the simulation began."""


_PLANNED: Final = (
    _Planned("Front pages, daily", _DAY, traits=(("work", 900.0), ("pages", 400))),
    _Planned("Council minutes", 6 * 3600, traits=(("work", 600.0), ("pages", 150)), pages=150),
    _Planned("Members' area", 4 * 3600, "fails", traits=(("work", 600.0),), pages=80),
    _Planned(
        "Exhibition calendar",
        8 * 3600,
        traits=(("work", 600.0), ("pages", 0)),
        pages=1842,
    ),
)
"""One well every day, one often, one that fails from now on, one that comes back empty."""


def database_of(browsertrix: Browsertrix, *, since_midnight: bool = True) -> Database:
    """Make the database of a simulated Browsertrix, which from now on keeps all its crawls.

    Schedules count from midnight, or else from now: then all is the same at any time of day.
    """
    database = Database(browsertrix.clock, seed=browsertrix.seed, speed=browsertrix.speed)
    landscape = Landscape(
        database,
        crawls=browsertrix.crawls,
        organisations=len(browsertrix.organisations),
        since_midnight=since_midnight,
    )
    landscape.follow(browsertrix)
    return database


class Landscape:
    """Puts all of it into a database."""

    def __init__(
        self,
        database: Database,
        *,
        crawls: int,
        organisations: int,
        since_midnight: bool = True,
    ) -> None:
        """``crawls`` at a time are shared by so many organisations."""
        self._database = database
        self._since_midnight = since_midnight
        self._now = database.clock()
        self._share = crawls / max(1, organisations)
        self._filling = self._share * _FILLED_IN
        self._made = 0
        database.new_organisation = self._organisation
        for organisation in self._quiet_ones():
            database.add_organisation(organisation)
        for job in self._jobs():
            database.jobs[job.id] = job

    def follow(self, browsertrix: Browsertrix) -> None:
        """Follow its crawls, and start those of workflows with a schedule."""
        browsertrix.backend = self._database
        oids = browsertrix.organisations
        for oid in oids:
            self._database.organisation(oid)
        for number, planned in enumerate(_PLANNED):
            schedule = self._schedule(every(planned.every, browsertrix.speed))
            oid = oids[number % len(oids)]
            workflow = self._scheduled(oid, planned.name, schedule, planned.pages)
            self._plan_next(browsertrix, workflow, planned, self._now - _JUST_NOW)
        self._scheduled(oids[0], "Annual reports", self._schedule(DAILY), 60, missed=3)

    def _schedule(self, schedule: Schedule) -> Schedule:
        return schedule if self._since_midnight else schedule.counted_from(self._now)

    def _plan_next(
        self, browsertrix: Browsertrix, workflow: Workflow, planned: _Planned, now: float
    ) -> None:
        assert workflow.schedule is not None  # noqa: S101 - see its only caller
        due = workflow.schedule.next(now)

        def start() -> None:
            if workflow.can_run(due):  # one at a time
                browsertrix.start_when_due(
                    planned.scenario,
                    oid=workflow.oid,
                    cid=workflow.id,
                    origin="sched",
                    **dict(planned.traits),
                )
            self._plan_next(browsertrix, workflow, planned, due)

        delay = seeded(self._database.seed, "cron", workflow.id, due).uniform(1, 3)
        browsertrix.plan(due + delay, start)

    def _scheduled(
        self, oid: str, name: str, schedule: Schedule, pages: int, missed: int = 0
    ) -> Workflow:
        """A workflow whose crawls went well so far, but for the last ones, which it ``missed``."""
        identity = random_uuid(seeded(self._database.seed, "workflow", name))
        workflow = Workflow(
            id=identity,
            oid=oid,
            name=name,
            first_seed=f"https://{slug(name)}.example/",
            created=self._now - 60 * _DAY,
            modified=self._now - 40 * _DAY,
            schedule=schedule,
            reserved=True,
        )
        last = schedule.last(self._now - _JUST_NOW)
        for before in reversed(range(missed, missed + _PAST_RUNS)):
            started = last - before * schedule.period + 2
            lasted = min(0.4 * schedule.period, 1200.0, self._now - started)
            workflow.add(past_record(oid, identity, started=started, lasted=lasted, pages=pages))
        self._database.add_workflow(workflow)
        organisation = self._database.organisations[oid]
        for record in workflow.records:
            organisation.bytes_crawls += record.bytes_kept
            organisation.crawls += 1
            organisation.pages += record.stats["done"]
            ends = (organisation.last_crawl_finished or 0.0, record.finished or 0.0)
            organisation.last_crawl_finished = max(ends)
        return workflow

    def _organisation(self, oid: str) -> Organisation:
        """One whose crawls are simulated."""
        number, self._made = self._made, self._made + 1
        has_name = number < len(_NAMES)
        name = _NAMES[number] if has_name else f"Example Organisation {number + 1}"
        organisation = self._with_past(oid, name, seeded("organisation", oid).uniform(0.5, 1))
        match number % 3:
            case 1:
                self._nearly_full(organisation)
            case 2:
                self._short_of_minutes(organisation)
        return organisation

    def _with_past(self, oid: str, name: str, size: float) -> Organisation:
        """One that has crawled in this month and the last; ``size`` is a share of the largest."""
        used = int(size * self._filling * _POD_SECONDS / _MINUTES_LEFT)
        stored = int(size * self._filling * _BYTES / _STORAGE_LEFT)
        this_month, last_month = month_of(self._now), _month_before(self._now)
        organisation = Organisation(
            id=oid,
            name=name,
            slug=slug(name),
            created=self._now - 400 * _DAY,
            bytes_crawls=stored,
            bytes_uploads=stored // 50,
            bytes_profiles=30_000_000,
            crawls=1 + stored // 3_000_000_000,
            pages=1 + stored // 1_500_000,
            uploads=12,
        )
        organisation.crawl_seconds.update({last_month: used, this_month: used // 2})
        organisation.elapsed.update({last_month: used // 2, this_month: used // 4})
        return organisation

    def _nearly_full(self, organisation: Organisation) -> None:
        quota = int(self._filling * _BYTES / _STORAGE_LEFT)
        organisation.bytes_crawls = int(quota * (1 - _STORAGE_LEFT)) - organisation.bytes_uploads
        organisation.quotas = OrganisationQuotas(
            storage=max(quota, 1), concurrent_crawls=max(2, int(self._share) + 2)
        )

    def _short_of_minutes(self, organisation: Organisation) -> None:
        minutes = max(1, int(self._filling * _POD_SECONDS / _MINUTES_LEFT / 60))
        gifted = extra = max(1, minutes // 25)
        organisation.quotas = OrganisationQuotas(
            exec_minutes=minutes,
            gifted_minutes=gifted,
            extra_minutes=extra,
            storage=organisation.bytes_stored * 10 + 10**12,
        )
        organisation.gifted_seconds, organisation.extra_seconds = gifted * 60, extra * 60
        used = int(minutes * 60 * (1 - _MINUTES_LEFT))
        organisation.monthly_seconds[month_of(self._now)] = used
        organisation.crawl_seconds[month_of(self._now)] = used

    def _quiet_ones(self) -> tuple[Organisation, ...]:
        """Organisations that do not crawl."""
        seed = self._database.seed
        closed = self._with_past(
            random_uuid(seeded(seed, "read-only")), "Closed Example Archive", 0.2
        )
        closed.read_only_reason = "subscriptionCanceled"
        closed.last_crawl_finished = self._now - 50 * _DAY
        closed.crawl_seconds.clear()
        closed.elapsed.clear()
        empty = Organisation(
            id=random_uuid(seeded(seed, "default")),
            name="Example Default Organisation",
            slug="default-org",
            created=self._now - 500 * _DAY,
            default=True,
        )
        return closed, empty

    def _jobs(self) -> tuple[BackgroundJob, ...]:
        """A copy that failed, a job that never ends, and one that went well."""
        closed = next(iter(self._database.organisations))
        now = self._now
        return (
            BackgroundJob(
                id=f"{REPLICA}-of-long-ago",
                type=REPLICA,
                oid=closed,
                started=now - 3 * 3600,
                finished=now - 2.5 * 3600,
                succeeds=False,
                about="manual-20250501120000-00000000-000",
            ),
            BackgroundJob(
                id="readd-org-pages-that-hang",
                type="readd-org-pages",
                oid=closed,
                started=now - 3 * _DAY,
                finished=None,
            ),
            BackgroundJob(
                id="optimize-pages-done",
                type="optimize-pages",
                oid=None,
                started=now - 5 * _DAY,
                finished=now - 4.9 * _DAY,
            ),
        )


def slug(name: str) -> str:
    """As Browsertrix makes it of a name."""
    return "-".join("".join(one if one.isalnum() else " " for one in name.lower()).split())


def _month_before(timestamp: float) -> str:
    day_of_month = datetime.fromtimestamp(timestamp, UTC).day
    return month_of(timestamp - day_of_month * _DAY)

"""What Browsertrix has in its database: organisations, workflows, crawls, background jobs.

It follows the simulated crawls of a ``Browsertrix``, whose ``backend`` it is, and is brought up to
date whenever it is asked (``settle``): what crawls have used is booked, what has ended is stored,
copied, and now and then deleted.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from exporter.simulator.apiserver.encoding import seconds
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.crawljob_manifest import Traits
from exporter.simulator.browsertrix.seeded_random import seeded
from exporter.simulator.browsertrix_api.background_job import BackgroundJob, replica_of
from exporter.simulator.browsertrix_api.crawl_record import CrawlRecord
from exporter.simulator.browsertrix_api.organisation import Organisation, month_of
from exporter.simulator.browsertrix_api.workflow import Workflow, idle

_MOST_RECORDS: Final = 200_000
"""Of crawls; the oldest go as if somebody had deleted them."""
_MOST_JOBS: Final = 300
"""Of the replicas of simulated crawls."""
_FAILED_REPLICAS: Final = 0.02
_DELETED_AFTER: Final = 600.0
"""Simulated seconds from the end of a crawl until somebody deletes it."""
_TIDIED_AFTER: Final = 3 * 3600.0
"""Simulated seconds after which somebody makes room where storage is full."""
_TIDIED_TO: Final = 0.7
"""Of the quota."""


class Database:
    """``clock`` gives seconds since 1970; ``speed`` is simulated seconds a real one."""

    def __init__(self, clock: Callable[[], float], *, seed: int = 0, speed: float = 1.0) -> None:
        self.clock = clock
        self.seed = seed
        self.speed = speed
        self.organisations: dict[str, Organisation] = {}
        self.workflows: dict[str, Workflow] = {}
        self.crawls: dict[str, CrawlRecord] = {}
        """Runs of workflows only: Browsertrix keeps QA runs elsewhere."""
        self.jobs: dict[str, BackgroundJob] = {}
        """Those that are about no simulated crawl."""
        self._replicas: deque[BackgroundJob] = deque(maxlen=_MOST_JOBS)
        self._workflows_of: dict[str, list[Workflow]] = {}
        self._followed: dict[str, CrawlRecord] = {}
        """Those whose use is still to be booked."""
        self._doomed: deque[tuple[float, str]] = deque()
        """When which crawl is deleted."""
        self._full_since: dict[str, float] = {}
        self.share_deleted = 0.08
        """Of crawls, soon after they ended; those of workflows with a schedule are kept."""
        self.new_organisation: Callable[[str], Organisation] = self._plain_organisation
        """Makes one for an id that is seen for the first time."""

    # What there is

    def organisation(self, oid: str) -> Organisation:
        """The one with this id, which is there as soon as it is spoken of."""
        if oid not in self.organisations:
            self.add_organisation(self.new_organisation(oid))
        return self.organisations[oid]

    def add_organisation(self, organisation: Organisation) -> None:
        """Add or replace one."""
        self.organisations[organisation.id] = organisation

    def add_workflow(self, workflow: Workflow) -> None:
        """Add one, with the crawls it has."""
        self.organisation(workflow.oid)
        self.workflows[workflow.id] = workflow
        self._workflows_of.setdefault(workflow.oid, []).append(workflow)
        for record in workflow.records:
            self.crawls[record.id] = record

    def workflows_of(self, oid: str) -> list[Workflow]:
        """All of an organisation."""
        return self._workflows_of.get(oid, [])

    def background_jobs(self) -> Iterable[BackgroundJob]:
        """All of them, in no order."""
        return *self.jobs.values(), *self._replicas

    def delete_crawl(self, identity: str) -> None:
        """Somebody deletes a crawl with its files. Raises KeyError where there is none."""
        record = self.crawls.pop(identity)
        self.workflows[record.cid].records.remove(record)
        organisation = self.organisations[record.oid]
        if record.is_successful:
            organisation.bytes_crawls -= min(record.bytes_kept, organisation.bytes_crawls)
            organisation.crawls -= 1
            organisation.pages -= min(record.stats["done"], organisation.pages)

    # Following the simulation

    def assign(self, traits: Traits, at: float) -> Traits:
        """Give the crawl a workflow of its organisation that is idle, a new one if none is."""
        self.settle()
        workflow = idle(self.workflows_of(traits.oid), at)
        if traits.is_qa:  # of a crawl of any workflow
            return replace(traits, cid=workflow.id) if workflow else traits
        if workflow is None:
            workflow = self._new_workflow(traits.oid, traits.cid, at)
        return replace(traits, cid=workflow.id, origin="manual")

    def began(self, crawl: Crawl) -> None:
        """Follow it."""
        traits = crawl.traits
        record = CrawlRecord(
            id=crawl.id,
            oid=traits.oid,
            cid=traits.cid,
            started=crawl.now,
            status=crawl.status,
            crawl=crawl,
            is_qa=traits.is_qa,
        )
        self._followed[record.id] = record
        if not record.is_qa:
            self._keep(record)

    def add_crawljob(self, crawljob: Object) -> None:
        """Keep the record of a CrawlJob that does not change."""
        spec, metadata = crawljob["spec"], crawljob["metadata"]
        self._keep(
            CrawlRecord(
                id=spec["id"],
                oid=spec["oid"],
                cid=spec["cid"],
                started=seconds(metadata["creationTimestamp"]),
                status=crawljob["status"],
            )
        )

    def _keep(self, record: CrawlRecord) -> None:
        workflow = self.workflows.get(record.cid)
        if workflow is None:
            workflow = self._new_workflow(record.oid, record.cid, record.started)
        workflow.add(record)
        self.crawls[record.id] = record

    def _new_workflow(self, oid: str, cid: str, at: float) -> Workflow:
        number = len(self.workflows) + 1
        host = f"site-{number}.example"
        secret = "fake-person:fake-person-password@" if number % 5 == 0 else ""
        workflow = Workflow(
            id=cid,
            oid=oid,
            name="" if number % 4 == 0 else f"Site {number}",
            first_seed=f"https://{secret}{host}/",
            created=at - 30 * 86_400,
            modified=at - 20 * 86_400,
        )
        self.add_workflow(workflow)
        return workflow

    def _plain_organisation(self, oid: str) -> Organisation:
        number = len(self.organisations) + 1
        return Organisation(
            id=oid,
            name=f"Example Organisation {number}",
            slug=f"example-organisation-{number}",
            created=self.clock() - 400 * 86_400,
        )

    # Booking

    def settle(self) -> None:
        """Bring everything up to now."""
        now = self.clock()
        for record in list(self._followed.values()):
            self._book(record)
            if record.has_vanished or record.finished is not None:
                del self._followed[record.id]
                self._end(record)
        while self._doomed and self._doomed[0][0] <= now:
            _, identity = self._doomed.popleft()
            if identity in self.crawls:
                self.delete_crawl(identity)
        for organisation in self.organisations.values():
            self._tidy(organisation, now)
        while len(self.crawls) > _MOST_RECORDS:
            self.delete_crawl(next(iter(self.crawls)))

    def _end(self, record: CrawlRecord) -> None:
        if record.id not in self.crawls:  # a QA run, or deleted already
            return
        if record.finished is None:
            self.delete_crawl(record.id)
        else:
            self._store(record, record.finished)

    def _book(self, record: CrawlRecord) -> None:
        used = record.exec_seconds - record.seconds_booked
        if used > 0:
            record.seconds_booked += used
            organisation = self.organisation(record.oid)
            organisation.book(used, record.counted_at, is_qa=record.is_qa)

    def _store(self, record: CrawlRecord, finished: float) -> None:
        organisation = self.organisation(record.oid)
        organisation.last_crawl_finished = max(organisation.last_crawl_finished or 0, finished)
        organisation.elapsed[month_of(finished)] += record.status.get("elapsedCrawlTime", 0)
        rng = seeded(self.seed, "ended", record.id)
        if record.is_successful:
            organisation.bytes_crawls += record.bytes_kept
            organisation.crawls += 1
            organisation.pages += record.stats["done"]
            lasts, succeeds = rng.uniform(30, 300) / self.speed, rng.random() >= _FAILED_REPLICAS
            self._replicas.append(replica_of(record, lasts=lasts, succeeds=succeeds))
        if rng.random() < self.share_deleted and not self.workflows[record.cid].reserved:
            self._doomed.append((finished + _DELETED_AFTER / self.speed, record.id))

    def _tidy(self, organisation: Organisation, now: float) -> None:
        """Make room in an organisation that has been full for a while: old crawls go first."""
        if not organisation.storage_quota_reached:
            self._full_since.pop(organisation.id, None)
            return
        since = self._full_since.setdefault(organisation.id, now)
        if now - since < _TIDIED_AFTER / self.speed:
            return
        wanted = int(organisation.quotas.storage * _TIDIED_TO)
        for record in list(self.crawls.values()):
            if organisation.bytes_stored <= wanted:
                return
            is_of_it = record.oid == organisation.id and record.bytes_kept
            if is_of_it and not self.workflows[record.cid].reserved:
                self.delete_crawl(record.id)
        excess = organisation.bytes_stored - wanted  # of crawls from before the simulation
        organisation.bytes_crawls -= min(max(0, excess), organisation.bytes_crawls)

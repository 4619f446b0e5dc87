"""A workflow: when it runs, and the crawls that there are of it."""

from dataclasses import dataclass, field
from typing import Any, Final

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix_api.crawl_record import CrawlRecord
from exporter.simulator.browsertrix_api.people import someone
from exporter.simulator.browsertrix_api.schedule import Schedule

_REST: Final = 60.0
"""Seconds from the start of a crawl to that of the next one, so that their ids differ."""
_OF_LAST_CRAWL: Final = (
    "lastRun",
    "lastCrawlId",
    "lastCrawlStartTime",
    "lastCrawlTime",
    "lastCrawlState",
    "lastCrawlSize",
    "lastCrawlStats",
)


@dataclass(slots=True, kw_only=True, eq=False)
class Workflow:
    """One of them. Times are seconds since 1970."""

    id: str
    oid: str
    name: str
    """Empty where nobody gave one: it goes by its first seed."""
    first_seed: str
    created: float
    modified: float
    schedule: Schedule | None = None
    reserved: bool = False
    """Whether crawls begin only by its schedule, or by none at all."""
    attempts: int = 0
    """Crawls that there ever were."""
    records: list[CrawlRecord] = field(default_factory=list)
    """Those not deleted, by when they began."""
    last_started: float = 0.0
    """When a crawl began last, be its record deleted or not."""

    @property
    def running(self) -> CrawlRecord | None:
        """The crawl under way; there is one at most."""
        newest = self.records[-1] if self.records else None
        return newest if newest is not None and newest.finished is None else None

    def can_run(self, at: float) -> bool:
        """Whether a crawl may begin."""
        return at - self.last_started >= _REST and self.running is None

    def add(self, record: CrawlRecord) -> None:
        """A crawl of it has begun."""
        self.attempts += 1
        self.last_started = max(self.last_started, record.started)
        self.records.append(record)

    def body(self) -> dict[str, Any]:
        """As the API answers it."""
        ended = [record for record in self.records if record.finished is not None]
        creator, starter = someone(self.id), someone(f"{self.id}/{self.attempts}")
        note = f"fake-person description: {creator.name} <{creator.email}> wants this"
        return {
            "id": self.id,
            "oid": self.oid,
            "name": self.name,
            "firstSeed": self.first_seed,
            "seedCount": 1,
            "description": note,
            "schedule": self.schedule.cron if self.schedule else "",
            "tags": [],
            "created": stamp(self.created),
            "createdBy": creator.id,
            "createdByName": creator.name,
            "modified": stamp(self.modified),
            "modifiedBy": creator.id,
            "modifiedByName": creator.name,
            "lastStartedBy": starter.id,
            "lastStartedByName": starter.name,
            "inactive": False,
            "crawlCount": len(ended),
            "crawlSuccessfulCount": sum(record.is_successful for record in ended),
            "crawlAttemptCount": self.attempts,
            "totalSize": sum(record.bytes_kept for record in ended),
            "dedupeCollId": None,
            **self._last_crawl(),
        }

    def _last_crawl(self) -> dict[str, Any]:
        """What there is to say of the newest crawl, be it under way or not."""
        newest = self.records[-1] if self.records else None
        if newest is None:
            return {"isCrawlRunning": False, **dict.fromkeys(_OF_LAST_CRAWL)}
        finished = newest.finished
        return {
            "isCrawlRunning": finished is None,
            "lastRun": stamp(newest.started if finished is None else finished),
            "lastCrawlId": newest.id,
            "lastCrawlStartTime": stamp(newest.started),
            "lastCrawlTime": None if finished is None else stamp(finished),
            "lastCrawlState": newest.state,
            "lastCrawlSize": newest.stats["size"] if finished is None else newest.bytes_kept,
            "lastCrawlStats": newest.stats,
        }


def idle(workflows: list[Workflow], at: float) -> Workflow | None:
    """The one that anybody may start and that has not run for longest; None where all are busy."""
    free = [one for one in workflows if not one.reserved and one.can_run(at)]
    return min(free, key=lambda one: one.records[-1].started if one.records else 0.0, default=None)

"""What is kept of a crawl, whether its CrawlJob is still there or not.

While the crawl runs its figures are those of its status, and so are they at its end: true, even
where a stale write left something else in the CrawlJob.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator.apiserver.encoding import seconds, stamp
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.seeded_random import seeded
from exporter.simulator.browsertrix_api.people import someone

SUCCESSFUL: Final = frozenset(
    {
        "complete",
        "stopped_by_user",
        "stopped_pause_expired",
        "stopped_storage_quota_reached",
        "stopped_time_quota_reached",
        "stopped_org_readonly",
    }
)
"""States in which a crawl has ended well; of all others no file is kept."""


@dataclass(slots=True, kw_only=True, eq=False)
class CrawlRecord:
    """One crawl. Times are seconds since 1970."""

    id: str
    oid: str
    cid: str
    started: float
    status: Mapping[str, Any]
    """Of its CrawlJob, and still growing while it runs."""
    crawl: Crawl | None = None
    """What writes it; None of crawls of the past, and of those that do not change."""
    is_qa: bool = False
    seconds_booked: int = 0
    """Of its execution time, on the account of its organisation."""

    @property
    def state(self) -> str:
        """As the CrawlJob has it; ``starting`` before it has any."""
        return str(self.status.get("state", "starting"))

    @property
    def finished(self) -> float | None:
        """When it ended; None while it runs."""
        time = self.status.get("finished")
        return seconds(time) if time else None

    @property
    def is_successful(self) -> bool:
        """Whether it has ended well."""
        return self.finished is not None and self.state in SUCCESSFUL

    @property
    def has_vanished(self) -> bool:
        """Whether it is gone without an end, as with its organisation."""
        return self.crawl is not None and self.crawl.deleted and self.finished is None

    @property
    def exec_seconds(self) -> int:
        """Of its pods, as far as Browsertrix has counted them."""
        return int(self.status.get("crawlExecTime", 0))

    @property
    def counted_at(self) -> float:
        """When it counted them last."""
        time = self.status.get("lastUpdatedTime")
        return seconds(time) if time else self.started

    @property
    def bytes_kept(self) -> int:
        """What it adds to what its organisation has stored; nothing before it has ended well."""
        return self.status.get("filesAddedSize", 0) if self.is_successful and not self.is_qa else 0

    @property
    def stats(self) -> dict[str, int]:
        """Pages, and bytes with what is not uploaded yet."""
        status = self.status
        return {
            "found": status.get("pagesFound", 0),
            "done": status.get("pagesDone", 0),
            "size": status.get("size", 0),
        }

    def body(self, name: str, organisation: str) -> dict[str, Any]:
        """As the API answers it; ``name`` is the workflow's."""
        person, finished = someone(self.id), self.finished
        return {
            "id": self.id,
            "type": "crawl",
            "oid": self.oid,
            "orgName": organisation,
            "cid": self.cid,
            "name": name,
            "userid": person.id,
            "userName": person.name,
            "description": f"fake-person description: ask {person.name} <{person.email}>",
            "tags": [],
            "started": stamp(self.started),
            "finished": None if finished is None else stamp(finished),
            "pausedAt": self._paused_at(),
            "state": self.state,
            "stats": self.stats,
            "fileSize": self.bytes_kept,
            "fileCount": self.status.get("filesAdded", 0),
            "crawlExecSeconds": self.exec_seconds,
            "qaCrawlExecSeconds": 0,
            "manual": not self.id.startswith("sched-"),
            "stopping": bool(self.status.get("stopping")),
            "reviewStatus": None,
        }

    def _paused_at(self) -> str | None:
        if self.crawl is None or self.finished is not None or self.crawl.paused_at is None:
            return None
        return stamp(self.crawl.paused_at)


def past_record(  # what differs from run to run  # noqa: PLR0913
    oid: str, cid: str, *, started: float, lasted: float, state: str = "complete", pages: int = 500
) -> CrawlRecord:
    """A crawl that had ended before the simulation began; ``lasted`` in seconds."""
    size = pages * 700_000
    rng = seeded("past", cid, started)
    status = {
        "state": state,
        "finished": stamp(started + lasted),
        "lastUpdatedTime": stamp(started + lasted),
        "pagesFound": pages + rng.randrange(1 + pages // 10),
        "pagesDone": pages,
        "size": size,
        "filesAdded": 1 + size // 100_000_000,
        "filesAddedSize": size if state in SUCCESSFUL else 0,
        "crawlExecTime": int(lasted * 2),
    }
    identity = f"sched-{cid[:12]}-{int(started // 60)}"
    # What it used is in what its organisation had used when the simulation began.
    return CrawlRecord(
        id=identity,
        oid=oid,
        cid=cid,
        started=started,
        status=status,
        seconds_booked=int(lasted * 2),
    )

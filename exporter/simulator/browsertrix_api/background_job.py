"""What Browsertrix does by itself: the copies of what crawls have stored, and other jobs."""

from dataclasses import dataclass
from typing import Any

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix_api.crawl_record import CrawlRecord

REPLICA = "create-replica"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundJob:
    """One of them. Times are seconds since 1970."""

    id: str
    type: str
    oid: str | None
    started: float
    finished: float | None
    """When it ends, be that in the future; None: never."""
    succeeds: bool = True
    about: str = ""
    """The crawl that a replica is of."""

    def success(self, now: float) -> bool | None:
        """How it went; None while it runs."""
        return None if self.finished is None or now < self.finished else self.succeeds

    def body(self, now: float) -> dict[str, Any]:
        """As the API answers it."""
        has_ended = self.finished is not None and now >= self.finished
        body: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "oid": self.oid,
            "success": self.success(now),
            "started": stamp(self.started),
            "finished": stamp(self.finished) if has_ended and self.finished else None,
            "previousAttempts": [],
        }
        if self.type == REPLICA:
            body |= {
                "file_path": f"{self.oid}/{self.about}/0.wacz",
                "object_type": "crawl",
                "object_id": self.about,
                "replica_storage": {"name": "replica", "custom": False},
            }
        return body


def replica_of(record: CrawlRecord, *, lasts: float, succeeds: bool = True) -> BackgroundJob:
    """The job that copies what a crawl has stored; ``lasts`` in seconds."""
    started = record.finished or record.started
    return BackgroundJob(
        id=f"{REPLICA}-{record.id}",
        type=REPLICA,
        oid=record.oid,
        started=started,
        finished=started + lasts,
        succeeds=succeeds,
        about=record.id,
    )

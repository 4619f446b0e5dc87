"""An organisation: what it may use, and what it has used, as Browsertrix books it.

Time is booked under the month (UTC) in which it was counted. It is taken from the month's quota
first, then from gifted, then from extra time, and only while one of these quotas is set; the total
goes on in any case. Bytes count when a crawl has ended well, not while it uploads.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix_api.people import PEOPLE, someone, subscription, webhooks


def month_of(timestamp: float) -> str:
    """The month that a time (seconds since 1970) is booked under."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m")


@dataclass(slots=True, kw_only=True)
class OrganisationQuotas:
    """0 is none."""

    storage: int = 0
    """Bytes."""
    exec_minutes: int = 0
    """A month."""
    concurrent_crawls: int = 0
    gifted_minutes: int = 0
    extra_minutes: int = 0

    def body(self) -> dict[str, int]:
        """As the API names them."""
        return {
            "storageQuota": self.storage,
            "maxExecMinutesPerMonth": self.exec_minutes,
            "maxConcurrentCrawls": self.concurrent_crawls,
            "maxPagesPerCrawl": 0,
            "extraExecMinutes": self.extra_minutes,
            "giftedExecMinutes": self.gifted_minutes,
        }


@dataclass(slots=True, kw_only=True, eq=False)
class Organisation:
    """One of them. Bytes, and seconds by month."""

    id: str
    name: str
    slug: str
    created: float
    quotas: OrganisationQuotas = field(default_factory=OrganisationQuotas)
    default: bool = False
    read_only_reason: str = ""
    """Empty where it is not read-only."""
    bytes_crawls: int = 0
    bytes_uploads: int = 0
    bytes_profiles: int = 0
    gifted_seconds: int = 0
    """Left, as the next."""
    extra_seconds: int = 0
    crawls: int = 0
    """Kept, as are the next."""
    pages: int = 0
    uploads: int = 0
    last_crawl_finished: float | None = None
    elapsed: Counter[str] = field(default_factory=Counter)
    crawl_seconds: Counter[str] = field(default_factory=Counter)
    qa_seconds: Counter[str] = field(default_factory=Counter)
    monthly_seconds: Counter[str] = field(default_factory=Counter)
    gifted_used: Counter[str] = field(default_factory=Counter)
    extra_used: Counter[str] = field(default_factory=Counter)

    @property
    def bytes_stored(self) -> int:
        """What counts towards the storage quota."""
        return self.bytes_crawls + self.bytes_uploads + self.bytes_profiles

    @property
    def storage_quota_reached(self) -> bool:
        """By Browsertrix's rule."""
        return bool(self.quotas.storage) and self.bytes_stored >= self.quotas.storage

    def exec_minutes_quota_reached(self, now: float) -> bool:
        """By Browsertrix's rule."""
        quotas = self.quotas
        if not (quotas.exec_minutes or quotas.gifted_minutes or quotas.extra_minutes):
            return False
        if quotas.gifted_minutes and self.gifted_seconds > 0:
            return False
        if quotas.extra_minutes and self.extra_seconds > 0:
            return False
        used = self.monthly_seconds[month_of(now)] // 60
        return not quotas.exec_minutes or used >= quotas.exec_minutes

    def book(self, used: int, at: float, *, is_qa: bool = False) -> None:
        """Book seconds of pods, counted at that time; those of QA are billed to nobody.

        Where the monthly quota was lowered below what is booked, that falls to it, and gifted and
        extra time pays for the rest.
        """
        month, quotas = month_of(at), self.quotas
        (self.qa_seconds if is_qa else self.crawl_seconds)[month] += used
        if is_qa or not (quotas.exec_minutes or quotas.gifted_minutes or quotas.extra_minutes):
            return
        of_month = min(used, quotas.exec_minutes * 60 - self.monthly_seconds[month])
        self.monthly_seconds[month] += of_month
        used -= of_month
        gifted = min(used, self.gifted_seconds)
        if gifted:
            self.gifted_seconds -= gifted
            self.gifted_used[month] += gifted
        extra = min(used - gifted, self.extra_seconds)
        if extra:
            self.extra_seconds -= extra
            self.extra_used[month] += extra

    def metrics(self, running: int, queued: int) -> dict[str, int]:
        """What it has archived, as the API answers it; of its workflows, these are under way."""
        return {
            "storageUsedBytes": self.bytes_stored,
            "storageUsedCrawls": self.bytes_crawls,
            "storageUsedUploads": self.bytes_uploads,
            "storageUsedProfiles": self.bytes_profiles,
            "storageQuotaBytes": self.quotas.storage,
            "archivedItemCount": self.crawls + self.uploads,
            "crawlCount": self.crawls,
            "uploadCount": self.uploads,
            "pageCount": self.pages,
            "crawlPageCount": self.pages,
            "uploadPageCount": 0,
            "profileCount": 1 if self.bytes_profiles else 0,
            "workflowsRunningCount": running,
            "workflowsQueuedCount": queued,
            "maxConcurrentCrawls": self.quotas.concurrent_crawls,
            "collectionsCount": 0,
            "publicCollectionsCount": 0,
        }

    def body(self, now: float, *, in_list: bool) -> dict[str, Any]:
        """As the API answers it; in lists it never says that a quota is reached."""
        owner = someone(self.id)
        finished = self.last_crawl_finished
        return {
            "id": self.id,
            "name": self.name,
            "slug": self.slug,
            "default": self.default,
            "created": stamp(self.created),
            "users": {owner.id: owner.as_user(), PEOPLE[0].id: PEOPLE[0].as_user(20)},
            "usage": dict(self.elapsed),
            "qaUsage": {},
            "crawlExecSeconds": dict(self.crawl_seconds),
            "qaCrawlExecSeconds": dict(self.qa_seconds),
            "monthlyExecSeconds": dict(self.monthly_seconds),
            "extraExecSeconds": dict(self.extra_used),
            "giftedExecSeconds": dict(self.gifted_used),
            "extraExecSecondsAvailable": self.extra_seconds,
            "giftedExecSecondsAvailable": self.gifted_seconds,
            "bytesStored": self.bytes_stored,
            "bytesStoredCrawls": self.bytes_crawls,
            "bytesStoredUploads": self.bytes_uploads,
            "bytesStoredProfiles": self.bytes_profiles,
            "quotas": self.quotas.body(),
            "storageQuotaReached": not in_list and self.storage_quota_reached,
            "execMinutesQuotaReached": not in_list and self.exec_minutes_quota_reached(now),
            "readOnly": bool(self.read_only_reason),
            "readOnlyReason": self.read_only_reason or None,
            "subscription": subscription(self.id),
            "note": f"fake-person note: call {owner.name}",
            "webhookUrls": webhooks(self.id),
            "lastCrawlFinished": None if finished is None else stamp(finished),
            "enablePublicProfile": False,
            "publicDescription": "",
        }

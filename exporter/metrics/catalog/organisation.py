"""The families of organisations: what they may use, what they have used, what waits for it."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from exporter.metrics.catalog.family import Kind, Sample
from exporter.metrics.catalog.polled import (
    ORG_LABELS,
    OrganisationCountsFamily,
    OrganisationCrawls,
    OrganisationCrawlsFamily,
    OrganisationFamily,
    OrganisationView,
    one,
)
from exporter.resources.browsertrix import Organisation, OrganisationCounts
from exporter.resources.browsertrix.organisation import in_month
from exporter.resources.browsertrix.quotas import (
    exec_minutes_quota_reached,
    month_before,
    storage_quota_reached,
)


def _org(
    name: str, text: str, source: str, value: Callable[[OrganisationView], Sample], **more: Any
) -> OrganisationFamily:
    return OrganisationFamily(
        name=f"browsertrix_org_{name}",
        help=text,
        source=f"orgs: {source}",
        samples=one(value),
        **more,
    )


def _ratio(used: float | None, quota: float | None) -> float | None:
    """None where there is no quota, or either is unknown."""
    return used / quota if quota and used is not None else None


def _info(view: OrganisationView) -> Sample:
    return (1.0, view.org.name, view.org.slug) if view.named else (1.0, "", "")


def _stored(view: OrganisationView) -> Iterator[Sample]:
    for kind, count in view.org.bytes_by_kind.items():
        if count is not None:
            yield count, kind


def _quotas_reached(view: OrganisationView) -> Iterator[Sample]:
    for quota, reached in (
        ("exec_minutes", exec_minutes_quota_reached(view.org, view.month)),
        ("storage", storage_quota_reached(view.org)),
    ):
        if reached is not None:
            yield float(reached), quota


def _billed(view: OrganisationView) -> float | None:
    return in_month(view.org.monthly_exec_seconds, view.month)


def _exec_quota(org: Organisation) -> float | None:
    minutes = org.quotas.max_exec_minutes_per_month
    return minutes * 60 if minutes else None


def _archived(counts: OrganisationCounts) -> Iterator[Sample]:
    for kind, count in (("crawls", counts.crawl_count), ("uploads", counts.upload_count)):
        if count is not None:
            yield count, kind


def _projected(crawls: OrganisationCrawls) -> float | None:
    stored = crawls.org.bytes_stored
    return None if stored is None else stored + crawls.uncommitted


def _uncommitted(crawls: OrganisationCrawls) -> float | None:
    return None if crawls.org.bytes_stored is None else float(crawls.uncommitted)


uncommitted: Final = one(_uncommitted)
"""The part of ``PROJECTED`` that is of crawls."""
PROJECTED: Final = OrganisationCrawlsFamily(
    name="browsertrix_org_storage_projected_bytes",
    help="Bytes that will count towards the organisation's storage quota once what its crawls "
    "hold is uploaded: used now, and what is not committed yet of crawls that have not ended.",
    source="orgs: bytesStored, and of its CrawlJobs status.sizePending, before 1.21 "
    "status.size - status.filesAddedSize",
    samples=one(_projected),
    unit="bytes",
)

ORGANISATION_FAMILIES: Final = (
    _org(
        "info",
        "1; what the organisation is called. Empty with --no-browsertrix.names.",
        "slug, name",
        _info,
        kind=Kind.INFO,
        labels=(*ORG_LABELS, "name", "slug"),
    ),
    OrganisationFamily(
        name="browsertrix_org_stored_bytes",
        help="Bytes that the organisation has stored, by what they are of.",
        source="orgs: bytesStoredCrawls and so on",
        samples=_stored,
        labels=(*ORG_LABELS, "kind"),
        unit="bytes",
    ),
    _org(
        "storage_used_bytes",
        "Bytes that count towards the organisation's storage quota.",
        "bytesStored",
        lambda view: view.org.bytes_stored,
        unit="bytes",
    ),
    PROJECTED,
    _org(
        "storage_quota_bytes",
        "Bytes that the organisation may store; absent where there is no limit.",
        "quotas.storageQuota",
        lambda view: view.org.quotas.storage_quota or None,
        unit="bytes",
    ),
    _org(
        "storage_usage_ratio",
        "Part of its storage quota that the organisation has used.",
        "bytesStored / quotas.storageQuota",
        lambda view: _ratio(view.org.bytes_stored, view.org.quotas.storage_quota),
        unit="ratio",
    ),
    _org(
        "exec_month_seconds",
        "Seconds that crawler pods of the organisation have run this month (UTC): the true total, "
        "QA left out.",
        "crawlExecSeconds of this month",
        lambda view: in_month(view.org.crawl_exec_seconds, view.month),
        monthly=True,
        unit="seconds",
    ),
    _org(
        "exec_previous_month_seconds",
        "The same of the whole month before.",
        "crawlExecSeconds of last month",
        lambda view: in_month(view.org.crawl_exec_seconds, month_before(view.month)),
        monthly=True,
        unit="seconds",
    ),
    _org(
        "billed_exec_seconds",
        "Seconds taken from the organisation's monthly quota this month (UTC): it moves only "
        "while the organisation has a quota of minutes, and no further than the monthly one.",
        "monthlyExecSeconds of this month",
        _billed,
        monthly=True,
        unit="seconds",
    ),
    _org(
        "exec_quota_seconds",
        "Seconds that crawler pods of the organisation may run each month; absent where there is "
        "no such quota.",
        "quotas.maxExecMinutesPerMonth * 60",
        lambda view: _exec_quota(view.org),
        unit="seconds",
    ),
    _org(
        "exec_usage_ratio",
        "Part of its monthly quota that was taken this month.",
        "monthlyExecSeconds / (quotas.maxExecMinutesPerMonth * 60)",
        lambda view: _ratio(_billed(view), _exec_quota(view.org)),
        monthly=True,
        unit="ratio",
    ),
    _org(
        "gifted_exec_seconds_available",
        "Gifted seconds that are left, used once the month's are; absent where none were gifted.",
        "giftedExecSecondsAvailable",
        lambda view: (
            view.org.gifted_exec_seconds_available if view.org.quotas.gifted_exec_minutes else None
        ),
    ),
    _org(
        "extra_exec_seconds_available",
        "Extra seconds that are left, used once the gifted are; absent where there never were any.",
        "extraExecSecondsAvailable",
        lambda view: (
            view.org.extra_exec_seconds_available if view.org.quotas.extra_exec_minutes else None
        ),
    ),
    OrganisationCrawlsFamily(
        name="browsertrix_org_crawls_running",
        help="Crawls that take one of the places the organisation has: all that have not ended "
        "and do not wait for a place, paused ones among them; no QA runs.",
        source="count of its CrawlJobs",
        samples=one(lambda crawls: crawls.running),
    ),
    OrganisationCrawlsFamily(
        name="browsertrix_org_crawls_queued",
        help="Crawls that wait for a place: their state is waiting_org_limit.",
        source="count of its CrawlJobs",
        samples=one(lambda crawls: crawls.queued),
    ),
    _org(
        "crawls_max",
        "Crawls that the organisation may run at once; absent where there is no limit.",
        "quotas.maxConcurrentCrawls",
        lambda view: view.org.quotas.max_concurrent_crawls or None,
    ),
    _org(
        "read_only",
        "1 where nothing may be crawled or uploaded any more, else 0.",
        "readOnly",
        lambda view: None if view.org.read_only is None else float(view.org.read_only),
    ),
    OrganisationFamily(
        name="browsertrix_org_quota_reached",
        help="1 where by Browsertrix's own rule the organisation's storage or minutes are up, "
        "else 0. Minutes are up when the month's, the gifted and the extra ones are.",
        source="orgs: quotas and what is used of them",
        samples=_quotas_reached,
        labels=(*ORG_LABELS, "quota"),
        monthly=True,
    ),
    _org(
        "last_crawl_finished_timestamp_seconds",
        "When a crawl of the organisation last ended, in seconds since 1970.",
        "lastCrawlFinished",
        lambda view: view.org.last_crawl_finished,
        unit="seconds",
    ),
    OrganisationCountsFamily(
        name="browsertrix_org_archived_items",
        help="Crawls that ended well, and uploads, that the organisation keeps.",
        source="orgs/metrics: crawlCount, uploadCount",
        samples=_archived,
        labels=(*ORG_LABELS, "kind"),
    ),
    OrganisationCountsFamily(
        name="browsertrix_org_archived_pages",
        help="Pages of these.",
        source="orgs/metrics: pageCount",
        samples=one(lambda counts: counts.page_count),
    ),
)

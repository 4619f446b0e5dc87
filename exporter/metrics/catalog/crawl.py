"""The families of one crawl."""

from collections.abc import Callable
from typing import Final

from exporter.metrics.catalog.family import CrawlFamily, Kind, Sample
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.identity import CRAWL_LABELS

_INFO_LABELS: Final = (
    "channel",
    "cid",
    "collection",
    "image",
    "manual",
    "profile",
    "proxy",
    "qa_source",
    "role",
    "storage",
    "uid",
)


def _identity(job: CrawlJob) -> Sample:
    spec, labels = job.spec, job.metadata.labels
    profile = spec.profile_id if spec.profile_id != "None" else None
    return (
        1.0,
        spec.crawler_channel,
        spec.cid,
        spec.dedupe_coll_id or labels.dedupe_coll_id,
        job.status.crawler_image,
        None if spec.manual is None else "true" if spec.manual else "false",
        profile or spec.profile_filename,
        spec.proxy_id,
        spec.qa_source_crawl_id,
        "qa-job" if derived.is_qa(job) else "job",
        spec.storage_name or labels.storage,
        job.metadata.uid,
    )


def _stop_reason(job: CrawlJob) -> Sample:
    reason = job.status.stop_reason
    return (1.0, reason) if reason else None


def _transition(job: CrawlJob) -> Sample:
    word = derived.transition(job)
    return (1.0, word) if word else None


def _pause_is_unread(job: CrawlJob) -> bool:
    """Whether ``pausedAt`` could not be read: then nobody knows whether it is paused."""
    return bool(job.problems) and any(
        problem.field in {"spec.pausedAt", "spec"} for problem in job.problems
    )


PausedBefore = Callable[[CrawlJob], float]
"""Says how many seconds a crawl was paused in the pauses that are over."""


def crawl_families(pause_limit: float, paused_before: PausedBefore) -> tuple[CrawlFamily, ...]:
    """All families of a crawl; ``pause_limit`` in seconds is Browsertrix's."""
    return (*_what(), *_when(pause_limit, paused_before), *_how_much(), *_flags())


def _what() -> tuple[CrawlFamily, ...]:
    return (
        CrawlFamily(
            name="browsertrix_crawl_info",
            kind=Kind.INFO,
            help="What the crawl is: join on namespace, oid and crawl to bring a label over.",
            source="metadata.uid, spec.cid, spec.qaSourceCrawlId, spec.manual, "
            "spec.crawlerChannel, status.crawlerImage, spec.storageName, spec.proxyId, "
            "spec.profileId, spec.dedupeCollId",
            labels=(*CRAWL_LABELS, *_INFO_LABELS),
            value=_identity,
        ),
        CrawlFamily(
            name="browsertrix_crawl_state",
            help="1 for the state the crawl is in; no series for the others.",
            source="status.state",
            labels=(*CRAWL_LABELS, "state"),
            value=lambda job: (1.0, derived.state(job)),
        ),
        CrawlFamily(
            name="browsertrix_crawl_stop_reason",
            help="1 for the reason the crawl stops, pauses or has stopped for.",
            source="status.stopReason",
            labels=(*CRAWL_LABELS, "stop_reason"),
            value=_stop_reason,
        ),
        CrawlFamily(
            name="browsertrix_crawl_transition",
            help="1 while the crawl is on its way to another state: "
            "pausing, resuming, stopping or canceling.",
            source="spec.pausedAt, spec.stopping, status.stopping, "
            "metadata.deletionTimestamp, against status.state",
            labels=(*CRAWL_LABELS, "transition"),
            value=_transition,
        ),
    )


def _timestamp(
    name: str, text: str, source: str, value: Callable[[CrawlJob], float | None]
) -> CrawlFamily:
    return CrawlFamily(
        name=f"browsertrix_crawl_{name}_timestamp_seconds",
        help=f"{text}, in seconds since 1970.",
        source=source,
        unit="seconds",
        value=value,
    )


def _when(pause_limit: float, paused_before: PausedBefore) -> tuple[CrawlFamily, ...]:
    return (
        _timestamp(
            "created",
            "When the CrawlJob was created",
            "metadata.creationTimestamp",
            lambda job: job.metadata.creation_timestamp,
        ),
        _timestamp(
            "deletion",
            "When the CrawlJob's deletion was asked for",
            "metadata.deletionTimestamp",
            lambda job: job.metadata.deletion_timestamp,
        ),
        _timestamp(
            "paused",
            "When the current pause was asked for",
            "spec.pausedAt",
            derived.paused_since,
        ),
        _timestamp(
            "pause_expires",
            "When Browsertrix gives up the paused crawl",
            "spec.pausedAt plus --pause-limit",
            lambda job: derived.pause_expires(job, pause_limit),
        ),
        _timestamp(
            "restart",
            "When a restart of the crawl's pods was last asked for",
            "spec.restartTime",
            lambda job: job.spec.restart_time,
        ),
        _timestamp(
            "last_active",
            "When the crawl last did anything",
            "status.lastActiveTime",
            lambda job: job.status.last_active_time,
        ),
        _timestamp(
            "last_updated",
            "When Browsertrix last added up the crawl's times",
            "status.lastUpdatedTime",
            lambda job: job.status.last_updated_time,
        ),
        _timestamp(
            "rate_limited",
            "Since when the crawled site has limited the crawl's rate",
            "status.rateLimitedAtTime",
            lambda job: job.status.rate_limited_at_time,
        ),
        CrawlFamily(
            name="browsertrix_crawl_pause_duration_seconds",
            help="Seconds since the current pause was asked for; 0 while not paused.",
            source="spec.pausedAt against the time of the scrape",
            unit="seconds",
            value=lambda job: None if _pause_is_unread(job) else 0.0,
            since=derived.paused_since,
        ),
        CrawlFamily(
            name="browsertrix_crawl_paused_seconds",
            help="Seconds the crawl has been paused over all its pauses, the current included.",
            source="the history of spec.pausedAt",
            unit="seconds",
            value=lambda job: None if _pause_is_unread(job) else paused_before(job),
            since=lambda job: _since_all(derived.paused_since(job), paused_before(job)),
        ),
    )


def _since_all(since: float | None, before: float) -> float | None:
    """From when all pauses would count if they had been one that goes on now."""
    return None if since is None else since - before


def _figure(
    name: str, text: str, source: str, value: Callable[[CrawlJob], float | None], unit: str = ""
) -> CrawlFamily:
    return CrawlFamily(
        name=f"browsertrix_crawl_{name}", help=text, source=source, unit=unit, value=value
    )


def _how_much() -> tuple[CrawlFamily, ...]:
    return (
        _figure(
            "exec_seconds",
            "Seconds of execution summed over all crawler pods: what an organisation's minutes "
            "are billed on.",
            "status.crawlExecTime",
            lambda job: job.status.crawl_exec_time,
            "seconds",
        ),
        _figure(
            "elapsed_seconds",
            "Seconds during which the crawl had at least one pod: what its timeout is compared "
            "with.",
            "status.elapsedCrawlTime",
            lambda job: job.status.elapsed_crawl_time,
            "seconds",
        ),
        _figure(
            "timeout_seconds",
            "Elapsed seconds at which the crawl will be stopped; absent without a limit.",
            "spec.timeout",
            lambda job: derived.limit(job.spec.timeout),
            "seconds",
        ),
        _figure(
            "pages_found",
            "Pages found so far.",
            "status.pagesFound",
            lambda job: job.status.pages_found,
        ),
        _figure(
            "pages_done",
            "Pages crawled so far.",
            "status.pagesDone",
            lambda job: job.status.pages_done,
        ),
        _figure(
            "size_bytes",
            "Bytes archived so far, uploaded or not.",
            "status.size",
            lambda job: job.status.size,
            "bytes",
        ),
        _figure(
            "size_pending_bytes",
            "Bytes archived and not uploaded yet.",
            "status.sizePending",
            lambda job: job.status.size_pending,
            "bytes",
        ),
        _figure(
            "size_limit_bytes",
            "Archived bytes at which the crawl will be stopped; absent without a limit.",
            "spec.maxCrawlSize",
            lambda job: derived.limit(job.spec.max_crawl_size),
            "bytes",
        ),
        _figure(
            "files_added",
            "Archive files uploaded so far.",
            "status.filesAdded",
            lambda job: job.status.files_added,
        ),
        _figure(
            "files_added_bytes",
            "Bytes of the archive files uploaded so far.",
            "status.filesAddedSize",
            lambda job: job.status.files_added_size,
            "bytes",
        ),
        _figure(
            "scale",
            "Crawler pods that exist now.",
            "status.scale",
            lambda job: job.status.scale,
        ),
        _figure(
            "desired_scale",
            "Crawler pods that Browsertrix wants (1.17 and later).",
            "status.desiredScale",
            lambda job: job.status.desired_scale,
        ),
        _figure(
            "browser_windows",
            "Browser windows asked for over all pods.",
            "spec.browserWindows",
            lambda job: job.spec.browser_windows,
        ),
        _figure(
            "last_pod_exit_code",
            "Exit code of the crawler pod that exited last.",
            "status.lastCrawlPodExitCode",
            lambda job: job.status.last_crawl_pod_exit_code,
        ),
    )


def _flags() -> tuple[CrawlFamily, ...]:
    return (
        _figure(
            "stopping",
            "1 while the crawl is stopping or pausing, and while paused; 0 otherwise.",
            "status.stopping",
            lambda job: job.status.stopping,
        ),
        _figure(
            "canceled",
            "1 when the crawl was canceled, 0 otherwise.",
            "status.canceled",
            lambda job: job.status.canceled,
        ),
        _figure(
            "redis_initialized",
            "1 while the crawl's redis is kept up, 0 otherwise.",
            "status.initRedis",
            lambda job: job.status.init_redis,
        ),
    )

"""The families of when things happened to a crawl, and for how long it has been paused."""

from collections.abc import Callable

from exporter.crawls import Crawl
from exporter.metrics.catalog.family import CrawlFamily, Field
from exporter.resources.crawljob import CrawlJob, derived

PausedBefore = Callable[[CrawlJob], float]
"""Returns the seconds a crawl was paused, in the pauses that are over."""


def _timestamp(
    name: str, text: str, source: str, value: Callable[[Crawl], float | None]
) -> CrawlFamily:
    return CrawlFamily(
        name=f"browsertrix_crawl_{name}_timestamp_seconds",
        help=f"{text}, in seconds since 1970.",
        source=source,
        unit="seconds",
        value=value,
    )


def time_families(pause_limit: float, paused_before: PausedBefore) -> tuple[CrawlFamily, ...]:
    """Return them; ``pause_limit`` in seconds is Browsertrix's."""
    return (
        _timestamp(
            "created",
            "When the CrawlJob was created",
            "metadata.creationTimestamp",
            Field("job.metadata.creation_timestamp"),
        ),
        _timestamp(
            "deletion",
            "When the CrawlJob's deletion was asked for",
            "metadata.deletionTimestamp",
            Field("job.metadata.deletion_timestamp"),
        ),
        _timestamp(
            "paused",
            "When the current pause was asked for",
            "spec.pausedAt",
            _paused_since,
        ),
        _timestamp(
            "pause_expires",
            "When Browsertrix gives up the paused crawl",
            "spec.pausedAt plus --pause-limit",
            lambda crawl: derived.pause_expires(crawl.job, pause_limit),
        ),
        _timestamp(
            "restart",
            "When a restart of the crawl's pods was last asked for",
            "spec.restartTime",
            Field("job.spec.restart_time"),
        ),
        _timestamp(
            "last_active",
            "When the crawl last did anything",
            "status.lastActiveTime",
            Field("job.status.last_active_time"),
        ),
        _timestamp(
            "last_updated",
            "When Browsertrix last added up the crawl's times",
            "status.lastUpdatedTime",
            Field("job.status.last_updated_time"),
        ),
        _timestamp(
            "rate_limited",
            "Since when the crawled site has limited the crawl's rate",
            "status.rateLimitedAtTime",
            Field("job.status.rate_limited_at_time"),
        ),
        CrawlFamily(
            name="browsertrix_crawl_pause_duration_seconds",
            help="Seconds since the current pause was asked for; 0 while not paused.",
            source="spec.pausedAt against the time of the scrape",
            unit="seconds",
            value=lambda crawl: None if _pause_is_unread(crawl) else 0.0,
            since=_paused_since,
        ),
        CrawlFamily(
            name="browsertrix_crawl_paused_seconds",
            help="Seconds the crawl has been paused over all its pauses, the current included.",
            source="the history of spec.pausedAt",
            unit="seconds",
            value=lambda crawl: None if _pause_is_unread(crawl) else paused_before(crawl.job),
            since=lambda crawl: _all_pauses_since(crawl, paused_before),
        ),
    )


def _paused_since(crawl: Crawl) -> float | None:
    return derived.paused_since(crawl.job)


def _all_pauses_since(crawl: Crawl, paused_before: PausedBefore) -> float | None:
    """When the current pause would have begun, had it lasted as long as all pauses together."""
    since = _paused_since(crawl)
    return None if since is None else since - paused_before(crawl.job)


def _pause_is_unread(crawl: Crawl) -> bool:
    """Whether ``pausedAt`` could not be read: then nobody knows whether it is paused."""
    problems = crawl.job.problems
    return bool(problems) and any(
        problem.field in {"spec.pausedAt", "spec"} for problem in problems
    )

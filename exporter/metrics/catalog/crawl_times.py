"""The families of when things happened to a crawl, and for how long it has been paused."""

from collections.abc import Callable
from typing import Protocol

from exporter.crawls import Crawl, PauseLimit
from exporter.metrics.catalog.family import CrawlFamily, Field, Sample
from exporter.resources.crawljob import CrawlJob, derived
from exporter.resources.identity import CRAWL_LABELS


class CrawlPast(Protocol):
    """What earlier statuses said of a crawl; seconds, or seconds since 1970."""

    paused_seconds: float
    """Of the pauses that are over."""
    state: str
    state_since: float | None
    transition: str
    transition_since: float | None
    progressed: float


Past = Callable[[CrawlJob], CrawlPast | None]
"""Returns what is known of a crawl's past; None where nothing is."""


def paused_before(past: CrawlPast | None) -> float:
    """Seconds in the pauses that are over."""
    return 0.0 if past is None else past.paused_seconds


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


def time_families(pause_limit: PauseLimit, past: Past) -> tuple[CrawlFamily, ...]:
    """Return them; ``pause_limit`` is Browsertrix's."""
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
            "spec.pausedAt plus --pause-limit; where Browsertrix is asked, plus its own limit",
            lambda crawl: derived.pause_expires(crawl.job, pause_limit.seconds),
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
            name="browsertrix_crawl_state_since_timestamp_seconds",
            help="Since when the crawl has been in its state, in seconds since 1970; the same "
            "before and after a restart.",
            source="the history of status.state; spec.pausedAt, metadata.creationTimestamp and "
            "status.finished where these say it",
            unit="seconds",
            labels=(*CRAWL_LABELS, "state"),
            value=lambda crawl: _state_since(crawl, past(crawl.job)),
        ),
        CrawlFamily(
            name="browsertrix_crawl_transition_since_timestamp_seconds",
            help="Since when the crawl has been pausing, resuming, stopping or being canceled, in "
            "seconds since 1970.",
            source="the history of what is asked for; spec.pausedAt and "
            "metadata.deletionTimestamp where these say it",
            unit="seconds",
            labels=(*CRAWL_LABELS, "transition"),
            value=lambda crawl: _transition_since(crawl, past(crawl.job)),
        ),
        CrawlFamily(
            name="browsertrix_crawl_progress_timestamp_seconds",
            help="When the running crawl last finished a page or archived a byte, or began to "
            "run, in seconds since 1970.",
            source="the history of status.pagesDone, status.size and status.state",
            unit="seconds",
            value=lambda crawl: _progress(crawl, past(crawl.job)),
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
            value=lambda crawl: None if _pause_is_unread(crawl) else paused_before(past(crawl.job)),
            since=lambda crawl: _all_pauses_since(crawl, past),
        ),
    )


def _paused_since(crawl: Crawl) -> float | None:
    return derived.paused_since(crawl.job)


def _state_since(crawl: Crawl, past: CrawlPast | None) -> Sample:
    if derived.has_ended(crawl.job):
        finished = crawl.job.status.finished
        return None if finished is None else (finished, derived.state(crawl.job))
    if past is None or past.state_since is None:
        return None
    return past.state_since, past.state


def _transition_since(crawl: Crawl, past: CrawlPast | None) -> Sample:
    if past is None or past.transition_since is None or derived.has_ended(crawl.job):
        return None
    return past.transition_since, past.transition


def _progress(crawl: Crawl, past: CrawlPast | None) -> float | None:
    """Only of a crawl that is to get on: in state running, and neither pausing nor stopping."""
    if past is None or past.state != "running" or past.transition:
        return None
    return None if derived.has_ended(crawl.job) else past.progressed or None


def _all_pauses_since(crawl: Crawl, past: Past) -> float | None:
    """When the current pause would have begun, had it lasted as long as all pauses together."""
    since = _paused_since(crawl)
    return None if since is None else since - paused_before(past(crawl.job))


def _pause_is_unread(crawl: Crawl) -> bool:
    """Whether ``pausedAt`` could not be read: then nobody knows whether it is paused."""
    problems = crawl.job.problems
    return bool(problems) and any(
        problem.field in {"spec.pausedAt", "spec"} for problem in problems
    )

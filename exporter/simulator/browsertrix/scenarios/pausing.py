"""Scenarios of crawls that are paused, by a user or by Browsertrix."""

from exporter.simulator.browsertrix import stages
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.stages import Steps


def pauses_and_resumes(crawl: Crawl) -> Steps:
    """A user pauses it, and resumes it."""
    yield from stages.pause_and_resume(crawl, "paused")


def completes_while_pausing(crawl: Crawl) -> Steps:
    """Asked to pause when its work was done: complete, with the pause as stop reason."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    crawl.request_pause()
    yield 5
    yield from stages.stop(crawl, "paused", "complete")


def pause_expires(crawl: Crawl) -> Steps:
    """Paused for longer than Browsertrix lets it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    asked = crawl.now
    yield from stages.pause(crawl)
    left = asked + crawl.installation.pause_limit - crawl.now
    yield max(left * crawl.installation.speed, 0) + 5
    crawl.begin_stopping("stopped_pause_expired")
    yield from stages.finish(crawl, "stopped_pause_expired")


def is_stopped_while_paused(crawl: Crawl) -> Steps:
    """A user pauses it, then stops it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    yield from stages.pause(crawl)
    yield crawl.rng.uniform(60, 1200)
    crawl.patch_spec(stopping=True)
    yield 5
    crawl.begin_stopping("stopped_by_user")
    yield from stages.finish(crawl, "stopped_by_user")


def reaches_storage_quota(crawl: Crawl) -> Steps:
    """Paused by Browsertrix (1.21 and later)."""
    yield from stages.pause_and_resume(crawl, "paused_storage_quota_reached")


def reaches_time_quota(crawl: Crawl) -> Steps:
    """Paused by Browsertrix (1.21 and later)."""
    yield from stages.pause_and_resume(crawl, "paused_time_quota_reached")


def is_read_only(crawl: Crawl) -> Steps:
    """A known fault of Browsertrix: the state says ``paused``, the stop reason why."""
    yield from stages.pause_and_resume(crawl, "paused_org_readonly", "paused")


def is_rate_limited_for_long(crawl: Crawl) -> Steps:
    """A site answers 429 for so long that Browsertrix pauses the crawl."""
    yield from stages.rate_limit(crawl)
    yield from stages.pause(crawl, "paused_rate_limit_time_reached")
    crawl.status["rateLimitedAtTime"] = ""
    yield crawl.rng.uniform(300, 1800)
    yield from stages.resume(crawl)
    yield crawl.traits.work * 0.7
    yield from stages.end(crawl)

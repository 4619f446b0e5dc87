"""Scenarios of crawls that end before their work is done, or never begin."""

from exporter.simulator.browsertrix import stages
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.stages import Steps


def reaches_size_limit(crawl: Crawl) -> Steps:
    """Complete, and only the stop reason says why."""
    crawl.patch_spec(maxCrawlSize=crawl.traits.pages * crawl.traits.page_size // 2)
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.6)
    yield from stages.stop(crawl, "size-limit", "complete")


def reaches_time_limit(crawl: Crawl) -> Steps:
    """Complete, and only the stop reason says why."""
    crawl.patch_spec(timeout=int(crawl.traits.work * 0.5))
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.5)
    yield 5
    yield from stages.stop(crawl, "time-limit", "complete")


def is_stopped_by_storage_quota(crawl: Crawl) -> Steps:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_storage_quota_reached")


def is_stopped_by_time_quota(crawl: Crawl) -> Steps:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_time_quota_reached")


def is_stopped_by_read_only(crawl: Crawl) -> Steps:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_org_readonly")


def fails(crawl: Crawl) -> Steps:
    """Every pod fails."""
    yield from stages.fail(crawl, "failed")


def fails_not_logged_in(crawl: Crawl) -> Steps:
    """Its profile is no longer logged in."""
    yield from stages.fail(crawl, "failed_not_logged_in")


def is_skipped_by_storage_quota(crawl: Crawl) -> Steps:
    """Not even begun."""
    yield from stages.skip(crawl, "skipped_storage_quota_reached")


def is_skipped_by_time_quota(crawl: Crawl) -> Steps:
    """Not even begun."""
    yield from stages.skip(crawl, "skipped_time_quota_reached")


def is_canceled(crawl: Crawl) -> Steps:
    """Deleted while it runs; ``canceled`` follows. The exits of its pods reach no status."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    yield from stages.cancel(crawl)


def is_stopped_without_a_page(crawl: Crawl) -> Steps:
    """Stopped before any page was done: canceled, though nobody canceled it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.02)
    crawl.patch_spec(stopping=True)
    yield 5
    crawl.begin_stopping("stopped_by_user")
    for pod in crawl.pods:
        crawl.exit(pod, 9)
        yield 2
    yield from stages.finish(crawl, "canceled")


def is_stopped_by_user(crawl: Crawl) -> Steps:
    """A user stops it and keeps what there is."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    crawl.patch_spec(stopping=True)
    yield 5
    yield from stages.stop(crawl, "stopped_by_user", "stopped_by_user")


def loses_its_organisation(crawl: Crawl) -> Steps:
    """The organisation is deleted: the finalizer off and on, then deleted while ``running``."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    for _ in range(crawl.traits.flaps):
        crawl.set_finalizer(False)
        crawl.set_finalizer(True)
        yield 10 / crawl.traits.flaps
    crawl.delete()
    yield 1
    crawl.set_finalizer(False)

"""The lives a crawl can have, each told as a short script; ``stages`` are their parts.

A life yields how many simulated seconds pass before it goes on; in between the operator syncs
about every ten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from exporter.simulator import stages
from exporter.simulator.crawl import Crawl
from exporter.simulator.stages import Life


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of life, how common it is, and what it asks of the crawl from the start."""

    live: Callable[[Crawl], Life]
    weight: float
    traits: dict[str, Any]


SCENARIOS: Final[dict[str, Scenario]] = {}


def _scenario(
    weight: float, **traits: Any
) -> Callable[[Callable[[Crawl], Life]], Callable[[Crawl], Life]]:
    def register(live: Callable[[Crawl], Life]) -> Callable[[Crawl], Life]:
        SCENARIOS[live.__name__] = Scenario(live, weight, traits)
        return live

    return register


@_scenario(30)
def completes(crawl: Crawl) -> Life:
    """Runs until there is nothing left to crawl."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)


@_scenario(6)
def waits_for_capacity(crawl: Crawl) -> Life:
    """No node has room: waiting after 150 s of starting, for a while; and again later."""
    yield from stages.begin(crawl)
    yield 150
    crawl.enter("waiting_capacity")
    yield crawl.rng.uniform(60, 1800)
    yield from stages.run(crawl)
    crawl.scale_to(0)
    crawl.enter("waiting_capacity")
    yield crawl.rng.uniform(60, 600)
    yield from stages.run(crawl)
    yield from stages.end(crawl)


@_scenario(4)
def waits_for_org_limit(crawl: Crawl) -> Life:
    """The organisation has as many crawls as it may."""
    yield from stages.wait_as(crawl, "waiting_org_limit")


@_scenario(2, dedupe_collection="3f5a6f3c-6ed5-4a7c-9d40-1b1b33b3f0aa")
def waits_for_dedupe_index(crawl: Crawl) -> Life:
    """The index that finds duplicates is not ready."""
    yield from stages.wait_as(crawl, "waiting_dedupe_index")


@_scenario(6)
def is_resized(crawl: Crawl) -> Life:
    """A pod's memory grows; it is restarted with more before, or (the signal) when, it is full.

    Only with auto-resize on; else nobody measures.
    """
    if not crawl.installation.resize:
        yield from completes(crawl)
        return
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.2)
    for last in (0.93, 1.02):
        pod = crawl.pod(0)
        for share in (0.6, 0.7, 0.8, 0.88, last):
            crawl.growth.pressure[pod] = share
            crawl.sync()
            yield 60
        crawl.want_memory(pod, 1.2, signal=last > 1)
        yield 20
        crawl.get_memory(pod)
        yield crawl.traits.work * 0.4
    yield from stages.end(crawl)


@_scenario(5)
def runs_out_of_memory(crawl: Crawl) -> Life:
    """A pod is killed (137), waits to be started again, and goes on."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.3)
    pod = crawl.pod(0)
    for share in (0.7, 0.9, 0.99, 1.08):
        crawl.growth.pressure[pod] = share
        crawl.sync()
        yield 30
    crawl.exit(pod, 137)
    yield 5
    crawl.come_back(pod, backoff=True)
    yield 20
    crawl.growth.pressure.pop(pod)
    crawl.come_back(pod)
    yield crawl.traits.work * 0.3
    crawl.exit(pod, 10)
    yield 10
    crawl.come_back(pod)
    yield crawl.traits.work * 0.4
    yield from stages.end(crawl)


@_scenario(5)
def is_evicted(crawl: Crawl) -> Life:
    """A node runs short: a pod is evicted (its container ends with 137) and replaced."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    pod = crawl.pod(crawl.wanted - 1)
    crawl.exit(pod, 137, evicted=True)
    yield crawl.rng.uniform(20, 90)
    crawl.come_back(pod)
    yield crawl.traits.work * 0.5
    yield from stages.end(crawl)


@_scenario(5)
def is_scaled(crawl: Crawl) -> Life:
    """More pods, then fewer; the status keeps those that are gone."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.3)
    for pods in (crawl.wanted + 2, 1):
        crawl.ask_scale(pods)
        yield 20
        for pod in crawl.pods[pods:]:
            crawl.exit(pod, 0)
            yield 1
        crawl.scale_to(pods)
        yield crawl.traits.work * 0.3
    yield from stages.end(crawl)


@_scenario(8)
def pauses_and_resumes(crawl: Crawl) -> Life:
    """A user pauses it, and has it go on."""
    yield from stages.pause_and_resume(crawl, "paused")


@_scenario(1)
def completes_while_pausing(crawl: Crawl) -> Life:
    """Asked to pause when it was as good as done: complete, with the pause as stop reason."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    crawl.ask_pause()
    yield 5
    yield from stages.stop(crawl, "paused", "complete")


@_scenario(4)
def pause_expires(crawl: Crawl) -> Life:
    """Paused for longer than Browsertrix lets it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    asked = crawl.now
    yield from stages.pause(crawl)
    left = asked + crawl.installation.pause_limit - crawl.now
    yield max(left * crawl.installation.speed, 0) + 5
    crawl.stop_for("stopped_pause_expired")
    yield from stages.finish(crawl, "stopped_pause_expired")


@_scenario(2)
def is_stopped_while_paused(crawl: Crawl) -> Life:
    """A user pauses it, then stops it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    yield from stages.pause(crawl)
    yield crawl.rng.uniform(60, 1200)
    crawl.ask(stopping=True)
    yield 5
    crawl.stop_for("stopped_by_user")
    yield from stages.finish(crawl, "stopped_by_user")


@_scenario(4)
def reaches_size_limit(crawl: Crawl) -> Life:
    """Complete, and only the stop reason says why."""
    crawl.ask(maxCrawlSize=crawl.traits.pages * crawl.traits.page_size // 2)
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.6)
    yield from stages.stop(crawl, "size-limit", "complete")


@_scenario(4)
def reaches_time_limit(crawl: Crawl) -> Life:
    """Complete, and only the stop reason says why."""
    crawl.ask(timeout=int(crawl.traits.work * 0.5))
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.5)
    yield 5
    yield from stages.stop(crawl, "time-limit", "complete")


@_scenario(3)
def reaches_storage_quota(crawl: Crawl) -> Life:
    """Paused by Browsertrix (1.21 and later)."""
    yield from stages.pause_and_resume(crawl, "paused_storage_quota_reached")


@_scenario(3)
def reaches_time_quota(crawl: Crawl) -> Life:
    """Paused by Browsertrix (1.21 and later)."""
    yield from stages.pause_and_resume(crawl, "paused_time_quota_reached")


@_scenario(2)
def is_read_only(crawl: Crawl) -> Life:
    """The slip in Browsertrix: the state says ``paused``, the stop reason why."""
    yield from stages.pause_and_resume(crawl, "paused_org_readonly", "paused")


@_scenario(1)
def is_stopped_by_storage_quota(crawl: Crawl) -> Life:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_storage_quota_reached")


@_scenario(1)
def is_stopped_by_time_quota(crawl: Crawl) -> Life:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_time_quota_reached")


@_scenario(1)
def is_stopped_by_read_only(crawl: Crawl) -> Life:
    """As releases before 1.21 had it."""
    yield from stages.stopped_by_operator(crawl, "stopped_org_readonly")


@_scenario(3)
def is_rate_limited(crawl: Crawl) -> Life:
    """A site answers 429 for a while; the pods give up (18) and try again."""
    yield from stages.rate_limit(crawl)
    for pod in crawl.pods:
        crawl.exit(pod, 18)
        yield 5
        crawl.come_back(pod)
    crawl.status["rateLimitedAtTime"] = ""
    crawl.enter("running")
    yield crawl.traits.work * 0.7
    yield from stages.end(crawl)


@_scenario(2)
def is_rate_limited_for_long(crawl: Crawl) -> Life:
    """A site answers 429 for so long that Browsertrix pauses the crawl."""
    yield from stages.rate_limit(crawl)
    yield from stages.pause(crawl, "paused_rate_limit_time_reached")
    crawl.status["rateLimitedAtTime"] = ""
    yield crawl.rng.uniform(300, 1800)
    yield from stages.resume(crawl)
    yield crawl.traits.work * 0.7
    yield from stages.end(crawl)


@_scenario(4)
def fails(crawl: Crawl) -> Life:
    """Every pod fails."""
    yield from stages.fail(crawl, "failed")


@_scenario(2)
def fails_not_logged_in(crawl: Crawl) -> Life:
    """Its profile is no longer logged in."""
    yield from stages.fail(crawl, "failed_not_logged_in")


@_scenario(1)
def is_skipped_by_storage_quota(crawl: Crawl) -> Life:
    """Not even begun."""
    yield from stages.skip(crawl, "skipped_storage_quota_reached")


@_scenario(1)
def is_skipped_by_time_quota(crawl: Crawl) -> Life:
    """Not even begun."""
    yield from stages.skip(crawl, "skipped_time_quota_reached")


@_scenario(5)
def is_canceled(crawl: Crawl) -> Life:
    """Deleted while it runs; ``canceled`` follows. The exits of its pods reach no status."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    crawl.delete()
    yield crawl.rng.uniform(1, 5)
    crawl.status["canceled"] = True
    crawl.finish("canceled")
    yield crawl.rng.uniform(38, 41)
    crawl.hold(False)


@_scenario(1, pages=0)
def is_stopped_without_a_page(crawl: Crawl) -> Life:
    """Stopped before any page was done: canceled, though nobody canceled it."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.02)
    crawl.ask(stopping=True)
    yield 5
    crawl.stop_for("stopped_by_user")
    for pod in crawl.pods:
        crawl.exit(pod, 9)
        yield 2
    yield from stages.finish(crawl, "canceled")


@_scenario(5)
def is_stopped_by_user(crawl: Crawl) -> Life:
    """A user stops it and keeps what there is."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    crawl.ask(stopping=True)
    yield 5
    yield from stages.stop(crawl, "stopped_by_user", "stopped_by_user")


@_scenario(4, origin="qa", pods=1, pages=80, work=300.0)
def assures_quality(crawl: Crawl) -> Life:
    """A QA run, which is gone about a second after it finished."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)


@_scenario(1)
def loses_its_organisation(crawl: Crawl) -> Life:
    """The organisation is deleted: never finished, the finalizer off and on, gone ``running``."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    for _ in range(crawl.traits.flaps):
        crawl.hold(False)
        crawl.hold(True)
        yield 10 / crawl.traits.flaps
    crawl.delete()
    yield 1
    crawl.hold(False)

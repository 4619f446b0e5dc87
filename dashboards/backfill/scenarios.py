"""Which crawls the history has: random ones, and some so that every panel has something to show."""

from collections.abc import Callable
from typing import Final

from exporter.simulator import Browsertrix
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.pod import Obstacle
from exporter.simulator.browsertrix.scenarios import Scenario
from exporter.simulator.browsertrix.stages import Steps, begin, end, pause, resume, run

HOURS: Final = 6
PAUSE_LIMIT: Final = 2.5 * 3600.0
"""Seconds; short enough for pauses to expire within ``HOURS``."""
_HOUR: Final = 3600.0


def _crash(crawl: Crawl, pod: str) -> Steps:
    """The container of a pod ends twice, and is started again."""
    for code in (10, 17):
        crawl.exit(pod, code)
        yield 60
        crawl.restart(pod)


def _showcase(crawl: Crawl) -> Steps:
    """All that the dashboard of one crawl can show; it still runs when the history ends."""
    yield from begin(crawl)
    yield from run(crawl, 0.12)
    pod = crawl.pod(0)
    for share in (0.6, 0.75, 0.88, 0.97, 1.06):
        crawl.progress.memory_ratio[pod] = share
        crawl.sync()
        yield 120
    crawl.exit(pod, 137)
    yield 5
    crawl.restart(pod, backoff=True)
    yield 90
    crawl.progress.memory_ratio.pop(pod)
    crawl.restart(pod)
    yield crawl.traits.work * 0.15
    for share in (0.5, 0.7, 0.85):
        crawl.progress.memory_ratio[pod] = share
        crawl.sync()
        yield 180
    crawl.request_memory(pod, 1.5)
    yield 600
    crawl.grant_memory(pod)
    yield crawl.traits.work * 0.05
    yield from pause(crawl)
    yield 0.75 * _HOUR
    crawl.request_resume()
    yield 180
    yield from resume(crawl)
    crawl.request_scale(crawl.wanted + 1)
    yield 30
    crawl.scale_to(crawl.wanted)
    yield crawl.traits.work * 0.1
    evicted = crawl.pod(1)
    volume = crawl.surroundings.claims[evicted]
    volume.request(48 << 30)
    yield 300
    crawl.exit(evicted, 137, evicted=True)
    yield 240
    crawl.restart(evicted)
    volume.resized()
    yield crawl.traits.work * 0.2
    volume.request(96 << 30)
    for share in (0.6, 0.8, 0.93):
        crawl.progress.memory_ratio[pod] = share
        crawl.sync()
        yield 240
    info = crawl.status["podStatus"][pod]
    info["newMemory"] = int(info["used"]["memory"] * 1.5)  # and nobody comes to restart it
    crawl.sync()
    yield from _crash(crawl, crawl.pod(2))
    yield crawl.traits.work
    yield from end(crawl)


_SHOWCASE: Final = Scenario(_showcase, 0, {})


def _held_back(obstacle: Obstacle, seconds: float) -> Scenario:
    """Its pods are there, and for so long something keeps them from running."""

    def script(crawl: Crawl) -> Steps:
        yield from begin(crawl)
        crawl.surroundings.scale_to(crawl.wanted, obstacle)
        yield 150
        crawl.enter("waiting_capacity")
        yield seconds
        yield from run(crawl, 1)
        yield from end(crawl)

    return Scenario(script, 0, {})


_NO_MEMORY: Final = Obstacle(
    unschedulable="0/3 nodes are available: 3 Insufficient memory. preemption: 0/3 nodes are "
    "available: 3 No preemption victims found for incoming pod."
)
_TAINTED: Final = Obstacle(
    unschedulable="0/3 nodes are available: 2 node(s) had untolerated taint {crawling: true}, "
    "1 Insufficient cpu."
)
_NO_IMAGE: Final = Obstacle(image_error="rpc error: code = NotFound desc = not found")


def _is_evicted_and_stays(crawl: Crawl) -> Steps:
    """Evicted, and not replaced yet when the history ends."""
    yield from begin(crawl)
    yield from run(crawl, 0.5)
    crawl.exit(crawl.pod(0), 137, evicted=True)
    yield 2 * _HOUR
    yield from end(crawl)


ScheduledStart = tuple[float, Callable[[], object]]
"""When a crawl is started, in seconds from the history's start, and the call that starts it."""


def schedule_crawls(browsertrix: Browsertrix) -> tuple[Crawl, list[ScheduledStart]]:
    """Start the showcase crawl; the other starts are returned in order, for the caller to make."""
    showcase = browsertrix.start(
        _SHOWCASE,
        namespace="crawlers",
        pods=3,
        work=6.5 * _HOUR,
        pages=30_000,
        page_size=1_300_000,
        timeout=int(6.5 * _HOUR),
        max_size=int(30_000 * 1_300_000 * 0.95),
    )

    def start(kind: str | Scenario, at: float, **traits: object) -> ScheduledStart:
        return at, lambda: browsertrix.start(kind, **traits)

    starts = [
        start("completes", 0, work=8 * _HOUR, timeout=int(7 * _HOUR), pods=2, pages=9_000),
        start("completes", 60, work=9 * _HOUR, max_size=2 * 10**10, pods=4, pages=14_000),
        start("pause_expires", 120, work=1200.0),
        start("loses_its_organisation", 600, work=1500.0, flaps=20),
        start("reaches_size_limit", 0.5 * _HOUR, work=4 * _HOUR),
        start("reaches_time_limit", 0.5 * _HOUR, work=6 * _HOUR),
        start("reaches_storage_quota", 1 * _HOUR),
        start("is_stopped_by_time_quota", 2 * _HOUR, work=3000.0),
        start("is_skipped_by_storage_quota", 3 * _HOUR),
        start("is_evicted", 3 * _HOUR, work=5000.0),
        start("runs_out_of_memory", 4 * _HOUR, work=5000.0),
        start("is_rate_limited_for_long", 4 * _HOUR, work=6000.0),
        start("fails", 5 * _HOUR),
        start("waits_for_capacity", (HOURS - 0.2) * _HOUR),
        start(_held_back(_NO_MEMORY, 0.6 * _HOUR), 1.2 * _HOUR, work=1500.0, pods=3),
        start(_held_back(_TAINTED, 1.5 * _HOUR), 3.6 * _HOUR, work=1500.0, pods=2),
        start(_held_back(_NO_MEMORY, 2 * _HOUR), 5.4 * _HOUR, pods=2),
        start(_held_back(_NO_IMAGE, 2 * _HOUR), 4.6 * _HOUR, pods=2),
        start(Scenario(_is_evicted_and_stays, 0, {}), 5.2 * _HOUR, work=2400.0),
        start("waits_for_org_limit", (HOURS - 0.05) * _HOUR),
        start("pause_expires", (HOURS - 1) * _HOUR, work=1200.0),
        start("reaches_storage_quota", (HOURS - 0.5) * _HOUR, work=1200.0),
    ]
    return showcase, sorted(starts, key=lambda scheduled: scheduled[0])

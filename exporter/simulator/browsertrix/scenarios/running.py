"""Scenarios of crawls that run to their end: what they wait for, and what befalls their pods."""

from typing import Final

from exporter.simulator.browsertrix import stages
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.pod import Obstacle
from exporter.simulator.browsertrix.seeded_random import seeded
from exporter.simulator.browsertrix.stages import Steps

_TAINT: Final = "untolerated taint {node-role.kubernetes.io/control-plane: }"
_NO_VICTIMS: Final = (
    "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling,"
    " 2 No preemption victims found for incoming pod."
)
UNSCHEDULABLE: Final = tuple(
    f"0/3 nodes are available: {why}, 1 node(s) had {_TAINT}. {_NO_VICTIMS}"
    for why in (
        "2 Insufficient memory",
        "2 Insufficient cpu",
        "1 Insufficient cpu, 2 Insufficient memory",
        "2 node(s) didn't match Pod's node affinity/selector",
        "2 node(s) had volume node affinity conflict",
    )
)
"""What the scheduler says of a pod that no node has room for."""


def completes(crawl: Crawl) -> Steps:
    """Runs until there is nothing left to crawl."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)


def waits_for_capacity(crawl: Crawl) -> Steps:
    """No node has capacity: waiting after 150 s of starting, for a while; and again later."""
    obstacle = Obstacle(unschedulable=seeded("nodes", crawl.id).choice(UNSCHEDULABLE))
    yield from stages.held_back(crawl, obstacle)
    yield from stages.run(crawl)
    crawl.scale_to(0)
    crawl.order_pods(obstacle)
    crawl.enter("waiting_capacity")
    yield crawl.rng.uniform(60, 600)
    yield from stages.run(crawl)
    yield from stages.end(crawl)


def waits_for_org_limit(crawl: Crawl) -> Steps:
    """The organisation has as many crawls as it may."""
    yield from stages.wait(crawl, "waiting_org_limit")
    yield from stages.go_on(crawl)


def waits_for_dedupe_index(crawl: Crawl) -> Steps:
    """The index that finds duplicates is not ready: earlier crawls are imported into it."""
    if crawl.index is not None:
        crawl.index.begin("importing")
    yield from stages.wait(crawl, "waiting_dedupe_index")
    if crawl.index is not None:
        crawl.index.done("importing")
    yield from stages.go_on(crawl)


def is_resized(crawl: Crawl) -> Steps:
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
            crawl.progress.memory_ratio[pod] = share
            crawl.sync()
            yield 60
        crawl.request_memory(pod, 1.2, signal=last > 1)
        yield 20
        crawl.grant_memory(pod)
        yield crawl.traits.work * 0.4
    yield from stages.end(crawl)


def runs_out_of_memory(crawl: Crawl) -> Steps:
    """A pod is killed (137), waits to be restarted, and goes on."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.3)
    pod = crawl.pod(0)
    for share in (0.7, 0.9, 0.99, 1.08):
        crawl.progress.memory_ratio[pod] = share
        crawl.sync()
        yield 30
    crawl.exit(pod, 137)
    yield 5
    crawl.restart(pod, backoff=True)
    yield 20
    crawl.progress.memory_ratio.pop(pod)
    crawl.restart(pod)
    yield crawl.traits.work * 0.3
    crawl.exit(pod, 10)
    yield 10
    crawl.restart(pod)
    yield crawl.traits.work * 0.4
    yield from stages.end(crawl)


def is_evicted(crawl: Crawl) -> Steps:
    """A node runs short: a pod is evicted (its container ends with 137) and replaced."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    pod = crawl.pod(crawl.wanted - 1)
    crawl.evict(pod)
    yield 3
    crawl.exit(pod, 137, evicted=True)
    yield crawl.rng.uniform(20, 90)
    crawl.restart(pod)
    yield crawl.traits.work * 0.5
    yield from stages.end(crawl)


def is_scaled(crawl: Crawl) -> Steps:
    """More pods, then fewer; the status keeps those that were deleted."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.3)
    for pods in (crawl.wanted + 2, 1):
        crawl.request_scale(pods)
        yield 20
        for pod in crawl.pods[pods:]:
            crawl.exit(pod, 0)
            yield 1
        crawl.scale_to(pods)
        yield crawl.traits.work * 0.3
    yield from stages.end(crawl)


def is_rate_limited(crawl: Crawl) -> Steps:
    """A site answers 429 for a while; the pods give up (18) and try again."""
    yield from stages.rate_limit(crawl)
    for pod in crawl.pods:
        crawl.exit(pod, 18)
        yield 5
        crawl.restart(pod)
    crawl.status["rateLimitedAtTime"] = ""
    crawl.enter("running")
    yield crawl.traits.work * 0.7
    yield from stages.end(crawl)


def assures_quality(crawl: Crawl) -> Steps:
    """A QA run, which is deleted about two seconds after it finished."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)

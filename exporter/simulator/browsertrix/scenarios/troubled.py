"""Scenarios of crawls whose pods are in trouble that only pods, claims and indexes tell of."""

from typing import Final

from exporter.simulator.browsertrix import stages
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.pod import Obstacle
from exporter.simulator.browsertrix.stages import Steps

IMAGE_ERROR: Final = (
    "failed to pull and unpack image: failed to resolve reference: unexpected status from HEAD"
    " request to the registry: 429 Too Many Requests"
)
UNBOUND: Final = (
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    " not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
)


def pulls_in_vain(crawl: Crawl) -> Steps:
    """The image of its pods cannot be pulled for a while."""
    yield from stages.held_back(crawl, Obstacle(image_error=IMAGE_ERROR))
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)


def waits_for_a_volume(crawl: Crawl) -> Steps:
    """No volume is made for its claims for a while."""
    yield from stages.held_back(crawl, Obstacle(unschedulable=UNBOUND))
    yield from stages.run(crawl, 1)
    yield from stages.end(crawl)


def is_killed_unseen(crawl: Crawl) -> Steps:
    """Containers are killed and run again between two syncs: no status ever says so.

    A crawler's twice, of which one is seen to be down for a second, and redis' once; one crawler
    fails as well.
    """
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.2)
    crawl.crash_unseen(crawl.pod(0), 137)
    yield crawl.traits.work * 0.1
    crawl.crash_unseen(crawl.pod(0), 137, down=1)
    yield crawl.traits.work * 0.1
    crawl.crash_unseen(f"redis-{crawl.id}", 137, down=1)
    yield crawl.traits.work * 0.1
    crawl.crash_unseen(crawl.pod(0), 10, down=1)
    yield crawl.traits.work * 0.5
    yield from stages.end(crawl)


def is_evicted_and_canceled(crawl: Crawl) -> Steps:
    """A pod is evicted, and the crawl canceled before any status could say so."""
    yield from stages.begin(crawl)
    yield from stages.run(crawl)
    crawl.evict(crawl.pod(0), untold=True)
    yield 1
    yield from stages.cancel(crawl)


def fills_its_volume(crawl: Crawl) -> Steps:
    """Uploads fail: its volume fills up, and is made larger."""
    yield from stages.begin(crawl)
    yield from stages.hoard(crawl, 0.8)
    crawl.request_storage(crawl.pod(0), 2.5)
    yield 120
    crawl.grant_storage(crawl.pod(0))
    yield 300
    crawl.progress.uploads = True
    yield crawl.traits.work * 0.2
    yield from stages.end(crawl)


def runs_out_of_space(crawl: Crawl) -> Steps:
    """Uploads fail, and its volume cannot be made larger: it is full (3), and the crawl fails."""
    yield from stages.begin(crawl)
    yield from stages.hoard(crawl, 0.99)
    for pod in crawl.pods:
        crawl.exit(pod, 3)
        yield 2
        crawl.restart(pod, backoff=True)
    yield 10
    yield from stages.finish(crawl, "failed")


def waits_for_a_purge(crawl: Crawl) -> Steps:
    """Its index is purged for hours."""
    if crawl.index is not None:
        crawl.index.begin("purging")
    yield from stages.wait(crawl, "waiting_dedupe_index")
    yield 9000
    if crawl.index is not None:
        crawl.index.done("purging")
    yield from stages.go_on(crawl)


def outlives_the_operator(crawl: Crawl) -> Steps:
    """The operator does nothing for ten minutes, while a pod is killed and another evicted.

    Of the kill no status tells, of the eviction the first one after it.
    """
    yield from stages.begin(crawl)
    yield from stages.run(crawl, 0.4)
    crawl.installation.operator.freeze(600)
    after = crawl.installation.agenda.after
    first, last = crawl.pod(0), crawl.pod(crawl.wanted - 1)
    after(120, lambda: crawl.crash_unseen(first, 137, down=1))
    after(300, lambda: crawl.evict(last))
    yield 1
    crawl.exit(last, 137, evicted=True)
    yield 30
    crawl.restart(last)
    yield crawl.traits.work * 0.6
    yield from stages.end(crawl)

"""The stages that scenarios are made of.

A stage yields how many simulated seconds pass before it goes on. What is written when follows
Browsertrix' operator (``sync_crawls`` in ``backend/btrixcloud/operator/crawls.py``) and crawls
watched on a real one.
"""

from collections.abc import Generator

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.browsertrix.crawl import Crawl
from exporter.simulator.browsertrix.pod import Obstacle

Steps = Generator[float, None, None]


def begin(crawl: Crawl) -> Steps:
    """No status at first, then ``starting``."""
    yield crawl.rng.uniform(1, 3)
    crawl.enter("starting")


def run(crawl: Crawl, share: float = 0.5) -> Steps:
    """Pods are made, the crawl runs, and ``share`` of its work is done."""
    yield crawl.rng.uniform(10, 40)
    crawl.scale_to(crawl.wanted)
    yield crawl.rng.uniform(5, 20)
    crawl.enter("running")
    yield crawl.traits.work * share


def end(crawl: Crawl, state: str = "complete") -> Steps:
    """The archive is written and uploaded, the pods exit, the crawl is finished and deleted."""
    crawl.enter("generate-wacz")
    yield crawl.rng.uniform(5, 15)
    crawl.enter("uploading-wacz")
    yield crawl.rng.uniform(5, 20)
    for pod in crawl.pods:
        crawl.exit(pod, 0)
        yield 1
    yield from finish(crawl, state)


def finish(crawl: Crawl, state: str) -> Steps:
    """The final state, then the deletion, 31 to 41 s after it (of QA runs, about 2 s)."""
    crawl.finish(state)
    yield crawl.rng.uniform(0.5, 1)
    crawl.delete()
    yield 1 if crawl.traits.is_qa else crawl.rng.uniform(31, 39)
    crawl.set_finalizer(False)


def pause(crawl: Crawl, reason: str = "paused", state: str | None = None) -> Steps:
    """Asked to pause, pausing until the pods have exited, then paused and without pods."""
    crawl.request_pause()
    yield crawl.rng.uniform(2, 10)
    crawl.begin_stopping(reason)
    yield crawl.rng.uniform(5, 30)
    for pod in crawl.pods:
        crawl.exit(pod, 11)
        yield 1
    crawl.enter(state or reason)
    yield 10
    crawl.scale_to(0)
    yield 60
    crawl.stop_redis()


def resume(crawl: Crawl) -> Steps:
    """Asked to resume, still paused until there are pods again."""
    crawl.request_resume()
    yield crawl.rng.uniform(10, 40)
    crawl.scale_to(crawl.wanted)
    crawl.clear_stopping()
    crawl.enter("running")


def pause_and_resume(crawl: Crawl, reason: str, state: str | None = None) -> Steps:
    """A whole scenario around one pause."""
    yield from begin(crawl)
    yield from run(crawl)
    yield from pause(crawl, reason, state)
    yield crawl.rng.uniform(300, 3600)
    yield from resume(crawl)
    yield crawl.traits.work * 0.5
    yield from end(crawl)


def fail(crawl: Crawl, state: str) -> Steps:
    """Every pod exits with 9 and waits to be restarted, which it is not."""
    yield from begin(crawl)
    yield from run(crawl, 0.05)
    for pod in crawl.pods:
        crawl.exit(pod, 9)
        yield 2
        crawl.restart(pod, backoff=True)
    yield 10
    yield from finish(crawl, state)


def stop(crawl: Crawl, reason: str, state: str) -> Steps:
    """Stopping, then the end as usual."""
    crawl.begin_stopping(reason)
    yield crawl.rng.uniform(10, 40)
    yield from end(crawl, state)


def stopped_by_operator(crawl: Crawl, reason: str) -> Steps:
    """A whole scenario that Browsertrix stops."""
    yield from begin(crawl)
    yield from run(crawl)
    yield from stop(crawl, reason, reason)


def skip(crawl: Crawl, state: str) -> Steps:
    """A whole scenario without a pod."""
    yield from begin(crawl)
    yield crawl.rng.uniform(1, 5)
    yield from finish(crawl, state)


def held_back(crawl: Crawl, obstacle: Obstacle) -> Steps:
    """Its pods cannot run: waiting for capacity after 150 s of starting, for a while."""
    yield from begin(crawl)
    yield 10
    crawl.order_pods(obstacle)
    yield 140
    crawl.enter("waiting_capacity")
    yield crawl.rng.uniform(60, 1800)


def cancel(crawl: Crawl) -> Steps:
    """Deleted; ``canceled`` follows. The exits of its pods reach no status."""
    crawl.delete()
    yield crawl.rng.uniform(1, 5)
    crawl.status["canceled"] = True
    crawl.finish("canceled")
    yield crawl.rng.uniform(38, 41)
    crawl.set_finalizer(False)


def hoard(crawl: Crawl, share: float) -> Steps:
    """Run without uploads until this share of the volumes is in use."""
    crawl.progress.uploads = False
    yield from run(crawl, 0.05)
    pods = crawl.status["podStatus"]
    while any(
        pods[pod]["used"]["storage"] < share * pods[pod]["allocated"]["storage"]
        for pod in crawl.pods
    ):
        yield 30


def wait(crawl: Crawl, state: str) -> Steps:
    """It has to wait at first."""
    yield from begin(crawl)
    yield crawl.rng.uniform(1, 10)
    crawl.enter(state)
    yield crawl.rng.uniform(60, 900)


def go_on(crawl: Crawl) -> Steps:
    """It has waited: it starts again, and runs to its end."""
    crawl.enter("starting")
    yield from run(crawl, 1)
    yield from end(crawl)


def rate_limit(crawl: Crawl) -> Steps:
    """A site answers 429: the crawl runs on in another state."""
    yield from begin(crawl)
    yield from run(crawl, 0.3)
    crawl.status["rateLimitedAtTime"] = stamp(crawl.now)
    crawl.enter("rate-limited")
    yield crawl.rng.uniform(120, 900)

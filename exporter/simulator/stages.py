"""The stages that lives are made of.

A stage yields how many simulated seconds pass before it goes on. The facts are those of
Browsertrix' operator (``sync_crawls`` in ``backend/btrixcloud/operator/crawls.py``) and of lives
watched on a real one.
"""

from collections.abc import Generator

from exporter.simulator.crawl import Crawl
from exporter.simulator.encoding import stamp

Life = Generator[float, None, None]


def begin(crawl: Crawl) -> Life:
    """No status at first, then ``starting``."""
    yield crawl.rng.uniform(1, 3)
    crawl.enter("starting")


def run(crawl: Crawl, share: float = 0.5) -> Life:
    """Pods are made, the crawl runs, and ``share`` of its work is done."""
    yield crawl.rng.uniform(10, 40)
    crawl.scale_to(crawl.wanted)
    yield crawl.rng.uniform(5, 20)
    crawl.enter("running")
    yield crawl.traits.work * share


def end(crawl: Crawl, state: str = "complete") -> Life:
    """The archive is written and uploaded, the pods exit, the crawl is finished and leaves."""
    crawl.enter("generate-wacz")
    yield crawl.rng.uniform(5, 15)
    crawl.enter("uploading-wacz")
    yield crawl.rng.uniform(5, 20)
    for pod in crawl.pods:
        crawl.exit(pod, 0)
        yield 1
    yield from finish(crawl, state)


def finish(crawl: Crawl, state: str) -> Life:
    """The last status, then deletion, then nothing: 31 to 41 s after it finished, or at once."""
    crawl.finish(state)
    yield crawl.rng.uniform(0.5, 1)
    crawl.delete()
    yield 1 if crawl.traits.is_qa else crawl.rng.uniform(31, 39)
    crawl.hold(False)


def pause(crawl: Crawl, reason: str = "paused", state: str | None = None) -> Life:
    """Asked to pause, pausing until the pods have exited, then paused and without pods."""
    crawl.ask_pause()
    yield crawl.rng.uniform(2, 10)
    crawl.stop_for(reason)
    yield crawl.rng.uniform(5, 30)
    for pod in crawl.pods:
        crawl.exit(pod, 11)
        yield 1
    crawl.enter(state or reason)
    yield 10
    crawl.scale_to(0)
    yield 60
    crawl.redis_gone()


def resume(crawl: Crawl) -> Life:
    """Asked to go on, still paused until there are pods again."""
    crawl.ask_resume()
    yield crawl.rng.uniform(10, 40)
    crawl.scale_to(crawl.wanted)
    crawl.go_on()
    crawl.enter("running")


def pause_and_resume(crawl: Crawl, reason: str, state: str | None = None) -> Life:
    """A whole life around one pause."""
    yield from begin(crawl)
    yield from run(crawl)
    yield from pause(crawl, reason, state)
    yield crawl.rng.uniform(300, 3600)
    yield from resume(crawl)
    yield crawl.traits.work * 0.5
    yield from end(crawl)


def fail(crawl: Crawl, state: str) -> Life:
    """Every pod exits with 9 and waits to be started again, in vain."""
    yield from begin(crawl)
    yield from run(crawl, 0.05)
    for pod in crawl.pods:
        crawl.exit(pod, 9)
        yield 2
        crawl.come_back(pod, backoff=True)
    yield 10
    yield from finish(crawl, state)


def stop(crawl: Crawl, reason: str, state: str) -> Life:
    """Told to stop, and ends in order."""
    crawl.stop_for(reason)
    yield crawl.rng.uniform(10, 40)
    yield from end(crawl, state)


def stopped_by_operator(crawl: Crawl, reason: str) -> Life:
    """A whole life that Browsertrix stops."""
    yield from begin(crawl)
    yield from run(crawl)
    yield from stop(crawl, reason, reason)


def skip(crawl: Crawl, state: str) -> Life:
    """A whole life without a pod."""
    yield from begin(crawl)
    yield crawl.rng.uniform(1, 5)
    yield from finish(crawl, state)


def wait_as(crawl: Crawl, state: str) -> Life:
    """A whole life that has to wait at first, and then starts again."""
    yield from begin(crawl)
    yield crawl.rng.uniform(1, 10)
    crawl.enter(state)
    yield crawl.rng.uniform(60, 900)
    crawl.enter("starting")
    yield from run(crawl, 1)
    yield from end(crawl)


def rate_limit(crawl: Crawl) -> Life:
    """A site answers 429: the crawl runs on in another state."""
    yield from begin(crawl)
    yield from run(crawl, 0.3)
    crawl.status["rateLimitedAtTime"] = stamp(crawl.now)
    crawl.enter("rate-limited")
    yield crawl.rng.uniform(120, 900)

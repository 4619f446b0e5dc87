"""CrawlJobs in any number that do not change: benchmarks and load tests put them on a cluster."""

import random
import time
from collections.abc import Iterator
from typing import Any, Final

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.crawljob_manifest import (
    Traits,
    crawler_pod,
    crawljob,
    redis_pod,
)
from exporter.simulator.browsertrix.pod_plan import CRAWLER_IMAGE
from exporter.simulator.browsertrix.seeded_random import random_uuid, seeded

_PODS: Final = 3
ORGANISATIONS: Final = 50
"""That these crawls are of, if there are enough."""


def fleet(
    number: int, seed: int = 0, *, now: float | None = None, namespace: str = "crawlers"
) -> Iterator[Object]:
    """``number`` CrawlJobs with three crawler pods and redis each, in about 3 KB each.

    Most run, one in 20 is paused, one in 30 stopping; all started within the day before ``now``
    (seconds since 1970, by default the present). No two share an id.
    """
    timestamp = time.time() if now is None else now
    rng = seeded(seed, "fleet")
    organisations = [random_uuid(rng) for _ in range(ORGANISATIONS)]
    for index in range(number):
        traits = Traits(
            oid=rng.choice(organisations),
            cid=f"{index:08x}-{random_uuid(rng)[9:]}",
            userid=random_uuid(rng),
            namespace=namespace,
            pods=_PODS,
            timeout=rng.choice((0, 86_400)),
            max_size=rng.choice((0, 100_000_000_000)),
        )
        value = crawljob(traits, timestamp - rng.uniform(600, 86_400))
        value["metadata"]["uid"] = random_uuid(rng)
        value["status"] = _status(value["spec"]["id"], rng, timestamp)
        if index % 20 == 7:
            _pause(value, stamp(timestamp - rng.uniform(60, 500_000)))
        elif index % 30 == 11:
            value["spec"]["stopping"] = True
            value["status"].update(stopping=True, stopReason="stopped_by_user")
        yield value


def _status(crawl: str, rng: random.Random, now: float) -> dict[str, Any]:
    pods: dict[str, Any] = {f"redis-{crawl}": redis_pod()}
    pods[f"redis-{crawl}"]["used"]["memory"] = rng.randrange(10_000_000, 150_000_000)
    for index in range(_PODS):
        pods[f"crawl-{crawl}-{index}"] = _pod(rng, now)
    pending = sum(pod["sizePending"] for pod in pods.values())
    files, uploaded = rng.randrange(100), rng.randrange(50_000_000_000)
    found = rng.randrange(10, 200_000)
    elapsed = rng.randrange(600, 80_000)
    return {
        "state": "running",
        "pagesFound": found,
        "pagesDone": rng.randrange(found),
        "size": uploaded + pending,
        "sizeHuman": f"{(uploaded + pending) / 1e9:.1f} GB",
        "sizePending": pending,
        "scale": _PODS,
        "desiredScale": _PODS,
        "filesAdded": files,
        "filesAddedSize": uploaded,
        "stopping": False,
        "initRedis": True,
        "crawlerImage": CRAWLER_IMAGE,
        "lastConfigUpdate": "",
        "lastActiveTime": stamp(now - rng.uniform(0, 10)),
        "podStatus": pods,
        "restartTime": "",
        "canceled": False,
        "crawlExecTime": elapsed * _PODS,
        "elapsedCrawlTime": elapsed,
        "lastUpdatedTime": stamp(now - rng.uniform(0, 60)),
        "rateLimitedAtTime": "",
        "lastCrawlPodExitCode": 0,
        "allCrashed": False,
    }


def _pod(rng: random.Random, now: float) -> dict[str, Any]:
    pod = crawler_pod()
    allocated = pod["allocated"]
    pending = rng.randrange(1_000_000_000)
    pod["used"] = {
        "memory": rng.randrange(allocated["memory"] // 5, allocated["memory"]),
        "cpu": round(rng.uniform(0.05, allocated["cpu"]), 3),
        "storage": pending,
    }
    pod["sizePending"] = pending
    if rng.random() < 0.3:
        code, reason = rng.choice(((137, "oom"), (10, "interrupt: 10"), (11, "interrupt: 11")))
        exit_time = stamp(now - rng.uniform(60, 80_000))
        pod.update(exitTime=exit_time, exitCode=code, reason=reason)
    if rng.random() < 0.1:
        pod["newMemory"] = allocated["memory"] * 6 // 5
    return pod


def _pause(value: Object, paused_at: str) -> None:
    value["spec"]["pausedAt"] = paused_at
    value["status"].update(
        state="paused", stopping=True, stopReason="paused", scale=0, initRedis=False
    )

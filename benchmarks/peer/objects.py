"""CrawlJobs as a busy installation has them: three crawler pods and redis, every field filled.

Seeded, so that two runs measure the same objects.
"""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

Object = dict[str, Any]

_NOW: Final = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
_MIB, _GIB = 2**20, 2**30
_STATES: Final = {
    "running": 74, "pending-wait": 3, "generate-wacz": 4, "uploading-wacz": 3, "rate-limited": 1,
    "paused": 4, "paused_storage_quota_reached": 1, "paused_time_quota_reached": 1, "starting": 2,
    "waiting_capacity": 4, "waiting_org_limit": 2, "complete": 1,
}  # fmt: skip
"""How often each is met among a hundred."""
_WAITING: Final = frozenset({"starting", "waiting_capacity", "waiting_org_limit"})
_EXITS: Final = ((0, "done"), (11, "interrupt: 11"), (137, "oom"), (10, "interrupt: 10"))


def crawljobs(number: int, seed: int = 7) -> Iterator[tuple[Object, Object]]:
    """Each CrawlJob and its status, which a real API server takes apart from it."""
    rng = random.Random(seed)
    organisations = [_uuid(rng) for _ in range(max(1, min(200, number // 20)))]
    for _ in range(number):
        yield _crawljob(rng, organisations)


def churned(rng: random.Random, status: Object) -> Object:
    """A merge patch of the status as the operator writes it about every ten seconds.

    ``status`` is brought up to it, so that figures keep growing.
    """
    status["pagesDone"] += rng.randint(1, 5)
    status["pagesFound"] = max(status["pagesFound"], status["pagesDone"]) + rng.randint(0, 3)
    status["size"] += rng.randint(50_000, 5_000_000)
    status["crawlExecTime"] += 15
    now = _text(datetime.now(UTC))
    return {
        **{name: status[name] for name in ("pagesDone", "pagesFound", "size", "crawlExecTime")},
        "sizePending": rng.randint(0, 2**31),
        "sizeHuman": f"{status['size'] / 1e6:.1f} MB",
        "elapsedCrawlTime": status["crawlExecTime"] // 3,
        "lastActiveTime": now,
        "lastUpdatedTime": now,
        "podStatus": {
            name: {"used": _used(rng, pod["allocated"])}
            for name, pod in status["podStatus"].items()
        },
    }


def _crawljob(rng: random.Random, organisations: list[str]) -> tuple[Object, Object]:
    cid, oid, userid = _uuid(rng), rng.choice(organisations), _uuid(rng)
    state = rng.choices(tuple(_STATES), tuple(_STATES.values()))[0]
    started = _NOW - timedelta(seconds=rng.randint(30, 3 * 86400))
    crawl = f"manual-{started:%Y%m%d%H%M%S}-{cid[:12]}"
    paused_at = _NOW - timedelta(seconds=rng.randint(60, 86400))
    labels = {
        "crawl": crawl,
        "role": "job",
        "btrix.org": oid,
        "btrix.user": userid,
        "btrix.storage": "default",
        "dedupe_coll_id": "",
    }
    spec = {
        "selector": {"matchLabels": {"crawl": crawl}},
        "id": crawl,
        "userid": userid,
        "cid": cid,
        "oid": oid,
        "scale": 3,
        "browserWindows": 12,
        "profile_filename": "",
        "profileId": "",
        "storage_filename": "@ts-@hostsuffix.wacz",
        "maxCrawlSize": rng.choice((0, 0, 10 * _GIB, 100 * _GIB)),
        "timeout": rng.choice((0, 0, 3600, 86400, 259200)),
        "qaSourceCrawlId": "",
        "manual": 1,
        "crawlerChannel": "default",
        "ttlSecondsAfterFinished": 30,
        "warcPrefix": f"org-site{rng.randint(1, 9999)}",
        "storageName": "default",
        "proxyId": "",
        "dedupeCollId": "",
        "pausedAt": _text(paused_at) if state.startswith("paused") else "",
        "isSinglePage": "0",
        "seedFileUrl": "",
    }
    value = {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": {"name": f"crawljob-{crawl}", "namespace": "crawlers", "labels": labels},
        "spec": spec,
    }
    return value, _status(rng, crawl, state, int((_NOW - started).total_seconds()))


def _status(rng: random.Random, crawl: str, state: str, age: int) -> Object:
    waiting, paused = state in _WAITING, state.startswith("paused")
    found = 1 if waiting else rng.randint(50, 20_000)
    done = 0 if waiting else rng.randint(1, found)
    pods = {f"crawl-{crawl}-{index}": _pod(rng, age, redis=False) for index in range(3)}
    pods[f"redis-{crawl}"] = _pod(rng, age, redis=True)
    files = 0 if waiting else rng.randint(0, 12)
    size = done * rng.randint(80_000, 2_000_000)
    status: Object = {
        "state": state,
        "pagesFound": found,
        "pagesDone": done,
        "size": size,
        "sizeHuman": f"{size / 1e6:.1f} MB",
        "sizePending": sum(pod["sizePending"] for pod in pods.values()),
        "scale": 0 if paused or waiting else 3,
        "desiredScale": 3,
        "filesAdded": files,
        "filesAddedSize": files * rng.randint(10 * _MIB, _GIB),
        "stopping": paused,
        "initRedis": not waiting,
        "crawlerImage": "docker.io/webrecorder/browsertrix-crawler:1.9.3",
        "lastConfigUpdate": "",
        "lastActiveTime": "" if waiting else _text(_NOW),
        "podStatus": pods,
        "canceled": False,
        "crawlExecTime": 0 if waiting else age * 3,
        "elapsedCrawlTime": 0 if waiting else age,
        "lastUpdatedTime": _text(_NOW),
        "lastCrawlPodExitCode": 0,
        "allCrashed": False,
        "observedGeneration": 1,
    }
    if paused:
        status["stopReason"] = state
    if state == "complete":
        status["finished"] = _text(_NOW)
    if state == "rate-limited":
        status["rateLimitedAtTime"] = _text(_NOW)
    return status


def _pod(rng: random.Random, age: int, *, redis: bool) -> Object:
    memory = 200 * _MIB if redis else rng.choice((1024, 2640, 3168)) * _MIB
    allocated = {
        "memory": memory,
        "cpu": 0.01 if redis else 2.7,
        "storage": (3 if redis else 25) * _GIB,
    }
    code, reason = rng.choice(_EXITS)
    return {
        "allocated": allocated,
        "used": _used(rng, allocated),
        "newMemory": int(memory * 1.2),
        "newCpu": 3,
        "newStorage": f"{rng.randint(26, 90)}Gi",
        "signalAtMem": int(memory * 1.2),
        "exitTime": _text(_NOW - timedelta(seconds=rng.randint(5, age))),
        "exitCode": code,
        "reason": reason,
        "evicted": rng.random() < 0.01,
        "backoffWait": rng.random() < 0.005,
        "lastWorkers": 0 if redis else 4,
        "sizePending": 0 if redis else rng.randint(4096, 2 * _GIB),
    }


def _used(rng: random.Random, allocated: Object) -> Object:
    return {
        "memory": int(allocated["memory"] * rng.uniform(0.2, 0.98)),
        "cpu": round(allocated["cpu"] * rng.random(), 9),
        "storage": rng.randint(4096, allocated["storage"] // 2),
    }


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"

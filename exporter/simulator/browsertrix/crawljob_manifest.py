"""A CrawlJob as Browsertrix creates it: id, name, labels, spec, and the first status of all.

Shapes as Browsertrix 1.24 writes them (``chart/app-templates/crawl_job.yaml``, ``PodInfo`` of
``backend/btrixcloud/operator/models.py``).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from exporter.simulator.apiserver.encoding import stamp
from exporter.simulator.apiserver.served_resource import CRAWLJOBS
from exporter.simulator.apiserver.updates import Object
from exporter.simulator.browsertrix.pod_plan import CRAWLER_IMAGE

Origin = Literal["manual", "sched", "qa"]

FINALIZER: Final = "metacontroller.io/compositecontroller-crawl-operator"

_TTL: Final = 30
"""Seconds a finished crawl stays (QA runs: 0)."""

CRAWLER_MEMORY: Final = 1_610_612_736
CRAWLER_CPU: Final = 1.8
CRAWLER_STORAGE: Final = 23_622_320_128
WINDOWS_PER_POD: Final = 2
REDIS_MEMORY: Final = 209_715_200
REDIS_CPU: Final = 0.1
REDIS_STORAGE: Final = 3_221_225_472


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What one crawl is asked to do, and how much there is to do."""

    oid: str
    cid: str
    userid: str
    namespace: str = "crawlers"
    origin: Origin = "manual"
    pods: int = 2
    """Crawler pods wanted."""
    work: float = 1800.0
    """Simulated seconds of crawling until there is nothing left to crawl."""
    pages: int = 500
    """Pages there are to crawl."""
    page_size: int = 1_500_000
    """Bytes."""
    timeout: int = 0
    """Simulated seconds; 0 is none."""
    max_size: int = 0
    """Bytes; 0 is none."""
    dedupe_collection: str = ""
    proxy: str = ""
    flaps: int = 500
    """How often the finalizer is taken off and put on when the organisation was deleted."""

    @property
    def is_qa(self) -> bool:
        """Whether it is a QA run over an archived crawl."""
        return self.origin == "qa"


def crawl_id(traits: Traits, created: float) -> str:
    """The id Browsertrix would give, which is unique as long as ``cid`` is."""
    cid = traits.cid[:12]
    if traits.origin == "sched":  # the suffix of a CronJob's Job: minutes since 1970
        return f"sched-{cid}-{int(created // 60)}"
    return f"{traits.origin}-{datetime.fromtimestamp(created, UTC):%Y%m%d%H%M%S}-{cid}"


def crawljob(traits: Traits, created: float) -> Object:
    """A new CrawlJob, without a status; ``created`` in seconds since 1970."""
    crawl = crawl_id(traits, created)
    return {
        "apiVersion": CRAWLJOBS.api_version,
        "kind": CRAWLJOBS.kind,
        "metadata": {
            "name": f"crawljob-{crawl}",
            "namespace": traits.namespace,
            "creationTimestamp": stamp(created),
            "finalizers": [FINALIZER],
            "labels": {
                "crawl": crawl,
                "role": "qa-job" if traits.is_qa else "job",
                "btrix.org": traits.oid,
                "btrix.user": traits.userid,
                "btrix.storage": "default",
                "dedupe_coll_id": traits.dedupe_collection,
            },
        },
        "spec": {
            "selector": {"matchLabels": {"crawl": crawl}},
            "id": crawl,
            "userid": traits.userid,
            "cid": traits.cid,
            "oid": traits.oid,
            "scale": traits.pods,
            "browserWindows": traits.pods * WINDOWS_PER_POD,
            "profile_filename": "",
            "profileId": "None",
            "storage_filename": f"@ts-{crawl}.wacz",
            "maxCrawlSize": traits.max_size,
            "timeout": traits.timeout,
            "qaSourceCrawlId": f"manual-20250501120000-{traits.cid[:12]}" if traits.is_qa else "",
            "manual": 0 if traits.origin == "sched" else 1,
            "crawlerChannel": "default",
            "ttlSecondsAfterFinished": 0 if traits.is_qa else _TTL,
            "warcPrefix": f"org-{traits.cid[:8]}",
            "storageName": "default",
            "proxyId": traits.proxy,
            "dedupeCollId": traits.dedupe_collection,
            "pausedAt": "",
            "isSinglePage": "0",
            "seedFileUrl": "",
        },
    }


def initial_status() -> dict[str, Any]:
    """The first status that the operator writes."""
    return {
        "state": "starting",
        "pagesFound": 0,
        "pagesDone": 0,
        "size": 0,
        "sizeHuman": "",
        "sizePending": 0,
        "scale": 0,
        "desiredScale": 1,
        "filesAdded": 0,
        "filesAddedSize": 0,
        "stopping": False,
        "initRedis": False,
        "crawlerImage": CRAWLER_IMAGE,
        "lastConfigUpdate": "",
        "lastActiveTime": "",
        "podStatus": {},
        "canceled": False,
        "crawlExecTime": 0,
        "elapsedCrawlTime": 0,
        "lastUpdatedTime": "",
        "lastCrawlPodExitCode": 0,
        "allCrashed": True,
    }


def crawler_pod() -> dict[str, Any]:
    """A crawler pod's entry in ``podStatus`` when it is new."""
    return {
        "allocated": {
            "memory": CRAWLER_MEMORY,
            "cpu": CRAWLER_CPU,
            "storage": CRAWLER_STORAGE,
        },
        "used": {"memory": 0, "cpu": 0.0, "storage": 0},
        "evicted": False,
        "lastWorkers": WINDOWS_PER_POD,
        "sizePending": 0,
    }


def redis_pod() -> dict[str, Any]:
    """The redis pod's entry in ``podStatus`` when it is new."""
    return {
        "allocated": {"memory": REDIS_MEMORY, "cpu": REDIS_CPU, "storage": REDIS_STORAGE},
        "used": {"memory": 12_000_000, "cpu": 0.01, "storage": 4096},
        "evicted": False,
        "lastWorkers": 0,
        "sizePending": 0,
    }

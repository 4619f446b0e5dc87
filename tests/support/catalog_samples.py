"""What the catalog says of one crawl, as labels and values."""

from typing import Any

from exporter.crawls import Crawl, PauseLimit
from exporter.history.baseline import Baseline, PodBaseline
from exporter.metrics import catalog
from exporter.resources.crawljob import parse_json
from exporter.resources.pod import Pod
from support.factories import (
    CRAWL_ID,
    CREATED,
    GIB,
    NAMESPACE,
    OID,
    UPDATED,
    UPDATED_EPOCH,
    crawler_pod,
    crawljob,
    to_wire,
)
from support.pod_factories import pod
from support.reference_exposition import samples

PAUSE_LIMIT = 3600.0
PAUSED_BEFORE = 90.0
SINCE = UPDATED_EPOCH - 7.0
"""Since when the crawl of the samples is in its state, and its pod as it is, by its history."""
PAST = Baseline(
    "uid",
    NAMESPACE,
    OID,
    CRAWL_ID,
    "job",
    state="running",
    state_since=SINCE,
    transition="canceling",
    transition_since=SINCE,
    paused_seconds=PAUSED_BEFORE,
    progressed=SINCE,
)
POD_PAST = PodBaseline(
    evicted_at=SINCE,
    oom_killed_at=SINCE,
    crashed_at=SINCE,
    backoff_since=SINCE,
    pending="newMemory",
    pending_since=SINCE,
)
FAMILIES = catalog(PauseLimit(PAUSE_LIMIT), lambda _: PAST)
CRAWL = {"namespace": NAMESPACE, "oid": OID, "crawl": CRAWL_ID}
POD = {**CRAWL, "pod": f"crawl-{CRAWL_ID}-0"}

Samples = dict[str, list[tuple[dict[str, str], float]]]
"""By family; one without a sample is not there."""


def samples_of_wire(wire: dict[str, Any], *live: Pod) -> Samples:
    """What is served of a CrawlJob as it comes over the wire, and of its pods if there are any."""
    pods = {one.metadata.name: one for one in live} or None
    crawl = Crawl(parse_json(to_wire(wire)), pods)
    return samples(FAMILIES, [crawl], pods_before={POD["pod"]: POD_PAST})


def samples_of(**parts: Any) -> Samples:
    """What is served of a CrawlJob made by ``factories.crawljob``."""
    return samples_of_wire(crawljob(**parts))


def samples_of_pod(status: dict[str, Any] | None = None, **fields: Any) -> Samples:
    """What is served of the one pod of a crawl."""
    pods = {POD["pod"]: crawler_pod(**fields)}
    found = samples_of(pods=pods, status=status)
    return {name: found[name] for name in found if name.startswith("browsertrix_pod_")}


def samples_of_live_pod(**parts: Any) -> Samples:
    """What is served of the pod of a crawl whose status says nothing of it yet."""
    found = samples_of_wire(crawljob(pods={}), pod(POD["pod"], **parts))
    return {name: found[name] for name in found if name.startswith("browsertrix_pod_")}


def samples_of_everything() -> Samples:
    """What is served of a crawl that has a sample for every family."""
    wire = crawljob(
        metadata={"deletionTimestamp": UPDATED},
        spec={
            "pausedAt": CREATED,
            "restartTime": UPDATED,
            "profileId": "profile-1",
            "proxyId": "proxy-1",
            "dedupeCollId": "coll-1",
            "qaSourceCrawlId": "manual-0",
        },
        status={"stopReason": "paused", "rateLimitedAtTime": UPDATED, "lastCrawlPodExitCode": 11},
        pods={
            POD["pod"]: crawler_pod(
                newMemory=3 * GIB,
                newCpu=2,
                newStorage="13Gi",
                exitTime=UPDATED,
                exitCode=137,
                reason="oom",
                signalAtMem=GIB,
                backoffWait=True,
            )
        },
    )
    return samples_of_wire(wire, pod(POD["pod"]))

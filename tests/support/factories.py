"""CrawlJobs as the API server sends them, as small as a full one can be.

Every call makes a new tree, so a test may change what it gets. Timestamps are the wire's own text;
the fixed ones below are what tests compare with.
"""

import copy
import json
from typing import Any, Final

CRAWL_ID: Final = "manual-20250521114400-0123456789ab"
NAMESPACE: Final = "crawlers"
OID: Final = "11111111-2222-4333-8444-555555555555"
CID: Final = "01234567-89ab-4cde-8f01-23456789abcd"

CREATED: Final = "2025-05-21T11:44:00Z"
UPDATED: Final = "2025-05-21T12:00:00Z"
UPDATED_EPOCH: Final = 1747828800.0
"""``UPDATED`` in seconds since 1970."""

GIB: Final = 1024**3
ABSENT: Final = object()
"""As a value: leave the key out."""


def crawler_pod(**fields: Any) -> dict[str, Any]:
    """Build one crawler's entry of ``podStatus``; ``fields`` replace or add keys."""
    return _merged(
        {
            "allocated": {"memory": 2 * GIB, "cpu": 1.5, "storage": 25 * GIB},
            "used": {"memory": GIB, "cpu": 0.75, "storage": 5 * GIB},
            "evicted": False,
            "lastWorkers": 2,
            "sizePending": 1024,
        },
        fields,
    )


def redis_pod(**fields: Any) -> dict[str, Any]:
    """Build redis's entry of ``podStatus``."""
    return _merged(
        {
            "allocated": {"memory": GIB, "cpu": 0.1, "storage": 3 * GIB},
            "used": {"memory": GIB // 4, "cpu": 0, "storage": GIB},
            "evicted": False,
            "lastWorkers": 0,
            "sizePending": 0,
        },
        fields,
    )


def crawljob(
    *,
    crawl: str = CRAWL_ID,
    namespace: str = NAMESPACE,
    metadata: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    pods: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Build a running crawl with three crawler pods and redis.

    Each argument replaces or adds keys of its part; ``ABSENT`` removes one. ``pods`` replaces the
    whole ``podStatus``.
    """
    if pods is None:
        pods = {f"crawl-{crawl}-{n}": crawler_pod() for n in range(3)}
        pods[f"redis-{crawl}"] = redis_pod()
    base_labels = {
        "crawl": crawl,
        "role": "job",
        "btrix.org": OID,
        "btrix.user": "99999999-2222-4333-8444-555555555555",
        "btrix.storage": "default",
    }
    base_metadata = {
        "name": f"crawljob-{crawl}",
        "namespace": namespace,
        "uid": f"uid-{namespace}-{crawl}",
        "resourceVersion": "1000",
        "generation": 1,
        "creationTimestamp": CREATED,
        "labels": _merged(base_labels, labels),
        "finalizers": ["metacontroller.io/compositecontroller-crawls-operator"],
    }
    base_spec = {
        "id": crawl,
        "userid": "99999999-2222-4333-8444-555555555555",
        "cid": CID,
        "oid": OID,
        "scale": 3,
        "browserWindows": 6,
        "maxCrawlSize": 100 * GIB,
        "timeout": 7200,
        "manual": 1,
        "ttlSecondsAfterFinished": 30,
        "profile_filename": "",
        "profileId": "None",
        "storage_filename": "archive.wacz",
        "qaSourceCrawlId": "",
        "crawlerChannel": "default",
        "warcPrefix": "example",
        "storageName": "default",
        "proxyId": "",
        "dedupeCollId": "",
        "pausedAt": "",
        "isSinglePage": "0",
        "seedFileUrl": "",
    }
    base_status = {
        "state": "running",
        "pagesFound": 120,
        "pagesDone": 45,
        "size": 7 * GIB,
        "sizeHuman": "7.5 GB",
        "sizePending": 3072,
        "scale": 3,
        "desiredScale": 3,
        "filesAdded": 2,
        "filesAddedSize": 7 * GIB - 3072,
        "stopping": False,
        "initRedis": True,
        "crawlerImage": "webrecorder/browsertrix-crawler:1.7.0",
        "lastConfigUpdate": "",
        "lastActiveTime": UPDATED,
        "podStatus": pods,
        "canceled": False,
        "crawlExecTime": 2700,
        "elapsedCrawlTime": 900,
        "lastUpdatedTime": UPDATED,
        "lastCrawlPodExitCode": 0,
        "allCrashed": False,
    }
    return {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": _merged(base_metadata, metadata),
        "spec": _merged(base_spec, spec),
        "status": _merged(base_status, status),
    }


def replaced(job: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return a copy of ``job`` with another value at ``path`` (or none there, for ``ABSENT``)."""
    changed = copy.deepcopy(job)
    parent = changed
    for step in path[:-1]:
        parent = parent.setdefault(step, {})
    if value is ABSENT:
        parent.pop(path[-1], None)
    else:
        parent[path[-1]] = value
    return changed


def to_wire(value: Any) -> bytes:
    """Write JSON compactly as the API server does: UTF-8, one line.

    Also what it never would: NaN and Infinity as bare names, and lone surrogates as escapes.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


def _merged(base: dict[str, Any], fields: dict[str, Any] | None) -> dict[str, Any]:
    merged = {**base, **(fields or {})}
    return {key: value for key, value in merged.items() if value is not ABSENT}

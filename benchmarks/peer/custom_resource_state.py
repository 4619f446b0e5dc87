"""A configuration of kube-state-metrics' CustomResourceState with what the exporter serves.

What it cannot say (ratios, transitions, what happened) is left out, in its favour.
Source: kube-state-metrics, docs/metrics/extend/customresourcestate-metrics.md.
"""

from collections.abc import Sequence
from typing import Any, Final

from exporter.resources.crawljob.states import KNOWN_STATES, KNOWN_STOP_REASONS

PREFIX: Final = "btrix_crawljob"

Metric = dict[str, Any]

_CRAWL: Final = {
    "created_timestamp_seconds": "metadata.creationTimestamp",
    "deletion_timestamp_seconds": "metadata.deletionTimestamp",
    "spec_scale": "spec.scale",
    "spec_browser_windows": "spec.browserWindows",
    "spec_max_crawl_size_bytes": "spec.maxCrawlSize",
    "spec_timeout_seconds": "spec.timeout",
    "spec_ttl_seconds_after_finished": "spec.ttlSecondsAfterFinished",
    "spec_manual": "spec.manual",
    "spec_paused_timestamp_seconds": "spec.pausedAt",
    "spec_restart_timestamp_seconds": "spec.restartTime",
    "pages_found": "status.pagesFound",
    "pages_done": "status.pagesDone",
    "size_bytes": "status.size",
    "size_pending_bytes": "status.sizePending",
    "scale": "status.scale",
    "desired_scale": "status.desiredScale",
    "files_added": "status.filesAdded",
    "files_added_bytes": "status.filesAddedSize",
    "crawl_exec_seconds": "status.crawlExecTime",
    "elapsed_crawl_seconds": "status.elapsedCrawlTime",
    "last_active_timestamp_seconds": "status.lastActiveTime",
    "last_updated_timestamp_seconds": "status.lastUpdatedTime",
    "finished_timestamp_seconds": "status.finished",
    "restart_timestamp_seconds": "status.restartTime",
    "rate_limited_timestamp_seconds": "status.rateLimitedAtTime",
    "stopping": "status.stopping",
    "canceled": "status.canceled",
    "init_redis": "status.initRedis",
    "all_crashed": "status.allCrashed",
    "last_crawl_pod_exit_code": "status.lastCrawlPodExitCode",
    "observed_generation": "status.observedGeneration",
}
"""Names of gauges, and the field of each."""

_POD: Final = {
    "allocated_memory_bytes": "allocated.memory",
    "allocated_cpu_cores": "allocated.cpu",
    "allocated_storage_bytes": "allocated.storage",
    "used_memory_bytes": "used.memory",
    "used_cpu_cores": "used.cpu",
    "used_storage_bytes": "used.storage",
    "evicted": "evicted",
    "backoff_wait": "backoffWait",
    "exit_code": "exitCode",
    "exit_timestamp_seconds": "exitTime",
    "new_memory_bytes": "newMemory",
    "new_cpu_cores": "newCpu",
    "new_storage_bytes": "newStorage",
    "signal_at_memory_bytes": "signalAtMem",
    "last_workers": "lastWorkers",
    "size_pending_bytes": "sizePending",
}
"""The same of each entry of podStatus."""

_INFO: Final = {
    "name": "metadata.name",
    "role": "metadata.labels.role",
    "storage": "spec.storageName",
    "crawler_channel": "spec.crawlerChannel",
    "profile_id": "spec.profileId",
    "proxy_id": "spec.proxyId",
    "qa_source": "spec.qaSourceCrawlId",
    "dedupe_coll_id": "spec.dedupeCollId",
    "manual": "spec.manual",
    "crawler_image": "status.crawlerImage",
}


def configuration() -> dict[str, Any]:
    """The file, before it is written as YAML."""
    metrics = [
        *(_gauge(name, path) for name, path in _CRAWL.items()),
        *(
            _gauge(
                f"pod_{name}",
                "status.podStatus",
                valueFrom=path.split("."),
                labelFromKey="pod",
            )
            for name, path in _POD.items()
        ),
        _info("info", [], {label: path.split(".") for label, path in _INFO.items()}),
        _info(
            "pod_exit_reason_info",
            ["status", "podStatus"],
            {"reason": ["reason"]},
            labelFromKey="pod",
        ),
        _state_set("state", "status.state", "state", KNOWN_STATES),
        _state_set("stop_reason", "status.stopReason", "reason", KNOWN_STOP_REASONS),
    ]
    resource = {
        "groupVersionKind": {"group": "btrix.cloud", "version": "v1", "kind": "CrawlJob"},
        "metricNamePrefix": PREFIX,
        "errorLogV": 9,
        "labelsFromPath": {
            "namespace": ["metadata", "namespace"],
            "crawl": ["spec", "id"],
            "cid": ["spec", "cid"],
            "oid": ["spec", "oid"],
        },
        "metrics": metrics,
    }
    return {"kind": "CustomResourceStateMetrics", "spec": {"resources": [resource]}}


def _gauge(name: str, path: str, **more: Any) -> Metric:
    gauge = {"type": "Gauge", "gauge": {"path": path.split("."), **more}}
    return {"name": name, "help": f"The CrawlJob's {path}.", "each": gauge}


def _info(name: str, path: Sequence[str], labels: dict[str, list[str]], **more: Any) -> Metric:
    info = {"path": list(path), "labelsFromPath": labels, **more}
    return {
        "name": name,
        "help": f"{name} of the CrawlJob.",
        "each": {"type": "Info", "info": info},
    }


def _state_set(name: str, path: str, label: str, values: Sequence[str]) -> Metric:
    states = {"path": path.split("."), "labelName": label, "list": list(values)}
    each = {"type": "StateSet", "stateSet": states}
    return {"name": name, "help": f"The CrawlJob's {path}.", "each": each}

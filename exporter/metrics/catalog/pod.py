"""The families of one pod of a crawl.

Browsertrix never prunes ``podStatus``: how a pod exited is served as long as it is there, usage and
everything else about the present only for pods that exist.
"""

from collections.abc import Callable
from typing import Any, Final

from exporter.metrics.catalog.family import Kind, PodFamily, Sample, labelled
from exporter.resources.crawljob.pods import Pod
from exporter.resources.identity import POD_LABELS

_POD: Final = "status.podStatus.*"


def _pod(
    name: str,
    text: str,
    source: str,
    value: Callable[[Pod], Sample],
    unit: str = "",
    **more: Any,
) -> PodFamily:
    return PodFamily(
        name=f"browsertrix_pod_{name}",
        help=text,
        source=source if " " in source else f"{_POD}.{source}",
        value=value,
        unit=unit,
        **more,
    )


def _ratio(used: float | None, allocated: float | None) -> float | None:
    """In steps of 0.0001: all seventeen digits would be half of what a change costs to write."""
    if used is None or not allocated:
        return None
    quotient = used / allocated
    return int(quotient * 10_000 + 0.5) / 10_000 if quotient < 1e9 else quotient


POD_FAMILIES: Final = (
    _pod(
        "info",
        "What the pod is, and why it exited last; also of pods that no longer exist.",
        f"the pod's name, {_POD}.reason",
        lambda pod: (1.0, pod.info.reason, pod.index, pod.role),
        kind=Kind.INFO,
        labels=(*POD_LABELS, "exit_reason", "index", "role"),
        of_deleted_pods=True,
    ),
    _pod(
        "exit_code",
        "Exit code of the pod's last exit; also of pods that no longer exist.",
        "exitCode",
        lambda pod: pod.info.exit_code,
        of_deleted_pods=True,
    ),
    _pod(
        "exit_timestamp_seconds",
        "When the pod last exited, in seconds since 1970; also of pods that no longer exist.",
        "exitTime",
        lambda pod: pod.info.exit_time,
        "seconds",
        of_deleted_pods=True,
    ),
    _pod(
        "restart_pending",
        "1 for the reason Browsertrix will restart the pod for: "
        "newMemory, newCpu, evicted or forced.",
        f"{_POD}.newMemory, .newCpu, .evicted; spec.restartTime against status.restartTime",
        lambda pod: labelled(pod.restart_reason),
        labels=(*POD_LABELS, "reason"),
    ),
    _pod(
        "memory_allocated_bytes",
        "Bytes of memory the pod was given.",
        "allocated.memory",
        lambda pod: pod.info.allocated.memory,
        "bytes",
    ),
    _pod(
        "memory_used_bytes",
        "Bytes of memory the pod uses; absent for crawlers unless Browsertrix measures them.",
        "used.memory",
        lambda pod: pod.used_memory,
        "bytes",
    ),
    _pod(
        "memory_usage_ratio",
        "Memory used over memory allocated.",
        f"{_POD}.used.memory over .allocated.memory",
        lambda pod: _ratio(pod.used_memory, pod.info.allocated.memory),
        "ratio",
    ),
    _pod(
        "memory_target_bytes",
        "Bytes of memory Browsertrix wants to give the pod.",
        "newMemory",
        lambda pod: pod.info.new_memory,
        "bytes",
    ),
    _pod(
        "memory_signalled_bytes",
        "Bytes of memory at which the crawler was told to wind up before it runs out.",
        "signalAtMem",
        lambda pod: pod.info.signal_at_mem,
        "bytes",
    ),
    _pod(
        "cpu_allocated_cores",
        "CPU cores the pod was given.",
        "allocated.cpu",
        lambda pod: pod.info.allocated.cpu,
        "cores",
    ),
    _pod(
        "cpu_used_cores",
        "CPU cores the pod uses; absent unless Browsertrix measures them.",
        "used.cpu",
        lambda pod: pod.used_cpu,
        "cores",
    ),
    _pod(
        "cpu_usage_ratio",
        "CPU used over CPU allocated.",
        f"{_POD}.used.cpu over .allocated.cpu",
        lambda pod: _ratio(pod.used_cpu, pod.info.allocated.cpu),
        "ratio",
    ),
    _pod(
        "cpu_target_cores",
        "CPU cores Browsertrix wants to give the pod.",
        "newCpu",
        lambda pod: pod.info.new_cpu,
        "cores",
    ),
    _pod(
        "storage_allocated_bytes",
        "Bytes of storage the pod was given.",
        "allocated.storage",
        lambda pod: pod.info.allocated.storage,
        "bytes",
    ),
    _pod(
        "storage_used_bytes",
        "Of a crawler, archived bytes not uploaded yet; of redis, the bytes of its files.",
        "used.storage",
        lambda pod: pod.used_storage,
        "bytes",
    ),
    _pod(
        "storage_usage_ratio",
        "Storage used over storage allocated.",
        f"{_POD}.used.storage over .allocated.storage",
        lambda pod: _ratio(pod.used_storage, pod.info.allocated.storage),
        "ratio",
    ),
    _pod(
        "storage_target_bytes",
        "Bytes of storage Browsertrix wants to give the pod.",
        "newStorage",
        lambda pod: pod.info.new_storage,
        "bytes",
    ),
    _pod(
        "evicted",
        "1 from the pod's eviction until its replacement is seen, 0 otherwise.",
        "evicted",
        lambda pod: pod.info.evicted,
    ),
    _pod(
        "backoff",
        "1 while the pod waits to be restarted after crashes, 0 otherwise.",
        "backoffWait",
        lambda pod: pod.info.backoff_wait,
    ),
    _pod(
        "workers",
        "Browser windows of the crawler pod when last seen.",
        "lastWorkers",
        lambda pod: pod.info.last_workers,
    ),
    _pod(
        "pending_bytes",
        "Bytes the pod has archived and not uploaded yet.",
        "sizePending",
        lambda pod: pod.info.size_pending,
        "bytes",
    ),
)

"""The families of one pod of a crawl.

Browsertrix never prunes ``podStatus``: exit facts are served as long as they are there, usage and
everything else about the present only for pods that exist.
"""

from collections.abc import Callable, Sequence
from typing import Final

from exporter.crawljob import derived
from exporter.crawljob.derived import Pod
from exporter.metrics.catalog.family import POD_LABELS, Kind, PodFamily, Reading

_POD: Final = "status.podStatus.*"


def _figure(
    name: str,
    text: str,
    source: str,
    values: Callable[[Sequence[Pod]], list[Reading]],
    unit: str = "",
) -> PodFamily:
    return PodFamily(
        name=f"browsertrix_pod_{name}",
        help=text,
        source=f"{_POD}.{source}",
        unit=unit,
        values=values,
    )


def _ratio(used: float | None, allocated: float | None) -> float | None:
    """In steps of 0.0001: all seventeen digits would be half of what a change costs to write."""
    quotient = derived.ratio(used, allocated)
    if quotient is None or quotient > 1e9:
        return quotient
    return int(quotient * 10_000 + 0.5) / 10_000


_FACTS: Final = (
    PodFamily(
        name="browsertrix_pod_info",
        kind=Kind.INFO,
        help="What the pod is, and why it exited last; also of pods that no longer exist.",
        source=f"the pod's name, {_POD}.reason",
        labels=(*POD_LABELS, "role", "index", "exit_reason"),
        values=lambda pods: [(1.0, pod.role, pod.index, pod.info.reason) for pod in pods],
        of_gone_pods=True,
    ),
    PodFamily(
        name="browsertrix_pod_exit_code",
        help="Exit code of the pod's last exit; also of pods that no longer exist.",
        source=f"{_POD}.exitCode",
        values=lambda pods: [pod.info.exit_code for pod in pods],
        of_gone_pods=True,
    ),
    PodFamily(
        name="browsertrix_pod_exit_timestamp_seconds",
        help="When the pod last exited, in seconds since 1970; also of pods that no longer exist.",
        source=f"{_POD}.exitTime",
        unit="seconds",
        values=lambda pods: [pod.info.exit_time for pod in pods],
        of_gone_pods=True,
    ),
    PodFamily(
        name="browsertrix_pod_restart_pending",
        help="1 for the reason Browsertrix will restart the pod for: "
        "newMemory, newCpu, evicted or forced.",
        source=f"{_POD}.newMemory, .newCpu, .evicted; spec.restartTime against status.restartTime",
        labels=(*POD_LABELS, "reason"),
        values=lambda pods: [
            (1.0, reason) if (reason := pod.restart_reason) else None for pod in pods
        ],
    ),
)

_RESOURCES: Final = (
    _figure(
        "memory_allocated_bytes",
        "Bytes of memory the pod was given.",
        "allocated.memory",
        lambda pods: [pod.info.allocated.memory for pod in pods],
        "bytes",
    ),
    _figure(
        "memory_used_bytes",
        "Bytes of memory the pod uses; absent for crawlers unless Browsertrix measures them.",
        "used.memory",
        lambda pods: [pod.used_memory for pod in pods],
        "bytes",
    ),
    _figure(
        "memory_usage_ratio",
        "Memory used over memory allocated.",
        "used.memory over .allocated.memory",
        lambda pods: [_ratio(pod.used_memory, pod.info.allocated.memory) for pod in pods],
        "ratio",
    ),
    _figure(
        "memory_target_bytes",
        "Bytes of memory Browsertrix wants to give the pod.",
        "newMemory",
        lambda pods: [pod.info.new_memory for pod in pods],
        "bytes",
    ),
    _figure(
        "memory_signalled_bytes",
        "Bytes of memory at which the crawler was told to wind up before it runs out.",
        "signalAtMem",
        lambda pods: [pod.info.signal_at_mem for pod in pods],
        "bytes",
    ),
    _figure(
        "cpu_allocated_cores",
        "CPU cores the pod was given.",
        "allocated.cpu",
        lambda pods: [pod.info.allocated.cpu for pod in pods],
        "cores",
    ),
    _figure(
        "cpu_used_cores",
        "CPU cores the pod uses; absent unless Browsertrix measures them.",
        "used.cpu",
        lambda pods: [pod.used_cpu for pod in pods],
        "cores",
    ),
    _figure(
        "cpu_usage_ratio",
        "CPU used over CPU allocated.",
        "used.cpu over .allocated.cpu",
        lambda pods: [_ratio(pod.used_cpu, pod.info.allocated.cpu) for pod in pods],
        "ratio",
    ),
    _figure(
        "cpu_target_cores",
        "CPU cores Browsertrix wants to give the pod.",
        "newCpu",
        lambda pods: [pod.info.new_cpu for pod in pods],
        "cores",
    ),
    _figure(
        "storage_allocated_bytes",
        "Bytes of storage the pod was given.",
        "allocated.storage",
        lambda pods: [pod.info.allocated.storage for pod in pods],
        "bytes",
    ),
    _figure(
        "storage_used_bytes",
        "Of a crawler, archived bytes not uploaded yet; of redis, the bytes of its files.",
        "used.storage",
        lambda pods: [pod.used_storage for pod in pods],
        "bytes",
    ),
    _figure(
        "storage_usage_ratio",
        "Storage used over storage allocated.",
        "used.storage over .allocated.storage",
        lambda pods: [_ratio(pod.used_storage, pod.info.allocated.storage) for pod in pods],
        "ratio",
    ),
    _figure(
        "storage_target_bytes",
        "Bytes of storage Browsertrix wants to give the pod.",
        "newStorage",
        lambda pods: [pod.info.new_storage for pod in pods],
        "bytes",
    ),
)

_CONDITION: Final = (
    _figure(
        "evicted",
        "1 from the pod's eviction until its replacement is seen, 0 otherwise.",
        "evicted",
        lambda pods: [pod.info.evicted for pod in pods],
    ),
    _figure(
        "backoff",
        "1 while the pod waits to be restarted after crashes, 0 otherwise.",
        "backoffWait",
        lambda pods: [pod.info.backoff_wait for pod in pods],
    ),
    _figure(
        "workers",
        "Browser windows of the crawler pod when last seen.",
        "lastWorkers",
        lambda pods: [pod.info.last_workers for pod in pods],
    ),
    _figure(
        "pending_bytes",
        "Bytes the pod has archived and not uploaded yet.",
        "sizePending",
        lambda pods: [pod.info.size_pending for pod in pods],
        "bytes",
    ),
)

POD_FAMILIES: Final = (*_FACTS, *_RESOURCES, *_CONDITION)

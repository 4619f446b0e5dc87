"""The families of one pod of a crawl.

Browsertrix never prunes ``podStatus``: how a pod exited is served as long as it is there, usage and
everything else about the present only for pods that exist. What Kubernetes says of pods is in
``live_pod``.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from exporter.crawls import CrawlPod
from exporter.metrics.catalog.family import Field, Kind, PodFamily, Reads, Sample, labelled
from exporter.resources.crawljob import derived
from exporter.resources.identity import POD_LABELS

_POD: Final = "status.podStatus.*"


def pod_family(
    name: str,
    text: str,
    source: str,
    value: Callable[[CrawlPod], Sample],
    unit: str = "",
    **more: Any,
) -> PodFamily:
    """Declare one; ``source`` is a field of ``podStatus``, or a phrase of several words."""
    return PodFamily(
        name=f"browsertrix_pod_{name}",
        help=text,
        source=source if " " in source else f"{_POD}.{source}",
        value=value,
        unit=unit,
        **more,
    )


def _ratio(used: str, usable: str) -> Callable[[CrawlPod], float | None]:
    """One attribute over another, read of a pod that exists.

    In steps of 0.0001: all seventeen digits would be half of what a change costs to write.
    """
    read = attrgetter(used, usable)

    def ratio(pod: CrawlPod) -> float | None:
        quotient = derived.ratio(*read(pod))
        if quotient is None or quotient >= 1e9:
            return quotient
        return int(quotient * 10_000 + 0.5) / 10_000

    return ratio


POD_FAMILIES: Final = (
    pod_family(
        "info",
        "What the pod is, and why it exited last; also of pods that no longer exist.",
        f"the pod's name, {_POD}.reason",
        lambda pod: (1.0, pod.exit_reason, pod.index, pod.role),
        kind=Kind.INFO,
        labels=(*POD_LABELS, "exit_reason", "index", "role"),
        of_deleted_pods=True,
    ),
    pod_family(
        "exit_code",
        "Exit code of the pod's last exit; also of pods that no longer exist.",
        "exitCode",
        Field("exit_code"),
        of_deleted_pods=True,
    ),
    pod_family(
        "exit_timestamp_seconds",
        "When the pod last exited, in seconds since 1970; also of pods that no longer exist.",
        "exitTime",
        Field("exit_time"),
        "seconds",
        of_deleted_pods=True,
    ),
    pod_family(
        "evicted_timestamp_seconds",
        "When the pod was last evicted, in seconds since 1970; absent where nobody saw when.",
        "the history of evicted",
        Field("past.evicted_at"),
        "seconds",
        of_deleted_pods=True,
    ),
    pod_family(
        "oom_killed_timestamp_seconds",
        "When the pod was last killed for want of memory and not by an eviction, in seconds since "
        "1970; absent where nobody knows which it was.",
        "the history of exits and evictions",
        Field("past.oom_killed_at"),
        "seconds",
        of_deleted_pods=True,
    ),
    pod_family(
        "crashed_timestamp_seconds",
        "When the pod last exited with a code that is a crash, and not by an eviction, in seconds "
        "since 1970.",
        "the history of exits and evictions",
        Field("past.crashed_at"),
        "seconds",
        of_deleted_pods=True,
    ),
    pod_family(
        "restart_pending",
        "1 for the reason Browsertrix will restart the pod for: "
        "newMemory, newCpu, evicted or forced.",
        f"{_POD}.newMemory, .newCpu, .evicted; spec.restartTime against status.restartTime",
        lambda pod: labelled(pod.restart_reason),
        labels=(*POD_LABELS, "reason"),
    ),
    pod_family(
        "restart_pending_since_timestamp_seconds",
        "Since when the pod is to be restarted for that reason, in seconds since 1970.",
        "the history of what makes a restart pending",
        lambda pod: (
            (pod.past.pending_since, pod.past.pending)
            if pod.past.pending_since is not None and pod.restart_reason == pod.past.pending
            else None
        ),
        "seconds",
        labels=(*POD_LABELS, "reason"),
    ),
    pod_family(
        "backoff_since_timestamp_seconds",
        "Since when the pod has been waiting to be restarted after crashes, in seconds since 1970.",
        "the history of backoffWait",
        Field("past.backoff_since"),
        "seconds",
    ),
    pod_family(
        "memory_allocated_bytes",
        "Bytes of memory the pod was given.",
        "allocated.memory",
        Field("info.allocated.memory"),
        "bytes",
    ),
    pod_family(
        "memory_used_bytes",
        "Bytes of memory the pod uses, as metrics-server or Browsertrix has measured last.",
        f"containers.usage.memory of PodMetrics, {_POD}.used.memory",
        Field("used_memory"),
        "bytes",
        reads=Reads.USAGE,
    ),
    pod_family(
        "memory_usage_ratio",
        "Memory used over memory allocated; over the pod's limit where no status says that.",
        f"used over {_POD}.allocated.memory, the pod's limit",
        _ratio("used_memory", "usable_memory"),
        "ratio",
        reads=Reads.USAGE,
    ),
    pod_family(
        "memory_target_bytes",
        "Bytes of memory Browsertrix wants to give the pod.",
        "newMemory",
        Field("info.new_memory"),
        "bytes",
    ),
    pod_family(
        "memory_signalled_bytes",
        "Bytes of memory at which the crawler was told to wind up before it runs out.",
        "signalAtMem",
        Field("info.signal_at_mem"),
        "bytes",
    ),
    pod_family(
        "cpu_allocated_cores",
        "CPU cores the pod asked for.",
        "allocated.cpu",
        Field("info.allocated.cpu"),
        "cores",
    ),
    pod_family(
        "cpu_used_cores",
        "CPU cores the pod uses, as metrics-server or Browsertrix has measured last.",
        f"containers.usage.cpu of PodMetrics, {_POD}.used.cpu",
        Field("used_cpu"),
        "cores",
        reads=Reads.USAGE,
    ),
    pod_family(
        "cpu_usage_ratio",
        "CPU used over CPU asked for, which is no limit: it may be more than 1.",
        f"used over {_POD}.allocated.cpu, the pod's request",
        _ratio("used_cpu", "usable_cpu"),
        "ratio",
        reads=Reads.USAGE,
    ),
    pod_family(
        "cpu_target_cores",
        "CPU cores Browsertrix wants to give the pod.",
        "newCpu",
        Field("info.new_cpu"),
        "cores",
    ),
    pod_family(
        "storage_allocated_bytes",
        "Bytes of storage the pod was given.",
        "allocated.storage",
        Field("info.allocated.storage"),
        "bytes",
    ),
    pod_family(
        "storage_used_bytes",
        "Of a crawler, archived bytes not uploaded yet; of redis, the bytes of its files.",
        "used.storage",
        Field("info.used.storage"),
        "bytes",
    ),
    pod_family(
        "storage_usage_ratio",
        "Storage used over storage allocated.",
        f"{_POD}.used.storage over .allocated.storage",
        _ratio("info.used.storage", "info.allocated.storage"),
        "ratio",
    ),
    pod_family(
        "storage_target_bytes",
        "Bytes of storage Browsertrix wants to give the pod.",
        "newStorage",
        Field("info.new_storage"),
        "bytes",
    ),
    pod_family(
        "evicted",
        "1 from the pod's eviction until its replacement is seen, 0 otherwise.",
        "evicted",
        Field("evicted"),
    ),
    pod_family(
        "backoff",
        "1 while the pod waits to be restarted after crashes, 0 otherwise.",
        "backoffWait",
        Field("info.backoff_wait"),
    ),
    pod_family(
        "workers",
        "Browser windows of the crawler pod when last seen.",
        "lastWorkers",
        Field("info.last_workers"),
    ),
    pod_family(
        "pending_bytes",
        "Bytes the pod has archived and not uploaded yet.",
        "sizePending",
        Field("info.size_pending"),
        "bytes",
    ),
)

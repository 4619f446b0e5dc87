"""The families of one pod of a crawl.

Browsertrix never prunes ``podStatus``: exit facts are served as long as they are there, usage and
everything else about the present only for pods that exist. So there are two readers, each of all
its families in their order.
"""

from typing import Any, Final

from exporter.metrics.catalog.family import Kind, PodFamily, Sample
from exporter.resources.crawljob.pods import Pod
from exporter.resources.identity import POD_LABELS

_POD: Final = "status.podStatus.*"


def _read_exit(pod: Pod) -> tuple[Sample, ...]:
    info = pod.info
    return ((1.0, info.reason, pod.index, pod.role), info.exit_code, info.exit_time)


def _read_present(pod: Pod) -> tuple[Sample, ...]:
    info = pod.info
    allocated = info.allocated
    used = info.used
    # As Pod.used_memory and its like, without a call for each: this pod exists.
    memory, cpu, storage = used.memory or None, used.cpu or None, used.storage
    reason = pod.restart_reason
    return (
        (1.0, reason) if reason else None,
        allocated.memory,
        memory,
        _ratio(memory, allocated.memory),
        info.new_memory,
        info.signal_at_mem,
        allocated.cpu,
        cpu,
        _ratio(cpu, allocated.cpu),
        info.new_cpu,
        allocated.storage,
        storage,
        _ratio(storage, allocated.storage),
        info.new_storage,
        info.evicted,
        info.backoff_wait,
        info.last_workers,
        info.size_pending,
    )


def _ratio(used: float | None, allocated: float | None) -> float | None:
    """In steps of 0.0001: all seventeen digits would be half of what a change costs to write."""
    if used is None or not allocated:
        return None
    quotient = used / allocated
    return int(quotient * 10_000 + 0.5) / 10_000 if quotient < 1e9 else quotient


def _family(name: str, text: str, source: str, unit: str = "", **more: Any) -> dict[str, Any]:
    return {
        "name": f"browsertrix_pod_{name}",
        "help": text,
        "source": source if " " in source else f"{_POD}.{source}",
        "unit": unit,
        **more,
    }


_EXIT: Final = (
    _family(
        "info",
        "What the pod is, and why it exited last; also of pods that no longer exist.",
        f"the pod's name, {_POD}.reason",
        kind=Kind.INFO,
        labels=(*POD_LABELS, "exit_reason", "index", "role"),
    ),
    _family(
        "exit_code",
        "Exit code of the pod's last exit; also of pods that no longer exist.",
        "exitCode",
    ),
    _family(
        "exit_timestamp_seconds",
        "When the pod last exited, in seconds since 1970; also of pods that no longer exist.",
        "exitTime",
        "seconds",
    ),
)

_PRESENT: Final = (
    _family(
        "restart_pending",
        "1 for the reason Browsertrix will restart the pod for: "
        "newMemory, newCpu, evicted or forced.",
        f"{_POD}.newMemory, .newCpu, .evicted; spec.restartTime against status.restartTime",
        labels=(*POD_LABELS, "reason"),
    ),
    _family(
        "memory_allocated_bytes",
        "Bytes of memory the pod was given.",
        "allocated.memory",
        "bytes",
    ),
    _family(
        "memory_used_bytes",
        "Bytes of memory the pod uses; absent for crawlers unless Browsertrix measures them.",
        "used.memory",
        "bytes",
    ),
    _family(
        "memory_usage_ratio",
        "Memory used over memory allocated.",
        f"{_POD}.used.memory over .allocated.memory",
        "ratio",
    ),
    _family(
        "memory_target_bytes",
        "Bytes of memory Browsertrix wants to give the pod.",
        "newMemory",
        "bytes",
    ),
    _family(
        "memory_signalled_bytes",
        "Bytes of memory at which the crawler was told to wind up before it runs out.",
        "signalAtMem",
        "bytes",
    ),
    _family(
        "cpu_allocated_cores",
        "CPU cores the pod was given.",
        "allocated.cpu",
        "cores",
    ),
    _family(
        "cpu_used_cores",
        "CPU cores the pod uses; absent unless Browsertrix measures them.",
        "used.cpu",
        "cores",
    ),
    _family(
        "cpu_usage_ratio",
        "CPU used over CPU allocated.",
        f"{_POD}.used.cpu over .allocated.cpu",
        "ratio",
    ),
    _family(
        "cpu_target_cores",
        "CPU cores Browsertrix wants to give the pod.",
        "newCpu",
        "cores",
    ),
    _family(
        "storage_allocated_bytes",
        "Bytes of storage the pod was given.",
        "allocated.storage",
        "bytes",
    ),
    _family(
        "storage_used_bytes",
        "Of a crawler, archived bytes not uploaded yet; of redis, the bytes of its files.",
        "used.storage",
        "bytes",
    ),
    _family(
        "storage_usage_ratio",
        "Storage used over storage allocated.",
        f"{_POD}.used.storage over .allocated.storage",
        "ratio",
    ),
    _family(
        "storage_target_bytes",
        "Bytes of storage Browsertrix wants to give the pod.",
        "newStorage",
        "bytes",
    ),
    _family(
        "evicted",
        "1 from the pod's eviction until its replacement is seen, 0 otherwise.",
        "evicted",
    ),
    _family(
        "backoff",
        "1 while the pod waits to be restarted after crashes, 0 otherwise.",
        "backoffWait",
    ),
    _family(
        "workers",
        "Browser windows of the crawler pod when last seen.",
        "lastWorkers",
    ),
    _family(
        "pending_bytes",
        "Bytes the pod has archived and not uploaded yet.",
        "sizePending",
        "bytes",
    ),
)

POD_FAMILIES: Final = (
    *(PodFamily(read=_read_exit, place=n, of_deleted_pods=True, **f) for n, f in enumerate(_EXIT)),
    *(PodFamily(read=_read_present, place=n, **f) for n, f in enumerate(_PRESENT)),
)

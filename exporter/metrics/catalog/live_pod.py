"""The families of what Kubernetes says of a crawl's pods; absent where nobody may list pods."""

from collections.abc import Callable
from typing import Any, Final

from exporter.crawls import CrawlPod
from exporter.metrics.catalog.family import Field, Kind, PodFamily, Reads, Sample, labelled
from exporter.metrics.catalog.pod import pod_family
from exporter.resources.identity import POD_LABELS
from exporter.resources.pod.derived import seconds_to_run, seconds_to_schedule


def _pod(
    name: str, text: str, source: str, value: Callable[[CrawlPod], Sample], *unit: str, **more: Any
) -> PodFamily:
    return pod_family(name, text, f"pod: {source}", value, *unit, reads=Reads.OBJECTS, **more)


LIVE_POD_FAMILIES: Final = (
    _pod(
        "phase",
        "1 for the phase the pod is in: Pending, Running, Succeeded, Failed or Unknown.",
        "status.phase",
        lambda pod: labelled(pod.status.phase),
        labels=(*POD_LABELS, "phase"),
    ),
    _pod(
        "waiting",
        "1 for the reason the pod's container waits for: ContainerCreating, ImagePullBackOff, "
        "CrashLoopBackOff and others.",
        "state.waiting.reason of its containerStatuses; PodInitializing is the init container's",
        lambda pod: labelled(pod.status.waiting),
        labels=(*POD_LABELS, "reason"),
    ),
    _pod(
        "unschedulable_since_timestamp_seconds",
        "Since when no node is found for the pod, in seconds since 1970, and what most nodes lack: "
        "memory, cpu, storage, volume, affinity, taint or other.",
        "status.conditions PodScheduled",
        lambda pod: (
            (since, pod.scheduling.unschedulable)
            if (since := pod.unschedulable_since) is not None
            else None
        ),
        "seconds",
        labels=(*POD_LABELS, "reason"),
    ),
    _pod(
        "container_restarts",
        "How often the pod's container was started again; a new pod of that name begins at 0.",
        "status.containerStatuses.restartCount",
        Field("container.restarts"),
    ),
    _pod(
        "evicted_for",
        "1 for what ran out when the pod was evicted: memory, storage, inodes, pids or other; "
        "while the evicted pod is there.",
        "status.message of an evicted pod",
        lambda pod: labelled(pod.evicted_for),
        labels=(*POD_LABELS, "resource"),
    ),
    _pod(
        "memory_request_bytes",
        "Bytes of memory that are set aside for the pod on its node.",
        "resources.requests.memory of containers and sidecars: of their status, else the spec",
        Field("resources.memory_request"),
        "bytes",
    ),
    _pod(
        "memory_limit_bytes",
        "Bytes of memory beyond which the pod is killed.",
        "resources.limits.memory of containers and sidecars: of their status, else the spec",
        Field("resources.memory_limit"),
        "bytes",
    ),
    _pod(
        "cpu_request_cores",
        "CPU cores that are set aside for the pod on its node.",
        "resources.requests.cpu of containers and sidecars: of their status, else the spec",
        Field("resources.cpu_request"),
        "cores",
    ),
    _pod(
        "cpu_limit_cores",
        "CPU cores beyond which the pod is throttled; Browsertrix sets none.",
        "resources.limits.cpu of containers and sidecars: of their status, else the spec",
        Field("resources.cpu_limit"),
        "cores",
    ),
    _pod(
        "placement_info",
        "Where the pod runs and which goes first: node, priority class, and class of service.",
        "spec.nodeName, spec.priorityClassName, status.qosClass",
        lambda pod: (
            (1.0, pod.spec.node_name, pod.spec.priority_class_name, pod.status.qos_class)
            if pod.status.phase
            else None
        ),
        kind=Kind.INFO,
        labels=(*POD_LABELS, "node", "priority_class", "qos_class"),
    ),
    _pod(
        "created_timestamp_seconds",
        "When the pod was created, in seconds since 1970.",
        "metadata.creationTimestamp",
        Field("live.metadata.creation_timestamp"),
        "seconds",
    ),
    _pod(
        "scheduled_timestamp_seconds",
        "When a node was found for the pod, in seconds since 1970.",
        "status.conditions PodScheduled",
        Field("scheduling.scheduled"),
        "seconds",
    ),
    _pod(
        "start_timestamp_seconds",
        "When its node accepted the pod, in seconds since 1970.",
        "status.startTime",
        Field("status.start_time"),
        "seconds",
    ),
    _pod(
        "scheduling_seconds",
        "Seconds from the pod's creation until a node was found.",
        "metadata.creationTimestamp, status.conditions PodScheduled",
        lambda pod: seconds_to_schedule(pod.live),
        "seconds",
    ),
    _pod(
        "starting_seconds",
        "Seconds from the pod's creation until its container ran; absent once it was restarted.",
        "metadata.creationTimestamp, status.containerStatuses.state.running",
        lambda pod: seconds_to_run(pod.live),
        "seconds",
    ),
)

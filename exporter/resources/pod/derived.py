"""What follows from a pod: rules of Kubernetes and of Browsertrix, without I/O and without a clock.

Timestamps are seconds since 1970.
"""

from collections.abc import Iterator
from typing import Final

from exporter.resources.pod.model import Pod, Termination

OOM_EXIT_CODE: Final = 137
"""SIGKILL: by the kernel for want of memory, by the kubelet in an eviction or a deletion."""

IMAGE_PULL_REASONS: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
)
"""Why a container waits where its image cannot be had. Source: kubelet, ``pkg/kubelet/images``."""


def is_evicted(pod: Pod) -> bool:
    """Whether its node threw it out; as Browsertrix reads it (``sync_pod_status``)."""
    return pod.status.phase == "Failed" and pod.status.reason == "Evicted"


def exits(pod: Pod) -> Iterator[Termination]:
    """How its container ended, the last time at the end; each has a time.

    That it ended because the pod is deleted is no exit: no status of Browsertrix says it either.
    """
    container = pod.status.container
    if container is None:
        return
    deleted = pod.metadata.deletion_timestamp
    if deleted is not None:
        deleted -= pod.metadata.deletion_grace_period_seconds or 0.0
    for termination in container.terminations:
        if deleted is None or (termination.finished_at or 0.0) < deleted:
            yield termination


def is_killed(termination: Termination) -> bool:
    """Whether it was killed, which Browsertrix takes for want of memory."""
    return termination.exit_code != 0 and (
        termination.reason == "OOMKilled" or termination.exit_code == OOM_EXIT_CODE
    )


def exit_reason(termination: Termination) -> str:
    """The reason as Browsertrix writes it: ``done``, ``oom`` or ``interrupt: <code>``.

    Source: Browsertrix, ``handle_terminated_pod``.
    """
    if termination.exit_code == 0:
        return "done"
    return "oom" if is_killed(termination) else f"interrupt: {termination.exit_code}"


def seconds_to_schedule(pod: Pod) -> float | None:
    """From its creation until a node was found."""
    scheduling = pod.status.scheduling
    return None if scheduling is None else _since_creation(pod, scheduling.scheduled)


def seconds_to_run(pod: Pod) -> float | None:
    """From its creation until its container ran; None of one that has run before."""
    container = pod.status.container
    if container is None or container.restarts:
        return None
    return _since_creation(pod, container.started_at)


def _since_creation(pod: Pod, at: float | None) -> float | None:
    created = pod.metadata.creation_timestamp
    return None if at is None or created is None else max(0.0, at - created)

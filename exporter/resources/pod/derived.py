"""What follows from a pod: rules of Kubernetes and of Browsertrix, without I/O and without a clock.

Timestamps are seconds since 1970.
"""

from collections.abc import Iterator
from dataclasses import astuple
from typing import Final

from exporter.resources.pod.model import Pod, PodResources, Termination

_NO_RESOURCES: Final = PodResources()

OOM_EXIT_CODE: Final = 137
"""SIGKILL: by the kernel for want of memory, by the kubelet in an eviction or a deletion."""

FINAL_PHASES: Final = frozenset({"Succeeded", "Failed"})
"""Of a pod whose container is not started any more: it uses nothing."""

IMAGE_PULL_REASONS: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
"""Why a container waits where its image cannot be had. Source: kubelet, ``pkg/kubelet/images``, and
the errors of a pull in ``cri-api``."""


def is_evicted(pod: Pod) -> bool:
    """Whether its node threw it out; as Browsertrix reads it (``sync_pod_status``)."""
    return pod.status.phase == "Failed" and pod.status.reason == "Evicted"


def exits(pod: Pod) -> Iterator[Termination]:
    """How its container ended, the last time at the end; each has a time.

    That it ended because the pod is deleted is no exit: no status of Browsertrix says it either.
    Nor is one yet of which nobody can tell whether it was for want of memory or an eviction's.
    """
    container = pod.status.container
    if container is None:
        return
    deleted = pod.metadata.deletion_timestamp
    if deleted is not None:
        deleted -= pod.metadata.deletion_grace_period_seconds or 0.0
    for termination in (container.ended_before, container.ended):
        if (
            termination is not None
            and (deleted is None or (termination.finished_at or 0.0) < deleted)
            and not _is_undecided(pod, termination)
        ):
            yield termination


def _is_undecided(pod: Pod, termination: Termination) -> bool:
    """Whether it was killed, and what follows will say by whom.

    The kubelet may say that the container ended before it says that the pod has failed (its
    ``mergePodStatus`` holds the phase, the reason and the message back); where it was the kernel,
    the container is started again.
    """
    return (
        termination is _last_end(pod)
        and termination.exit_code == OOM_EXIT_CODE
        and termination.reason != "OOMKilled"
        and pod.status.phase not in FINAL_PHASES
    )


def was_stopped(pod: Pod, termination: Termination) -> bool:
    """Whether it ended from outside: its node evicted the pod, shuts down, or made room.

    A container that ends by itself is started again, or has succeeded: its pod does not fail.
    """
    return termination is _last_end(pod) and pod.status.phase == "Failed"


def _last_end(pod: Pod) -> Termination | None:
    return None if pod.status.container is None else pod.status.container.ended


def stated_exit_reason(termination: Termination) -> str:
    """The reason as Browsertrix writes it: ``done``, ``oom`` or ``interrupt: <code>``.

    It takes whatever was killed to have wanted memory. Source: ``handle_terminated_pod``.
    """
    code = termination.exit_code
    if code == 0:
        return "done"
    killed = code == OOM_EXIT_CODE or termination.reason == "OOMKilled"
    return "oom" if killed else f"interrupt: {code}"


def exit_reason(pod: Pod, termination: Termination) -> str:
    """The reason in Browsertrix's words; a pod that was stopped knows better than its status."""
    if termination.reason != "OOMKilled" and was_stopped(pod, termination):
        return f"interrupt: {code}" if (code := termination.exit_code) else "done"
    return stated_exit_reason(termination)


def resources(pod: Pod) -> PodResources:
    """What the pod has on its node, where one was found: as resized in place, and with sidecars.

    Source: Kubernetes, ``component-helpers/resource`` (``PodRequests``, ``PodLimits``).
    """
    spec, container = pod.spec, pod.status.container
    found = (container and container.in_force) or spec.resources or _NO_RESOURCES
    if spec.sidecars is not None:
        found += spec.sidecars
    if (whole := spec.of_pod) is None:
        return found
    return PodResources(
        *(
            theirs if own is None else own
            for own, theirs in zip(astuple(whole), astuple(found), strict=True)
        )
    )


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

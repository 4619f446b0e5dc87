"""Pods that do not get to run, and why: no node, no image, no container, no volume.

Kubernetes says why; Browsertrix says no more than ``waiting_capacity``. One alert for each cause
and crawl, however many pods wait: their remedy is one. What exactly they lack changes from minute
to minute (a node that starts has other taints than one that is full), so the text says it, and no
label. What is told here, alerts that say only that the crawl does not start (it waits for capacity,
is starting or resuming) do not tell again.
"""

from collections.abc import Sequence
from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.alerting.template import listed
from exporter.resources.identity import CRAWL_LABELS, POD_LABELS
from exporter.resources.pod.derived import IMAGE_PULL_REASONS
from exporter.rules.conditions import current, now_in_state, overdue
from exporter.rules.promql import EXPORTER, by, on
from exporter.rules.rule import (
    CRAWL,
    DURATION,
    POD,
    AlertingRule,
    Dashboard,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_NO_NODE: Final = "BrowsertrixPodUnschedulable"
_NO_IMAGE: Final = "BrowsertrixPodImagePullFailing"
_NO_CONTAINER: Final = "BrowsertrixPodConfigError"
_NO_VOLUME: Final = "BrowsertrixVolumeNotBound"
_ALL: Final = f"{_NO_NODE}|{_NO_IMAGE}|{_NO_CONTAINER}|{_NO_VOLUME}"
_CONFIG_REASONS: Final = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
"""Why a container waits that cannot be made. Source: kubelet, ``pkg/kubelet/kuberuntime``."""
_UNSCHEDULABLE: Final = "browsertrix_pod_unschedulable_since_timestamp_seconds"
_NEEDS_PODS: Final = "starting|waiting_capacity|running|pending-wait|rate-limited"

TOLD: Final = f'unless {on(*CRAWL_LABELS)} ALERTS{{alertname=~"{_ALL}",alertstate="firing"}}'
"""Crawls that an alert here tells of. By the alerts, not their conditions: an alert goes on for a
while when its pod has found a node at last, and one that says less must not begin just then; and
one that was left out tells nothing."""


def rules(at: Thresholds) -> tuple[AlertingRule, ...]:
    """The alerts with these thresholds."""
    failing = format_duration(at.start_failing)
    return (
        _of_crawl(
            at,
            _NO_NODE,
            summary="No node is found for pods of a crawl",
            lacking="without a node",
            reasons=_reasons(f"{_UNSCHEDULABLE}{{$of}}"),
            condition="a pod of a crawl finds no node for more than "
            f"{format_duration(at.unschedulable)}; the text says what most nodes lack: memory, "
            "cpu, storage, volume, affinity, taint or other",
            expr=overdue(_UNSCHEDULABLE, at.unschedulable),
        ),
        _of_crawl(
            at,
            _NO_IMAGE,
            summary="The image of a crawl's pods cannot be pulled",
            lacking="with a node and without an image",
            reasons=_reasons(_waiting(IMAGE_PULL_REASONS, "$of,")),
            condition=f"a pod of a crawl has had a node for more than {failing}, and its image "
            "cannot be pulled",
            expr=_since_node(at, IMAGE_PULL_REASONS),
        ),
        _of_crawl(
            at,
            _NO_CONTAINER,
            summary="The container of a crawl's pods cannot be created",
            lacking="with a node and without a container that can be started",
            reasons=_reasons(_waiting(_CONFIG_REASONS, "$of,")),
            condition=f"a pod of a crawl has had a node for more than {failing}, and its "
            "container cannot be created or started",
            expr=_since_node(at, _CONFIG_REASONS),
        ),
        _volume_not_bound(at),
    )


def _of_crawl(  # noqa: PLR0913 - a table's row, each column by its name
    at: Thresholds,
    name: str,
    *,
    summary: str,
    lacking: str,
    reasons: str,
    condition: str,
    expr: str,
) -> AlertingRule:
    return AlertingRule(
        name=name,
        severity=Severity.WARNING,
        summary=summary,
        description=f"{CRAWL} has had pods {lacking} for {DURATION}{reasons}.",
        condition=condition,
        expr=expr,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.PODS,
    )


def _reasons(series: str) -> str:
    return listed(f"count by (reason) ({series})", "reason", of=CRAWL_LABELS, text=" ({})")


def _waiting(reasons: Sequence[str], also: str = "") -> str:
    return f'browsertrix_pod_waiting{{{also}reason=~"{"|".join(reasons)}"}}'


def _since_node(at: Thresholds, reasons: Sequence[str]) -> str:
    """For how long pods have had a node, of those that wait for one of the reasons.

    And did a while ago, too: of a container that is started anew in a pod that is old, the first
    failure would be overdue at once.
    """
    waiting, half = _waiting(reasons), format_duration(at.start_failing // 2)
    return overdue(
        "browsertrix_pod_scheduled_timestamp_seconds",
        at.start_failing,
        only=f"\n  and {on(*EXPORTER, *POD_LABELS)} {waiting}"
        f"\n  and {on(*POD_LABELS)} last_over_time({waiting}[{half}] offset {half})",
    )


def _volume_not_bound(at: Thresholds) -> AlertingRule:
    """A claim that is of no use to its pod, or to the crawl when it is resumed.

    A storage class that waits for its first consumer leaves a claim Pending until its pod has a
    node, or for as long as the crawl is paused and has no pods.
    """
    lost, pending = (
        f'browsertrix_volume_phase{{phase="{phase}"}}' for phase in ("Lost", "Pending")
    )
    return AlertingRule(
        name=_NO_VOLUME,
        severity=Severity.WARNING,
        summary="A crawl's volume cannot be used",
        description=f"The volume of {POD[0].lower()}{POD[1:]} is {{{{ $labels.phase }}}}, and has "
        f"been for more than {format_duration(at.volume_hold)}.",
        condition="a claim is `Lost`, or is `Pending` while its crawl needs pods and no alert "
        "tells that they find no node",
        expr=f"""\
max {by(*POD_LABELS, "phase")} ({current(lost)})
or
(
  max {by(*POD_LABELS, "phase")} ({current(pending)})
  and {now_in_state(_NEEDS_PODS)}
  unless {on(*POD_LABELS)} ({current(_UNSCHEDULABLE)})
)""",
        for_=at.volume_hold,
        keep_firing_for=at.bridge,
        dashboard=Dashboard.PODS,
    )

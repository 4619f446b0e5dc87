"""Volumes of crawls: nearly full, and full before long.

How full a volume is only the kubelet of the pod's node knows, which Prometheus scrapes itself
(kube-prometheus-stack does). A recording rule joins what it says to the claims that the exporter
serves: a claim has its pod's name. Where the scrape has no ``honor_labels``, the claim's namespace
is in ``exported_namespace``, and nothing else would tell of that. Where no kubelet is scraped there
are no such series, and nothing here fires.
"""

from typing import Final

from exporter.alerting.event_alerts import format_duration
from exporter.resources.identity import POD_LABELS
from exporter.rules.conditions import current
from exporter.rules.predictions import will_be_full
from exporter.rules.promql import by, on
from exporter.rules.rule import (
    PERCENT,
    POD,
    AlertingRule,
    Dashboard,
    RecordingRule,
    RuleGroup,
    Severity,
)
from exporter.rules.thresholds import Thresholds

_USED: Final = "pod_resource:browsertrix_volume_used:ratio"
_CLAIM: Final = ("namespace", "pod")
_VOLUME: Final = f"The volume of {POD[0].lower()}{POD[1:]}"


def _used(used: str, of: str, resource: str) -> str:
    """The share of a volume that is used; some file systems say that they have 0 inodes."""
    return f"""\
label_replace(
  max {by(*POD_LABELS)} ({current("browsertrix_volume_info")})
  * {on(*_CLAIM)} group_left ()
  max {by(*_CLAIM)} (
    label_replace(
      label_replace(
        {used} / ({of} > 0),
        "namespace", "$1", "exported_namespace", "(.+)"
      ),
      "pod", "$1", "persistentvolumeclaim", "(.+)"
    )
  ),
  "resource", "{resource}", "", ""
)"""


_BYTES: Final = _used(
    "kubelet_volume_stats_used_bytes", "kubelet_volume_stats_capacity_bytes", "storage"
)
_INODES: Final = _used("kubelet_volume_stats_inodes_used", "kubelet_volume_stats_inodes", "inodes")


def group(at: Thresholds) -> RuleGroup:
    """The group with these thresholds."""
    horizon = format_duration(at.volume_horizon)
    return RuleGroup(
        name="browsertrix-volumes",
        topic="Volumes",
        interval="1m",
        rules=(
            RecordingRule(
                name=_USED,
                description="Share of a pod's volume that is used, of its bytes (`storage`) and of "
                "its `inodes`, as the kubelet says",
                labels=(*POD_LABELS, "resource"),
                expr=f"{_BYTES}\nor\n{_INODES}",
            ),
            AlertingRule(
                name="BrowsertrixVolumeNearlyFull",
                severity=Severity.WARNING,
                summary="The volume of a pod is nearly full",
                description=f"{_VOLUME} has {PERCENT} of its {{{{ $labels.resource }}}} in use.",
                condition=f"more than {at.volume_near:.0%} of a volume's bytes or inodes are used; "
                "needs the kubelet's metrics",
                expr=f"{_USED} > {at.volume_near}",
                for_=at.volume_near_hold,
                keep_firing_for=at.bridge,
                dashboard=Dashboard.PODS,
            ),
            AlertingRule(
                name="BrowsertrixVolumeFullWithinTheHour",
                severity=Severity.WARNING,
                summary="The volume of a pod is going to be full",
                description=f"{_VOLUME} will be full within {horizon} if it goes on like this; "
                f"{PERCENT} of its {{{{ $labels.resource }}}} is in use.",
                condition=f"running, more than {at.prediction_level:.0%} of a volume's bytes or "
                f"inodes used, a line through the last {format_duration(at.prediction_window)} "
                f"reaches all of them within {horizon}, and the pages found so far will not be "
                "done before; needs the kubelet's metrics",
                expr=will_be_full(at, _USED, at.volume_horizon),
                for_=at.prediction_hold,
                keep_firing_for=at.bridge,
                dashboard=Dashboard.PODS,
            ),
        ),
    )

"""Panels on pods that do not run yet, which several dashboards have: why, and for how long."""

from typing import Final

from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeriesPanel

from dashboards.fields import FieldConfig
from dashboards.panels import Query, time_series
from dashboards.promql import Selection, one_of
from exporter.resources.pod.derived import IMAGE_PULL_REASONS
from exporter.web.colours import BAD, QUIET, WARN

UNSCHEDULABLE: Final = "browsertrix_pod_unschedulable_since_timestamp_seconds"
WAITING: Final = "browsertrix_pod_waiting"
NO_IMAGE: Final = one_of("reason", IMAGE_PULL_REASONS)
_STARTING: Final = "ContainerCreating"


def number(selection: Selection, metric: str, *matchers: str, only: str = "") -> Query:
    """How many pods have the series, 0 where none has.

    With ``only``, such as ``> 0``, all pods are looked at: so it is asked for now alone.
    """
    expr = f"{selection.count(metric, *matchers, only=only)} or vector(0)"
    return Query(expr=expr, instant=bool(only))


def by_reason(selection: Selection) -> TimeSeriesPanel:
    """Pods that do not run, by what they wait for; a point for five minutes at the shortest."""
    return time_series(
        "Pending pods by reason",
        "Pods for which no node is found, by what most nodes lack, and those that have a node and "
        "do not run. Memory or CPU for long: the cluster is full, or its autoscaler does not act.",
        Query(
            expr=selection.count(UNSCHEDULABLE, labels=("reason",)), legend="no node: {{reason}}"
        ),
        Query(expr=selection.count(WAITING, labels=("reason",)), legend="{{reason}}"),
        config=FieldConfig(
            min=0,
            decimals=0,
            colours={
                _STARTING: QUIET,
                "CrashLoopBackOff": WARN,
                **dict.fromkeys(("ErrImagePull", "ImagePullBackOff"), BAD),
            },
        ),
        stacked=True,
        min_interval="5m",
    )

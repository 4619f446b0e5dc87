"""Rows of the pods dashboard: why pods do not run, on which nodes they do, and their volumes."""

from typing import Final

from dashboards import pending
from dashboards.dashboard import Row, line, row
from dashboards.fields import BAD_FROM_ONE, USAGE, WARN_FROM_ONE, FieldConfig
from dashboards.names import with_names
from dashboards.panels import Query, stat, time_series
from dashboards.promql import Selection, topk, volume_fill
from dashboards.tables import POD_COLUMNS, Label, Value, table
from exporter.resources.identity import POD_LABELS
from exporter.rules.promql import EXPORTER, by, on
from exporter.web.colours import BAD, GOOD, PHASES, WARN

_RECENTLY: Final = 3600
"""Seconds."""
_WAIT: Final = ((None, GOOD), (600, WARN), (1800, BAD))
"""An autoscaler brings a node within minutes."""
_OF_POD: Final = on(*POD_LABELS)


def starting(pods: Selection) -> Row:
    """Which pods do not run, why, and how long it takes until they do."""
    return row(
        "Not running",
        line(
            4,
            stat(
                "Pending",
                "Pods that have no node yet, or whose container was not started yet.",
                pending.number(pods, "browsertrix_pod_phase", 'phase="Pending"'),
            ),
            stat(
                "Without a node",
                "Pods that fit on no node. An autoscaler brings one within minutes, if it can.",
                pending.number(pods, pending.UNSCHEDULABLE),
                FieldConfig(thresholds=WARN_FROM_ONE),
            ),
            stat(
                "Without an image",
                "Pods whose image cannot be pulled: a wrong name, a registry that is down, or no "
                "right to it.",
                pending.number(pods, pending.WAITING, pending.NO_IMAGE),
                FieldConfig(thresholds=BAD_FROM_ONE),
            ),
            stat(
                "Restarted",
                "Pods whose container was started again after it had ended.",
                pending.number(pods, "browsertrix_pod_container_restarts", only="> 0"),
            ),
            stat(
                "Volumes not bound",
                "Claims without a volume: one is made once its pod has a node. Lost: it is gone.",
                pending.number(pods, "browsertrix_volume_phase", 'phase!="Bound"'),
                FieldConfig(thresholds=WARN_FROM_ONE),
            ),
            stat(
                "Volumes to grow",
                "Volumes that are to become larger: some grow only once their pod is restarted.",
                pending.number(pods, "browsertrix_volume_resize_pending", only="> 0"),
                FieldConfig(thresholds=WARN_FROM_ONE),
            ),
        ),
        line(
            8,
            pending.by_reason(pods),
            time_series(
                "Pods by phase",
                "Pods by what Kubernetes says of them. Failed ones are evicted, as a rule.",
                Query(
                    expr=pods.count("browsertrix_pod_phase", labels=("phase",)),
                    legend="{{phase}}",
                ),
                config=FieldConfig(min=0, decimals=0, colours=PHASES),
                stacked=True,
                min_interval="10m",
            ),
            time_series(
                "Time until they run",
                "Of the pods created within an hour, nine in ten were faster: to find a node, and "
                "until their container ran. Between the two the volume is attached and the image "
                "pulled. Pods that still wait are not among them.",
                *(
                    Query(expr=f"quantile(0.9, {_of_young(pods, metric)})", legend=legend)
                    for metric, legend in (
                        ("browsertrix_pod_scheduling_seconds", "found a node"),
                        ("browsertrix_pod_starting_seconds", "ran"),
                    )
                ),
                config=FieldConfig(
                    unit="s", min=0, colours={"found a node": PHASES["Pending"], "ran": GOOD}
                ),
                min_interval="10m",
            ),
        ),
        line(
            8,
            table(
                "Longest without a node",
                "The pods for which no node is found, and what most nodes lack.",
                *POD_COLUMNS,
                Label(label="reason", title="Lacks", width=100),
                Value(
                    title="Waiting",
                    expr=with_names(topk(10, _unschedulable_for(pods))),
                    unit="s",
                    width=100,
                    thresholds=_WAIT,
                ),
                sort="Waiting",
                config=FieldConfig(no_value="every pod has a node"),
            ),
            table(
                "Waiting containers",
                "The pods that have a node and do not run, oldest first, and why. Creating takes "
                "seconds; longer, look at the pod's events.",
                *POD_COLUMNS,
                Label(label="reason", title="Waits for", width=160),
                Value(
                    title="Pod's age",
                    expr=with_names(topk(10, _waiting_for(pods))),
                    unit="s",
                    width=100,
                ),
                sort="Pod's age",
                config=FieldConfig(no_value="no container waits"),
            ),
            table(
                "Most restarted",
                "The pods whose container was started again most often.",
                *POD_COLUMNS,
                Value(
                    title="Restarts",
                    expr=with_names(topk(10, _restarts(pods))),
                    unit="none",
                    width=100,
                    thresholds=((None, GOOD), (3, WARN), (10, BAD)),
                ),
                sort="Restarts",
                config=FieldConfig(no_value="no container was restarted"),
            ),
        ),
    )


def nodes_and_volumes(pods: Selection) -> Row:
    """Where pods run, and what they write to."""
    node = pods.merged("browsertrix_pod_placement_info", 'node!=""', labels=(*POD_LABELS, "node"))
    asked, used = (
        f"sum {by('node')} ({pods.merged(metric)} * {_OF_POD} group_left (node) {node})"
        for metric in ("browsertrix_pod_memory_request_bytes", "browsertrix_pod_memory_used_bytes")
    )
    unbound = pods.selector("browsertrix_volume_phase", 'phase!="Bound"')
    growing = f"{pods.selector('browsertrix_volume_resize_pending')} > 0"
    requested = pods.selector("browsertrix_volume_requested_bytes")
    of_volume = on(*EXPORTER, *POD_LABELS)
    odd = topk(20, f"max {by(*POD_LABELS)} ({requested} and {of_volume} ({unbound} or {growing}))")
    phase = pods.merged("browsertrix_volume_phase", labels=(*POD_LABELS, "phase"))
    return row(
        "Nodes and volumes",
        line(
            9,
            table(
                "Pods by node",
                "The nodes with most pods of crawls, the memory set aside for these, and what "
                "they use of it.",
                Label(label="node", title="Node"),
                Value(
                    title="Pods",
                    expr=topk(
                        20,
                        pods.count("browsertrix_pod_placement_info", 'node!=""', labels=("node",)),
                    ),
                    unit="none",
                    width=70,
                ),
                Value(title="Set aside", expr=asked, unit="bytes", width=100),
                Value(title="In use", expr=used, unit="bytes", width=100),
                sort="Pods",
                config=FieldConfig(no_value="no pod has a node"),
            ),
            table(
                "Fullest volumes",
                "What is written to them over what they hold, as their nodes' kubelets say; "
                "unknown where Prometheus does not scrape these.",
                *POD_COLUMNS,
                Value(
                    title="Used",
                    expr=with_names(topk(10, volume_fill(pods))),
                    unit="percentunit",
                    decimals=0,
                    width=140,
                    thresholds=USAGE,
                    bar=1,
                ),
                sort="Used",
                config=FieldConfig(no_value="no kubelet is scraped"),
            ),
            table(
                "Volumes not as asked",
                "Claims that have no volume, and volumes that are to become larger.",
                *POD_COLUMNS,
                Label(label="phase", title="Phase", width=90),
                Value(expr=f"{phase} and {_OF_POD} {odd}"),
                Value(
                    title="Has",
                    expr=f"{pods.merged('browsertrix_volume_capacity_bytes')} and {_OF_POD} {odd}",
                    unit="bytes",
                    width=90,
                ),
                Value(
                    title="Asked for",
                    expr=with_names(odd),
                    unit="bytes",
                    width=100,
                ),
                sort="Asked for",
                config=FieldConfig(no_value="every claim has the volume it asks for"),
            ),
            widths=(6, 9, 9),
        ),
    )


def _of_young(pods: Selection, metric: str) -> str:
    """Of pods that were created within the hour; those are few, so they are chosen first."""
    created = pods.selector("browsertrix_pod_created_timestamp_seconds")
    return (
        f"max {by(*POD_LABELS)} ({pods.selector(metric)} and {on(*EXPORTER, *POD_LABELS)} "
        f"({created} > time() - {_RECENTLY}))"
    )


def _unschedulable_for(pods: Selection) -> str:
    return f"time() - {pods.merged(pending.UNSCHEDULABLE, merge='min')}"


def _waiting_for(pods: Selection) -> str:
    """How old the pods are whose container waits."""
    created = pods.merged("browsertrix_pod_created_timestamp_seconds")
    waiting = pods.merged(pending.WAITING)
    return f"time() - {waiting} * {_OF_POD} group_left () {created}"


def _restarts(pods: Selection) -> str:
    series = pods.selector("browsertrix_pod_container_restarts")
    return f"max {by(*POD_LABELS)} ({series} > 0)"

"""PodMetrics as metrics-server sends them, as Hypothesis draws them, and as none should be."""

import time
from typing import Any, Final

from hypothesis import strategies as st

from support.factories import ABSENT, CRAWL_ID, NAMESPACE, UPDATED, replaced
from support.strategies import hostile_json, timestamps


def container(name: str = "crawler", **usage: Any) -> dict[str, Any]:
    """Build one container's figures; ``usage`` replaces or adds keys, ``ABSENT`` removes one."""
    figures = {"cpu": "250000000n", "memory": "1024Ki"} | usage
    return {
        "name": name,
        "usage": {key: value for key, value in figures.items() if value is not ABSENT},
    }


def pod_metrics(
    name: str = f"crawl-{CRAWL_ID}-0",
    *containers: Any,
    namespace: str = NAMESPACE,
    timestamp: Any = UPDATED,
    labels: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Build one pod's, a crawler's with one container where none are given."""
    value = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": "2025-05-21T12:00:15Z",
            "labels": {"crawl": CRAWL_ID, "role": "crawler", "btrix.storage": "default"}
            | (labels or {}),
        },
        "timestamp": timestamp,
        "window": "15.083s",
        "containers": list(containers or [container()]),
    }
    return {key: item for key, item in value.items() if item is not ABSENT}


def moving(name: str, *containers: Any, **more: Any) -> dict[str, Any]:
    """One whose timestamp is of now."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09}Z"
    return pod_metrics(name, *containers, timestamp=stamp, **more)


def pod_metrics_list(*items: Any) -> dict[str, Any]:
    """Build a list of them: without a version, and never paged."""
    return {
        "kind": "PodMetricsList",
        "apiVersion": "metrics.k8s.io/v1beta1",
        "metadata": {},
        "items": list(items),
    }


@st.composite
def _quantities(draw: st.DrawFn) -> str:
    number = draw(st.integers(0, 2**45))
    return f"{number}{draw(st.sampled_from(['', 'n', 'u', 'm', 'Ki', 'Mi']))}"


_USAGE: Final = st.fixed_dictionaries({"cpu": _quantities(), "memory": _quantities()})


@st.composite
def written_pod_metrics(draw: st.DrawFn) -> dict[str, Any]:
    """PodMetrics that metrics-server could have written."""
    usages = draw(st.lists(_USAGE, min_size=1, max_size=4))
    containers = [{"name": f"c{n}", "usage": usage} for n, usage in enumerate(usages)]
    return pod_metrics("a-pod", *containers, timestamp=draw(timestamps()))


_HOSTILE: Final = hostile_json()
_PLACES: Final[list[tuple[str, ...]]] = [
    ("metadata", "labels"),
    ("metadata", "labels", "crawl"),
    ("metadata", "labels", "role"),
    ("metadata", "more"),
    ("timestamp",),
    ("window",),
    ("containers",),
    ("more",),
]


@st.composite
def mutated_pod_metrics(draw: st.DrawFn) -> dict[str, Any]:
    """PodMetrics with any JSON at a few random places; name and namespace stay as given."""
    value = draw(written_pod_metrics())
    for container_ in value["containers"]:
        match draw(
            st.sampled_from(["keep", "keep", "container", "usage", "cpu", "memory", "more"])
        ):
            case "container":
                container_.clear()
                container_["usage"] = draw(_HOSTILE)
            case "usage":
                container_["usage"] = draw(_HOSTILE)
            case "cpu" | "memory" | "more" as key:
                container_["usage"] = {**container_["usage"], key: draw(_HOSTILE)}
    if draw(st.booleans()):
        value["containers"].insert(0, draw(_HOSTILE))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_PLACES))
        parent: Any = value
        for step in path[:-1]:
            parent = parent.get(step) if isinstance(parent, dict) else None
        if isinstance(parent, dict):
            value = replaced(value, path, draw(_HOSTILE))
    return value

"""Hypothesis strategies: CrawlJobs as Browsertrix writes them, and as it never should.

All yield the decoded object; ``factories.to_wire`` renders it as the API server would.
"""

import copy
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import strategies as st

from exporter.resources.crawljob.states import KNOWN_STATES, KNOWN_STOP_REASONS
from support.factories import ABSENT, crawler_pod, crawljob, redis_pod, replaced

_BYTES: Final = st.integers(0, 2**45)
_COUNTS: Final = st.integers(0, 10**6)
_IDS: Final = st.text("0123456789abcdef", min_size=12, max_size=12)
_NEWER_VALUES: Final = st.sampled_from(["paused_newer_reason", "some-newer-value"])

_YEAR_2024: Final = 1_704_067_200
_YEAR_2030: Final = 1_893_456_000


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    """Timestamps in the forms that Browsertrix and Kubernetes have written."""
    time = datetime.fromtimestamp(draw(st.integers(_YEAR_2024, _YEAR_2030)), UTC)
    return time.strftime(
        draw(
            st.sampled_from(
                ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.250000+00:00", "%Y-%m-%dT%H:%M:%S"]
            )
        )
    )


def _or_empty(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | strategy


def _make_pod_fields() -> st.SearchStrategy[dict[str, Any]]:
    memory = _BYTES | st.sampled_from(["512Mi", "2Gi", 0])
    cpu = st.floats(0, 64) | st.sampled_from(["250m", 0, 1])
    resources = st.fixed_dictionaries({"memory": memory, "cpu": cpu, "storage": _BYTES})
    return st.fixed_dictionaries(
        {"allocated": resources, "used": resources},
        optional={
            "newMemory": _BYTES,
            "newCpu": st.integers(0, 64),
            "newStorage": st.sampled_from(["13Gi", "500Mi"]),
            "exitTime": timestamps(),
            "exitCode": st.sampled_from([0, 1, 3, 10, 11, 137, 255]),
            "reason": st.sampled_from(["done", "oom", "interrupt: 11"]),
            "signalAtMem": _BYTES,
            "evicted": st.booleans(),
            "backoffWait": st.booleans(),
            "lastWorkers": st.integers(0, 8),
            "sizePending": _BYTES,
        },
    )


def _make_status_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"state": st.sampled_from(KNOWN_STATES) | _NEWER_VALUES},
        optional={
            "pagesFound": _COUNTS,
            "pagesDone": _COUNTS,
            "size": _BYTES,
            "sizePending": _BYTES,
            "scale": st.integers(0, 4),
            "desiredScale": st.integers(0, 4),
            "filesAdded": _COUNTS,
            "filesAddedSize": _BYTES,
            "finished": timestamps(),
            "stopping": st.booleans(),
            "stopReason": st.sampled_from(KNOWN_STOP_REASONS) | _NEWER_VALUES,
            "initRedis": st.booleans(),
            "lastActiveTime": _or_empty(timestamps()),
            "restartTime": timestamps(),
            "canceled": st.booleans(),
            "crawlExecTime": _COUNTS,
            "elapsedCrawlTime": _COUNTS,
            "lastUpdatedTime": _or_empty(timestamps()),
            "rateLimitedAtTime": _or_empty(timestamps()),
            "lastCrawlPodExitCode": st.sampled_from([0, 1, 10, 137]),
        },
    )


def _make_spec_fields() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "scale": st.integers(1, 4),
            "maxCrawlSize": st.just(0) | _BYTES,
            "timeout": st.integers(0, 10**6),
            "manual": st.sampled_from([0, 1, "0", "1"]),
            "pausedAt": _or_empty(timestamps()),
            "stopping": st.just(True),
            "restartTime": timestamps(),
            "qaSourceCrawlId": st.sampled_from(["", "manual-20250101000000-0123456789ab"]),
            "warcPrefix": st.text(max_size=20),
            "proxyId": st.none() | st.text(max_size=8),
        },
    )


# Made once: building a strategy costs more than drawing from it.
_POD_FIELDS: Final = _make_pod_fields()
_STATUS_FIELDS: Final = _make_status_fields()
_SPEC_FIELDS: Final = _make_spec_fields()
_DELETION: Final = st.fixed_dictionaries({}, optional={"deletionTimestamp": timestamps()})


@st.composite
def crawljobs(draw: st.DrawFn) -> dict[str, Any]:
    """CrawlJobs that Browsertrix could have written: all states, pauses, pods there and deleted."""
    crawl = draw(st.sampled_from(["manual-20250521114400-", "qa-20250521114400-", "sched-"]))
    crawl += draw(_IDS)
    pods = {
        f"crawl-{crawl}-{n}": crawler_pod(**draw(_POD_FIELDS))
        for n in range(draw(st.integers(0, 4)))
    }
    if draw(st.booleans()):
        pods[f"redis-{crawl}"] = redis_pod(**draw(_POD_FIELDS))
    first_added = draw(st.integers(0, 9)) == 9
    job = crawljob(
        crawl=crawl,
        namespace=draw(st.sampled_from(["crawlers", "other"])),
        metadata=draw(_DELETION),
        spec=draw(_SPEC_FIELDS),
        status=draw(_STATUS_FIELDS),
        pods=pods,
    )
    return replaced(job, ("status",), ABSENT) if first_added else job


_SCALARS: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["", "NaN", "Inf", "-1", "1_000", "512Mi", "1e400", "0001-01-01T00:00:00Z"])
)


def any_json() -> st.SearchStrategy[Any]:
    """Any JSON value of moderate size; NaN and infinities too, for some writers emit them."""
    return st.recursive(
        _SCALARS,
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
        ),
        max_leaves=8,
    )


def _nested(depth: int) -> Any:
    value: Any = "bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def hostile_json() -> st.SearchStrategy[Any]:
    """Any JSON, and the particular values that have broken exporters."""
    return (
        any_json()
        | st.sampled_from([10**499, -(10**499), 2**63, -1, 1e308, -0.0, 5e-324])
        | st.sampled_from([float("nan"), float("inf"), float("-inf")])
        | st.sampled_from(
            [
                'line\nbreak "quote" back\\slash',
                "\x00\x01\x07\x1b\x7f",
                "\x85\u2028\u2029\ufeff",
                "\ud800 lone",
                "tail \udfff",
                "# HELP a b\n# TYPE a counter\na 1",
            ]
        )
        | st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp", "So"]), max_size=10)
        | st.integers(1, 150).map(_nested)
    )


def pod_names() -> st.SearchStrategy[str]:
    """Keys that no Kubernetes would have given to a pod."""
    return st.sampled_from(
        [
            "",
            "crawl-",
            "crawl-x-",
            "crawl-x--1",
            "crawl-x-\u0663",
            "crawl-x-" + "9" * 200,
            "redis-",
            '"\n\\',
            "\ud800",
            "n" * 254,
            "n" * 5000,
            "*",
            "[key]",
            "percent",
        ]
    ) | st.text(max_size=20)


_HOSTILE: Final = hostile_json()
_ODD_PODS: Final = _POD_FIELDS | _HOSTILE
_POD_NAMES: Final = pod_names()
_NEW_KEYS: Final = st.text(max_size=10)


@st.composite
def mutated_crawljobs(draw: st.DrawFn) -> dict[str, Any]:
    """A CrawlJob with any JSON at all at a few random places; name and namespace stay as given."""
    job = draw(crawljobs())
    for _ in range(draw(st.integers(1, 6))):
        job = _mutated(draw, job)
    if draw(st.integers(0, 49)) == 49:  # large, so rare
        job = replaced(job, draw(st.sampled_from(_paths(job))), "x" * 500_000)
    return job


def _mutated(draw: st.DrawFn, job: dict[str, Any]) -> dict[str, Any]:
    path = draw(st.sampled_from(_paths(job)))
    match draw(st.sampled_from(["replace", "replace", "replace", "add", "pod"])):
        case "add" if isinstance(_at(job, path), dict) and path != ("metadata",):
            return replaced(job, (*path, draw(_NEW_KEYS)), draw(_HOSTILE))
        case "pod" if isinstance(_at(job, ("status", "podStatus")), dict):
            pod = draw(_ODD_PODS)
            return replaced(job, ("status", "podStatus", draw(_POD_NAMES)), pod)
        case _:
            return replaced(job, path, draw(_HOSTILE))


def _at(job: dict[str, Any], path: tuple[str, ...]) -> Any:
    node: Any = job
    for step in path:
        if not isinstance(node, dict):
            return None
        node = node.get(step)
    return node


def _paths(job: dict[str, Any]) -> list[tuple[str, ...]]:
    """All places below metadata (but not who the object is), spec and status, and these two."""
    found: list[tuple[str, ...]] = []

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                found.append((*path, key))
                walk(value, (*path, key))

    for part in ("metadata", "spec", "status"):
        walk(job.get(part), (part,))
    kept = [path for path in found if path not in _IDENTITY]
    return [*kept, ("spec",), ("status",)]


_IDENTITY: Final = {("metadata", "name"), ("metadata", "namespace")}


@st.composite
def mutated_objects(draw: st.DrawFn, wire: dict[str, Any]) -> dict[str, Any]:
    """Any Kubernetes object with any JSON at all at a few places, also within its lists."""
    found = copy.deepcopy(wire)
    for _ in range(draw(st.integers(1, 4))):
        places = [one for one in _places(found) if one[1] not in ("name", "namespace")]
        if places:
            node, key = draw(st.sampled_from(places))
            node[key] = draw(_HOSTILE)
    return found


def _places(node: Any) -> list[tuple[Any, Any]]:
    """Every value below, as what holds it and its key or number."""
    items: Any = ()
    if isinstance(node, dict):
        items = list(node.items())
    elif isinstance(node, list):
        items = list(enumerate(node))
    return [place for key, inner in items for place in ((node, key), *_places(inner))]

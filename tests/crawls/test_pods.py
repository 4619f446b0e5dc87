"""What follows for each pod: role, index, whether it exists, what it uses, why it will restart."""

from typing import Any

import pytest

from exporter.crawls import Crawl, CrawlPod, pods_of
from exporter.resources.crawljob import parse_json
from support.factories import CRAWL_ID, GIB, UPDATED, crawler_pod, crawljob, redis_pod, to_wire


def pods(**parts: Any) -> dict[str, CrawlPod]:
    return {pod.name: pod for pod in pods_of(Crawl(parse_json(to_wire(crawljob(**parts)))))}


def one_pod(pod: dict[str, Any], *, name: str = "crawl-x-0", **status: Any) -> CrawlPod:
    return pods(pods={name: pod}, status=status)[name]


def test_pods_are_named_for_role_and_index() -> None:
    assert [(pod.role, pod.index) for pod in pods().values()] == [
        ("crawler", 0),
        ("crawler", 1),
        ("crawler", 2),
        ("redis", None),
    ]


@pytest.mark.parametrize(
    ("name", "role", "index"),
    [
        ("crawl-manual-20250521-abc-12", "crawler", 12),
        ("crawl-x-00", "crawler", 0),
        ("crawl-x-", "other", None),
        ("crawl-x-\u0663", "other", None),
        ("crawl-x-\u00b2", "other", None),
        ("crawl-x-" + "9" * 200, "other", None),
        ("crawl-x-1.5", "other", None),
        ("redis-x", "redis", None),
        ("redis-x-1", "redis", None),
        ("qa-x-1", "other", None),
        ("7", "other", None),
    ],
)
def test_pods_of_any_name_have_a_role(name: str, role: str, index: int | None) -> None:
    pod = one_pod({}, name=name)

    assert (pod.role, pod.index) == (role, index)


def exists(**status: Any) -> list[bool]:
    return [pod.exists for pod in pods(status=status).values()]


def test_all_pods_of_a_running_crawl_exist() -> None:
    assert exists() == [True, True, True, True]


def test_crawler_pods_at_or_above_the_scale_are_gone() -> None:
    assert exists(scale=1) == [True, False, False, True]


def test_a_paused_crawl_has_no_pods_left() -> None:
    assert exists(state="paused", scale=0, initRedis=False) == [False] * 4


def test_redis_of_a_pausing_crawl_outlives_the_crawlers() -> None:
    assert exists(state="paused", scale=0, initRedis=True) == [False, False, False, True]


@pytest.mark.parametrize("state", ["complete", "failed", "canceled"])
def test_an_ended_crawls_pods_are_gone_whatever_scale_says(state: str) -> None:
    assert exists(state=state, finished=UPDATED) == [False] * 4


@pytest.mark.parametrize("scale", [None, "many"])
def test_without_a_scale_the_crawlers_exist_unless_paused(scale: Any) -> None:
    assert exists(scale=scale) == [True] * 4
    assert exists(scale=scale, state="paused") == [False, False, False, True]


def test_what_an_existing_pod_uses() -> None:
    pod = one_pod(crawler_pod())

    assert (pod.used_memory, pod.used_cpu, pod.used_storage) == (GIB, 0.75, 5 * GIB)


def test_memory_and_cpu_of_zero_are_unknown_and_storage_of_zero_is_zero() -> None:
    pod = one_pod(crawler_pod(used={"memory": 0, "cpu": 0, "storage": 0}))

    assert (pod.used_memory, pod.used_cpu, pod.used_storage) == (None, None, 0)


def test_redis_has_memory_but_its_cpu_is_unknown() -> None:
    pod = one_pod(redis_pod(), name=f"redis-{CRAWL_ID}")

    assert (pod.used_memory, pod.used_cpu, pod.used_storage) == (GIB // 4, None, GIB)


def test_what_cannot_be_read_is_unknown() -> None:
    pod = one_pod(crawler_pod(used={"memory": "much", "cpu": [], "storage": None}))

    assert (pod.used_memory, pod.used_cpu, pod.used_storage) == (None, None, None)


def test_a_pod_that_is_gone_uses_nothing_known_but_keeps_its_exit() -> None:
    pod = one_pod(crawler_pod(exitCode=137, reason="oom", evicted=True, newMemory=1), scale=0)

    assert (pod.used_memory, pod.used_cpu, pod.used_storage) == (None, None, None)
    assert pod.restart_reason is None
    assert (pod.info.exit_code, pod.info.reason) == (137, "oom")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"newMemory": 2 * GIB}, None),
        ({"newMemory": 3 * GIB}, "newMemory"),
        ({"newMemory": GIB}, "newMemory"),
        ({"newMemory": 0}, None),
        ({"newMemory": "2Gi"}, None),
        ({"newMemory": "much"}, None),
        ({"newCpu": 2}, "newCpu"),
        ({"newCpu": "1500m"}, None),
        ({"newCpu": 0}, None),
        ({"evicted": True}, "evicted"),
        ({"newStorage": "26Gi"}, None),
        ({"newMemory": 3 * GIB, "newCpu": 2, "evicted": True}, "newMemory"),
        ({"newMemory": 2 * GIB, "newCpu": 2, "evicted": True}, "newCpu"),
        ({"newMemory": 2 * GIB, "newCpu": 1.5, "evicted": True}, "evicted"),
    ],
)
def test_restart_reasons_come_in_browsertrix_order(
    fields: dict[str, Any], reason: str | None
) -> None:
    assert one_pod(crawler_pod(**fields)).restart_reason == reason


def restart_reasons(**spec: Any) -> list[str | None]:
    evicted = {"crawl-x-1": crawler_pod(evicted=True)}
    entries = {"crawl-x-0": crawler_pod(), **evicted, "redis-x": redis_pod(), "x": crawler_pod()}
    return [pod.restart_reason for pod in pods(spec=spec, pods=entries).values()]


def test_a_forced_restart_is_the_crawlers_last_reason_and_never_that_of_redis() -> None:
    assert restart_reasons() == [None, "evicted", None, None]
    assert restart_reasons(restartTime=UPDATED) == ["forced", "evicted", None, None]


def test_pods_that_are_gone_are_not_restarted_by_force() -> None:
    entries = {"crawl-x-5": crawler_pod()}

    assert not pods(spec={"restartTime": UPDATED}, pods=entries)["crawl-x-5"].restart_reason


def test_a_crawl_without_status_has_no_pods() -> None:
    wire = crawljob()
    del wire["status"]

    assert list(pods_of(Crawl(parse_json(to_wire(wire))))) == []

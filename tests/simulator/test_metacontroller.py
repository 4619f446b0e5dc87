"""The simulator's metacontroller calls hooks when, and with what, the real one does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.simulator import Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.browsertrix.crawljob_manifest import FINALIZER
from exporter.simulator.metacontroller import DecoratorController, Spec
from support.api_client import NOW
from support.fake_hook import FakeHook, fake_hook
from support.waiting import until

OURS = "metacontroller.io/decoratorcontroller-browsertrix-exporter"
LONG = 3600.0
NAMESPACE = "crawlers"
PODS_OF_IT = {
    "apiVersion": "v1",
    "resource": "pods",
    "labelSelector": {"matchLabels": {"crawl": "one"}},
}


@pytest.fixture
async def hook() -> AsyncIterator[FakeHook]:
    async with fake_hook() as serving:
        yield serving


def crawljob(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "btrix.cloud/v1",
        "kind": "CrawlJob",
        "metadata": {"name": name, "namespace": NAMESPACE, **metadata},
        "spec": {"id": name},
    }


def pod(name: str, crawl: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"crawl": crawl}},
        "spec": {},
    }


@asynccontextmanager
async def running(
    cluster: Cluster, hook: FakeHook, **spec: Any
) -> AsyncIterator[DecoratorController]:
    settings = {"resync_period": LONG, **spec}
    async with DecoratorController(cluster, Spec(hook_url=hook.url, **settings)) as controller:
        yield controller


def finalizers(cluster: Cluster, name: str = "one") -> list[str]:
    found: list[str] = cluster.get(NAMESPACE, name)["metadata"].get("finalizers", [])
    return found


# What is sent


async def test_every_object_is_synced_at_the_start_and_after_a_change(
    cluster: Cluster, hook: FakeHook
) -> None:
    cluster.create(crawljob("one"))
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))
        cluster.create(crawljob("two"))
        await until(lambda: hook.of("two"))
        cluster.patch(NAMESPACE, "one", {"status": {"state": "running"}}, status=True)
        await until(lambda: len(hook.of("one")) == 2)

    first, second = hook.of("one")
    assert first.keys() == {"controller", "object", "attachments", "related", "finalizing"}
    assert first["object"] != second["object"] == cluster.get(NAMESPACE, "one")
    assert (first["attachments"], first["related"], first["finalizing"]) == ({}, {}, False)
    assert first["controller"]["kind"] == "DecoratorController"
    assert first["controller"]["metadata"]["name"] == "browsertrix-exporter"


async def test_about_the_hooks_own_service_it_calls_also_where_there_is_no_crawl(
    cluster: Cluster, hook: FakeHook
) -> None:
    answers = iter([500, 500])
    hook.answer = lambda *_: next(answers, {"attachments": []})
    async with running(cluster, hook, heartbeat=True, resync_period=0.1):
        await until(lambda: len(hook.of("browsertrix-exporter-hook")) >= 5)

    request = hook.of("browsertrix-exporter-hook")[0]
    assert request["object"]["kind"] == "Service"
    assert {name for name, _ in hook.requests} == {"sync"}


async def test_of_an_object_that_is_gone_no_hook_tells(cluster: Cluster, hook: FakeHook) -> None:
    cluster.create(crawljob("one"))
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))
        cluster.delete(NAMESPACE, "one")
        cluster.create(crawljob("two"))
        await until(lambda: hook.of("two"))

    assert len(hook.of("one")) == 1


async def test_all_objects_are_synced_again_every_resync_period(
    cluster: Cluster, hook: FakeHook
) -> None:
    for name in ("one", "two"):
        cluster.create(crawljob(name))
    async with running(cluster, hook, resync_period=0.02):
        await until(lambda: len(hook.of("one")) >= 3 and len(hook.of("two")) >= 3)


async def test_an_object_comes_again_when_the_hook_asked_for_it(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.answer = lambda *_: {"resyncAfterSeconds": 0.01}
    cluster.create(crawljob("one"))
    async with running(cluster, hook):
        await until(lambda: len(hook.of("one")) >= 4)


async def test_the_rules_are_asked_for_once_per_generation_and_choose_what_is_related(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.rules = [PODS_OF_IT]
    cluster.create(crawljob("one"))
    cluster.create(pod("a", "one"))
    cluster.create(pod("b", "two"))
    cluster.create(pod("c", "one", "elsewhere"))
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))
        cluster.patch(NAMESPACE, "one", {"status": {"state": "running"}}, status=True)
        await until(lambda: len(hook.of("one")) == 2)
        asked = len(hook.of("one", hook="customize"))
        cluster.patch(NAMESPACE, "one", {"spec": {"stopping": True}})
        await until(lambda: len(hook.of("one")) == 3)

    assert [list(one["related"]) for one in hook.of("one")] == [["Pod.v1"]] * 3
    assert all(list(one["related"]["Pod.v1"]) == ["a"] for one in hook.of("one"))
    assert asked == 1
    assert len(hook.of("one", hook="customize")) == 2


async def test_a_change_of_what_is_related_syncs_its_parent_alone(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.rules = [PODS_OF_IT]
    cluster.create(crawljob("one"))
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))
        cluster.create(pod("b", "two"))
        cluster.create(pod("a", "one"))
        await until(lambda: len(hook.of("one")) == 2)
        cluster.patch(NAMESPACE, "a", {"status": {"phase": "Failed"}}, status=True, resource=PODS)
        await until(lambda: len(hook.of("one")) == 3)

    shown = hook.of("one")[-1]["related"]["Pod.v1"]
    assert list(shown) == ["a"]
    assert shown["a"]["status"] == {"phase": "Failed"}


@pytest.mark.parametrize(
    "rule",
    [
        {**PODS_OF_IT, "names": ["a"]},
        {**PODS_OF_IT, "namespace": "elsewhere"},
        {**PODS_OF_IT, "namespaceSelector": {"matchLabels": {"a": "b"}}},
        {**PODS_OF_IT, "resource": "pod"},
    ],
    ids=["names and labels", "another namespace", "a selector of namespaces", "unknown"],
)
async def test_a_rule_that_metacontroller_refuses_leads_to_no_sync(
    cluster: Cluster, hook: FakeHook, rule: dict[str, Any]
) -> None:
    hook.rules = [rule]
    cluster.create(crawljob("one"))
    async with running(cluster, hook) as controller:
        await until(lambda: controller.failures >= 2)

    assert hook.of("one") == []


# How it is sent


async def test_five_objects_are_synced_at_a_time_and_each_by_one_worker(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.open.clear()
    for number in range(12):
        cluster.create(crawljob(f"crawl-{number}"))
    async with running(cluster, hook, customize=False):
        await until(lambda: len(hook.of()) == 5)
        for number in range(5):  # they change while they are synced
            cluster.patch(NAMESPACE, f"crawl-{number}", {"spec": {"stopping": True}})
        hook.open.set()
        await until(lambda: len({one["object"]["metadata"]["name"] for one in hook.of()}) == 12)
        await until(
            lambda: all(
                any(one["object"]["spec"].get("stopping") for one in hook.of(f"crawl-{number}"))
                for number in range(5)
            )
        )

    assert hook.most_at_once == 5
    assert hook.most_of_one == 1


async def test_several_changes_during_a_sync_are_one_sync_of_the_last(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.open.clear()
    cluster.create(crawljob("one"))
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))
        for number in range(5):
            cluster.patch(NAMESPACE, "one", {"spec": {"scale": number}})
        hook.open.set()
        await until(lambda: len(hook.of("one")) == 2)

    assert hook.of("one")[1]["object"]["spec"]["scale"] == 4


async def test_it_is_idle_once_all_that_was_written_is_synced(
    cluster: Cluster, hook: FakeHook
) -> None:
    cluster.create(crawljob("one"))
    async with running(cluster, hook) as controller:
        await until(lambda: controller.is_idle)
        assert len(hook.of("one")) == 1
        hook.open.clear()
        cluster.patch(NAMESPACE, "one", {"spec": {"scale": 2}})
        assert not controller.is_idle, "it has not heard of it"
        await until(lambda: len(hook.of("one")) == 2)
        assert not controller.is_idle, "it waits for an answer"
        hook.open.set()
        await until(lambda: controller.is_idle)


async def test_a_refusal_is_tried_again_until_it_is_none(cluster: Cluster, hook: FakeHook) -> None:
    hook.answer = lambda *_: 500 if len(hook.of("one")) < 4 else {}
    cluster.create(crawljob("one"))
    async with running(cluster, hook) as controller:
        await until(lambda: len(hook.of("one")) == 4)
        cluster.create(crawljob("two"))
        await until(lambda: hook.of("two"))

    assert controller.failures == 3
    assert len(hook.of("one")) == 4


async def test_too_many_requests_are_repeated_when_the_hook_says(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.answer = lambda *_: 429 if len(hook.of("one")) < 3 else {}
    hook.headers = {"Retry-After": "0"}
    cluster.create(crawljob("one"))
    async with running(cluster, hook) as controller:
        await until(lambda: len(hook.of("one")) == 3)

    assert controller.failures == 0


async def test_an_answer_that_takes_too_long_is_a_failure(cluster: Cluster, hook: FakeHook) -> None:
    hook.open.clear()
    cluster.create(crawljob("one"))
    async with running(cluster, hook, timeout=0.05) as controller:
        await until(lambda: controller.failures >= 2)
        hook.open.set()
        failures = controller.failures
        await until(lambda: len(hook.of("one")) > failures)


# Finalizers


async def test_with_a_finalize_hook_an_object_stays_until_that_lets_go(
    cluster: Cluster, hook: FakeHook
) -> None:
    released = False
    hook.answer = lambda name, _: {"finalized": name == "finalize" and released}
    cluster.create(crawljob("one", finalizers=[FINALIZER]))
    async with running(cluster, hook, finalize=True):
        await until(lambda: hook.of("one"))
        assert finalizers(cluster) == [FINALIZER, OURS]
        assert hook.of("one")[0]["object"]["metadata"]["finalizers"] == [FINALIZER, OURS]
        cluster.patch(NAMESPACE, "one", {"metadata": {"finalizers": [OURS]}})
        cluster.delete(NAMESPACE, "one")
        await until(lambda: hook.of("one", hook="finalize"))
        assert cluster.get(NAMESPACE, "one")["metadata"]["deletionTimestamp"]
        released = True
        cluster.patch(NAMESPACE, "one", {"status": {"state": "complete"}}, status=True)
        await until(lambda: not cluster.exists(NAMESPACE, "one"))

    last = hook.of("one", hook="finalize")[-1]
    assert last["finalizing"] is True
    assert last["object"]["metadata"]["deletionTimestamp"]


async def test_an_object_that_is_being_deleted_already_gets_no_finalizer(
    cluster: Cluster, hook: FakeHook
) -> None:
    cluster.create(crawljob("one", finalizers=[FINALIZER]))
    cluster.delete(NAMESPACE, "one")
    async with running(cluster, hook, finalize=True):
        await until(lambda: hook.of("one", hook="finalize"))

    assert finalizers(cluster) == [FINALIZER]


async def test_without_the_hook_again_finalizers_go_whether_or_not_it_answers(
    cluster: Cluster, hook: FakeHook
) -> None:
    cluster.create(crawljob("one", finalizers=[FINALIZER, OURS]))
    cluster.create(crawljob("two", finalizers=[OURS]))
    cluster.delete(NAMESPACE, "two")
    spec = Spec(hook_url=hook.url, resync_period=LONG)
    controller = DecoratorController(cluster, spec)
    controller.faults.unreachable = True
    async with controller:
        await until(lambda: controller.failures)
        await until(lambda: not cluster.exists(NAMESPACE, "two"))

    assert finalizers(cluster) == [FINALIZER]
    assert hook.requests == []


async def test_a_hook_that_is_away_keeps_objects_and_releases_each_afterwards(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.answer = lambda name, _: {"finalized": name == "finalize"}
    names = [f"crawl-{number}" for number in range(8)]
    for name in names:
        cluster.create(crawljob(name))
    async with running(cluster, hook, finalize=True, longest_backoff=0.1) as controller:
        await until(lambda: all(hook.of(name) for name in names))
        controller.faults.unreachable = True
        for name in names:
            cluster.delete(NAMESPACE, name)
        await until(lambda: controller.failures >= 2 * len(names))
        assert cluster.count() == len(names)
        controller.faults.unreachable = False
        await until(lambda: cluster.count() == 0)

    assert all(hook.of(name, hook="finalize") for name in names)


async def test_a_crawl_of_the_simulator_ends_and_stays_until_it_is_released(
    hook: FakeHook,
) -> None:
    cluster = Cluster(clock=lambda: NOW)
    browsertrix = Browsertrix(cluster, clock=lambda: NOW, crawls=0)
    hook.answer = lambda name, _: {"finalized": name == "finalize"}
    crawl = browsertrix.start("completes")
    async with running(cluster, hook, finalize=True) as controller:
        await until(lambda: OURS in cluster.get(*_key(crawl))["metadata"]["finalizers"])
        controller.faults.unreachable = True
        browsertrix.step(NOW + 30_000)
        held = cluster.get(*_key(crawl))
        assert held["metadata"]["finalizers"] == [OURS]
        assert held["status"]["state"] == "complete"
        assert not browsertrix.active
        controller.faults.unreachable = False
        await until(lambda: not cluster.exists(*_key(crawl)))


def _key(crawl: Any) -> tuple[str, str]:
    return crawl.namespace, crawl.name


# Faults


async def test_restarted_it_syncs_everything_and_what_changed_while_it_was_down(
    cluster: Cluster, hook: FakeHook
) -> None:
    for name in ("one", "two"):
        cluster.create(crawljob(name))
    async with running(cluster, hook) as controller:
        await until(lambda: hook.of("one") and hook.of("two"))
        await controller.stop()
        cluster.create(crawljob("three"))
        cluster.delete(NAMESPACE, "two")
        controller.start()
        await until(lambda: len(hook.of("one")) == 2 and hook.of("three"))

    assert len(hook.of("two")) == 1
    assert len(hook.of("one", hook="customize")) == 2


async def test_a_sync_can_be_told_to_come_twice_at_once(cluster: Cluster, hook: FakeHook) -> None:
    cluster.create(crawljob("one"))
    controller = DecoratorController(cluster, Spec(hook_url=hook.url, resync_period=LONG))
    controller.faults.duplicates = 1
    async with controller:
        await until(lambda: len(hook.of("one")) == 2)

    first, second = hook.of("one")
    assert first == second


async def test_a_sync_can_be_told_to_come_late(cluster: Cluster, hook: FakeHook) -> None:
    cluster.create(crawljob("one"))
    controller = DecoratorController(cluster, Spec(hook_url=hook.url, resync_period=LONG))
    controller.faults.overtaken = 1
    async with controller:
        await until(lambda: hook.of("one"))
        cluster.patch(NAMESPACE, "one", {"spec": {"stopping": True}})
        await until(lambda: len(hook.of("one")) == 3)

    first, second, third = hook.of("one")
    assert first == third != second


async def test_a_delay_counts_as_time_of_the_hook(cluster: Cluster, hook: FakeHook) -> None:
    cluster.create(crawljob("one"))
    spec = Spec(hook_url=hook.url, resync_period=LONG, timeout=0.02, customize=False)
    controller = DecoratorController(cluster, spec)
    controller.faults.delay = LONG
    async with controller:
        await until(lambda: controller.failures >= 2)
        assert hook.requests == []
        controller.faults.delay = 0
        await until(lambda: hook.of("one"))


# What an answer changes


async def test_what_an_answer_wants_changed_is_changed(cluster: Cluster, hook: FakeHook) -> None:
    hook.answer = lambda *_: {
        "labels": {"a": "b", "old": None},
        "annotations": {"c": "d"},
        "status": {"state": "running"},
    }
    cluster.create(crawljob("one", labels={"old": "x"}))
    async with running(cluster, hook):
        await until(lambda: "annotations" in cluster.get(NAMESPACE, "one")["metadata"])

    found = cluster.get(NAMESPACE, "one")
    assert found["metadata"]["labels"] == {"a": "b"}
    assert found["metadata"]["annotations"] == {"c": "d"}
    assert found["status"] == {"state": "running"}


async def test_an_answer_that_wants_nothing_writes_nothing(
    cluster: Cluster, hook: FakeHook
) -> None:
    hook.answer = lambda *_: {"attachments": [], "annotations": {}, "status": None}
    cluster.create(crawljob("one"))
    version = cluster.resource_version
    async with running(cluster, hook):
        await until(lambda: hook.of("one"))

    assert cluster.resource_version == version

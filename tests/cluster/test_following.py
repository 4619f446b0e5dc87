"""A reflector follows a cluster: on the simulator, and on a real API server where there is one."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster.client import ApiClient
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from support.api_servers import Api
from support.factories import crawljob
from support.following import Follow, Opened
from support.waiting import until


@pytest.fixture
async def through(api: Api, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(api.kubeconfig(tmp_path / "api"))


def has_ended(reflector: Reflector[CrawlJob], times: int) -> bool:
    return reflector.stats.reconnects["ended"] >= times


async def create(api: Api, *crawls: str, **more: Any) -> None:
    for crawl in crawls:
        await api.create(crawljob(crawl=crawl, **more))


async def test_a_list_comes_first_and_then_every_change(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    await create(api, "a", "b")
    reflector, recorder = follow(through=through)
    await until(lambda: recorder.syncs)
    assert recorder.names == ["a", "b"]
    assert recorder.sizes_at_sync == [2]
    await create(api, "c")
    await api.patch_status("crawlers", "a", state="complete")
    await api.delete("crawlers", "b")
    await until(lambda: recorder.names == ["a", "c"] and recorder.state("a") == "complete")
    assert recorder.deleted == [("b", True)]
    assert reflector.synced
    assert reflector.last_error is None
    assert reflector.stats.objects == 2
    assert reflector.stats.lists == 1
    assert reflector.stats.events["DELETED"] == 1
    assert reflector.stats.stale_events == 0


async def test_an_empty_namespace_is_synced_without_a_change(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    reflector, recorder = follow("nothing-here", through=through)
    await until(lambda: recorder.syncs)
    assert recorder.changes == []
    assert reflector.synced
    await create(api, "first", namespace="nothing-here")
    await until(lambda: recorder.names == ["first"])


async def test_a_list_comes_in_pages(api: Api, through: ApiClient, follow: Follow) -> None:
    crawls = [f"c{n:02}" for n in range(25)]
    await create(api, *crawls)
    _, recorder = follow(through=through, page_size=10)
    await until(lambda: recorder.syncs)
    assert recorder.names == crawls
    assert len(recorder.changes) == 25


async def test_all_namespaces_are_one_scope(api: Api, through: ApiClient, follow: Follow) -> None:
    await create(api, "same", namespace="one")
    await create(api, "same", namespace="two")
    _, recorder = follow("", through=through)
    await until(lambda: recorder.syncs)
    await api.patch_status("two", "same", state="failed")
    await until(lambda: recorder.state("same", "two") == "failed")
    assert recorder.state("same", "one") == "running"
    assert {change.scope for change in recorder.changes} == {""}


async def test_a_selector_narrows_both_list_and_watch(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    await create(api, "job1")
    await create(api, "qa1", labels={"role": "qa-job"})
    _, recorder = follow(through=through, selector="role in (qa-job),btrix.org")
    await until(lambda: recorder.syncs)
    await create(api, "job2")
    await create(api, "qa2", labels={"role": "qa-job"})
    await until(lambda: "qa2" in recorder.names)
    assert recorder.names == ["qa1", "qa2"]


async def test_a_name_reused_is_a_new_object(api: Api, through: ApiClient, follow: Follow) -> None:
    value = crawljob(crawl="again")
    del value["metadata"]["uid"]
    await api.create(value)
    _, recorder = follow(through=through)
    await until(lambda: recorder.syncs)
    await api.delete("crawlers", "again")
    await api.create(value)
    await until(lambda: recorder.deleted and recorder.names == ["again"])
    first, second = recorder.changes[0].after, recorder.objects["crawlers", "crawljob-again"]
    assert first is not None
    assert first.metadata.uid != second.metadata.uid


async def test_a_watch_ended_by_the_server_is_resumed_without_a_relist(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    reflector, recorder = follow(through=through, watch_seconds=(1, 1))
    await until(lambda: recorder.syncs)
    for round_ in range(3):
        await create(api, f"c{round_}")
        await until(partial(has_ended, reflector, round_ + 1))
    await until(lambda: recorder.names == ["c0", "c1", "c2"])
    assert reflector.stats.lists == 1
    assert reflector.stats.reconnects["ended"] >= 3
    assert (
        len(recorder.changes)
        == reflector.stats.events["ADDED"] + reflector.stats.events["MODIFIED"]
    )


async def test_any_json_in_an_object_is_followed(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    odd = {"pagesDone": "many", "podStatus": [1, 2], "state": 7, "extra": {"deep": [None]}}
    await create(api, "odd", status=odd)
    await create(api, "well")
    reflector, recorder = follow(through=through)
    await until(lambda: recorder.syncs)
    await api.patch_status("crawlers", "odd", pagesFound=[1])
    await until(lambda: reflector.problems.kinds["status.pagesFound"] == 1)
    assert recorder.names == ["odd", "well"]
    assert reflector.problems.kinds == {
        "status.pagesDone": 1,
        "status.podStatus": 1,
        "status.state": 1,
        "status.pagesFound": 1,
    }

"""A reflector follows a cluster: on the simulator, and on a real API server where there is one."""

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporter.cluster.changes import Change
from exporter.cluster.client import ApiClient
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from support.api_servers import Api
from support.change_recorder import Recorder
from support.factories import crawljob
from support.following import Follow, Opened
from support.tcp_proxy import TcpProxy
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


async def test_a_list_whose_continue_token_expired_is_restarted(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    crawls = [f"c{n:02}" for n in range(30)]
    await create(api, *crawls)

    class Expiring(Recorder):
        """Lets it expire while the first page is handled; the second is on its way by then."""

        def on_change(self, change: Change[CrawlJob]) -> None:
            super().on_change(change)
            if len(self.changes) == 5:
                api.expire_lists()

    reflector, recorder = follow(through=through, page_size=5, recorder=Expiring())
    await until(lambda: recorder.syncs)
    assert recorder.names == crawls
    assert len(recorder.changes) == 30
    assert reflector.stats.list_failures == {**reflector.stats.list_failures, "expired": 1}
    assert reflector.stats.lists == 1


async def test_bookmarks_come_while_a_watch_is_open(
    api: Api, through: ApiClient, follow: Follow
) -> None:
    """A real server sends one each minute, and one shortly before the end of a watch."""
    await create(api, "a")
    _, recorder = follow(through=through, watch_seconds=(5, 5))
    await until(lambda: recorder.syncs)
    pages = 0

    async def bookmarked() -> bool:
        nonlocal pages
        pages += 1
        await api.patch_status("crawlers", "a", pagesDone=pages)
        return bool(recorder.bookmarks)

    await until(bookmarked, every=0.5)
    assert int(recorder.bookmarks[-1]) > int(recorder.syncs[0])


# -- over a network that fails


@pytest.fixture
async def network(api: Api) -> AsyncIterator[TcpProxy]:
    async with TcpProxy.running(api.port) as proxy:
        yield proxy


@pytest.fixture
async def far(api: Api, network: TcpProxy, opened: Opened, tmp_path: Path) -> ApiClient:
    return await opened(api.kubeconfig(tmp_path / "far", port=network.port))


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_cut_in_a_watch_loses_and_doubles_nothing(
    api: Api, network: TcpProxy, far: ApiClient, follow: Follow, *, reset: bool
) -> None:
    await create(api, "a")
    reflector, recorder = follow(through=far)
    await until(lambda: recorder.syncs)
    for pages in range(1, 4):
        await until(partial(is_open, reflector, pages))
        await api.patch_status("crawlers", "a", pagesDone=pages)
        network.cut(reset=reset)
        await create(api, f"c{pages}")
        await until(partial(has_arrived, recorder, pages))
    assert reflector.stats.lists == 1
    assert reflector.stats.reconnects["cut"] + reflector.stats.reconnects["ended"] >= 1
    assert emitted_twice(recorder) == []
    assert recorder.deleted == []


async def test_changes_made_while_the_network_was_away_come_without_a_relist(
    api: Api, network: TcpProxy, far: ApiClient, follow: Follow
) -> None:
    await create(api, "a", "goes")
    reflector, recorder = follow(through=far)
    await until(lambda: recorder.syncs)
    await until(partial(is_open, reflector, 1))
    await network.close()
    await until(lambda: reflector.stats.reconnects["unreachable"] >= 2)
    await api.patch_status("crawlers", "a", pagesDone=7)
    await api.delete("crawlers", "goes")
    await create(api, "c1")
    await network.open()
    await until(lambda: recorder.deleted and recorder.names == ["a", "c1"])
    assert recorder.deleted == [("goes", True)]
    assert recorder.objects["crawlers", "crawljob-a"].status.pages_done == 7
    assert reflector.stats.lists == 1
    assert emitted_twice(recorder) == []
    await until(lambda: reflector.last_error is None)


def is_open(reflector: Reflector[CrawlJob], watches: int) -> bool:
    return reflector.stats.watches >= watches


def has_arrived(recorder: Recorder, pages: int) -> bool:
    job = recorder.objects["crawlers", "crawljob-a"]
    return job.status.pages_done == pages and recorder.state(f"c{pages}") == "running"


def emitted_twice(recorder: Recorder) -> list[tuple[str, str | None]]:
    versions = Counter(
        (item.metadata.name, item.metadata.resource_version)
        for change in recorder.changes
        if not change.deleted and (item := change.after)
    )
    return [one for one, times in versions.items() if times > 1]

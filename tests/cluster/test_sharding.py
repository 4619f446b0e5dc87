"""A shard follows what is its own: chosen by the API server where it can, else by the shard."""

from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest

from exporter.cluster.changes import ResumePoint
from exporter.cluster.client import ApiClient
from exporter.cluster.poller import Poller
from exporter.cluster.reflector import Reflector
from exporter.resources.crawljob import CrawlJob
from exporter.resources.pod import Pod
from exporter.resources.pod.resource import POD_RESOURCE
from exporter.resources.podmetrics import PODMETRICS_RESOURCE, PodMetrics
from exporter.resources.shard import Shard
from exporter.simulator import ApiServer, Cluster
from support.api_servers import Real
from support.change_recorder import ChangeRecorder, PolledRecorder, Recorder
from support.crawl_writes import delete_crawl
from support.factories import crawljob
from support.following import Follow, Opened, Run
from support.listing_server import ListingServer
from support.pod_factories import pod_wire
from support.pod_metrics import pod_metrics
from support.tools import require_kube_apiserver
from support.waiting import PROCESS_TIMEOUT, until
from tools.kube_apiserver import KubeApiserver

CRAWLS = [f"crawl-{number}" for number in range(12)]
ShardFollowed = tuple[Reflector[CrawlJob], Recorder]


@pytest.fixture(params=[False, True], ids=["sharding", "older"])
def ignores(request: pytest.FixtureRequest, server: ApiServer) -> bool:
    """Whether the API server does not know what a shard is."""
    server.faults.ignores_shards = request.param
    return server.faults.ignores_shards


def create(cluster: Cluster, *crawls: str) -> dict[str, str]:
    """Create crawls with uids that are always the same; returns these."""
    uids = {crawl: str(uuid5(NAMESPACE_DNS, crawl)) for crawl in crawls}
    for crawl, uid in uids.items():
        cluster.create(crawljob(crawl=crawl, metadata={"uid": uid}))
    return uids


def owned(uids: dict[str, str], shard: Shard) -> list[str]:
    return sorted(crawl for crawl, uid in uids.items() if shard.owns(uid))


async def test_shards_hold_all_crawls_between_them_and_none_twice(
    ignores: bool, cluster: Cluster, follow: Follow
) -> None:
    uids = create(cluster, *CRAWLS)
    shards = [Shard(index, 3) for index in range(3)]
    followed = [follow(shard=shard, page_size=2) for shard in shards]
    await until(lambda: all(recorder.syncs for _, recorder in followed))
    uids |= create(cluster, "late-1", "late-2", "late-3", "late-4")
    await until(lambda: sum(len(recorder.names) for _, recorder in followed) == len(uids))
    for shard, (reflector, recorder) in zip(shards, followed, strict=True):
        assert recorder.names == owned(uids, shard)
        assert reflector.stats.objects == len(recorder.names) > 0
    foreign = 2 * len(uids) if ignores else 0  # each is another's to two of three
    await until(lambda: sum(one.stats.foreign_objects for one, _ in followed) == foreign)


async def test_events_of_others_keep_a_shard_in_sync_where_the_server_sends_them(
    cluster: Cluster, server: ApiServer, follow: Follow
) -> None:
    server.faults.ignores_shards = True
    uids = create(cluster, *CRAWLS)
    reflector, recorder = follow(shard=Shard(0, 2))
    await until(lambda: recorder.syncs)
    (other, *_) = owned(uids, Shard(1, 2))
    changes = len(recorder.changes)
    cluster.patch("crawlers", f"crawljob-{other}", {"status": {"state": "running"}}, status=True)
    delete_crawl(cluster, other)
    await until(lambda: reflector.stats.foreign_objects >= 2)
    await until(lambda: recorder.bookmarks and recorder.bookmarks[-1] == version(cluster))
    assert len(recorder.changes) == changes
    assert reflector.stats.events["MODIFIED"] == 0


def version(cluster: Cluster) -> str:
    return str(cluster.resource_version)


@pytest.mark.usefixtures("ignores")
async def test_a_replay_ends_though_others_were_deleted_meanwhile(
    cluster: Cluster, follow: Follow
) -> None:
    uids = create(cluster, *CRAWLS)
    shard = Shard(1, 2)
    mine, theirs = owned(uids, shard), owned(uids, Shard(0, 2))
    resume = ResumePoint(version(cluster), frozenset(uids[crawl] for crawl in mine))
    for crawl in (mine[0], theirs[0]):
        delete_crawl(cluster, crawl)
    _, recorder = follow(shard=shard, resume=resume)
    await until(lambda: recorder.syncs)
    assert recorder.names == mine[1:]
    assert recorder.deleted == [(mine[0], True)]


async def test_a_server_that_refuses_the_selector_is_asked_for_everything(
    cluster: Cluster, server: ApiServer, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    uids = create(cluster, *CRAWLS)
    refusal = b'{"kind":"Status","code":500,"message":"invalid shard selector: x"}'
    server.faults.refuse(500, body=refusal, only="list")
    reflector, recorder = follow(shard=Shard(0, 2))
    await until(lambda: recorder.syncs)
    assert recorder.names == owned(uids, Shard(0, 2))
    assert reflector.stats.foreign_objects == len(uids) - len(recorder.names)
    assert "all shards are asked for" in caplog.text
    assert "shardSelector" not in server.requests[-1].query


async def test_pods_of_another_shards_crawls_are_not_held(
    cluster: Cluster, connection: ApiClient, run: Run
) -> None:
    uids = create(cluster, *CRAWLS)
    for crawl, uid in uids.items():
        owner = {"kind": "CrawlJob", "name": f"crawljob-{crawl}", "uid": uid, "controller": True}
        owner["apiVersion"] = "btrix.cloud/v1"
        metadata: dict[str, Any] = {"ownerReferences": [owner]}
        cluster.create(pod_wire(f"crawl-{crawl}-0", crawl=crawl, metadata=metadata))
    recorder = ChangeRecorder[Pod]()
    reflector = Reflector(connection, POD_RESOURCE, "crawlers", recorder, shard=Shard(0, 2))
    run(reflector)
    await until(lambda: recorder.syncs)
    mine = owned(uids, Shard(0, 2))
    assert {pod.metadata.labels.crawl for pod in reflector.objects} == set(mine)
    assert 0 < len(mine) < len(CRAWLS)


async def test_usage_of_what_is_not_kept_is_not_held(
    listing: ListingServer, opened: Opened, run: Run, tmp_path: Path
) -> None:
    listing.items = [pod_metrics("crawl-a-0"), pod_metrics("crawl-b-0")]
    connection = await opened(listing.kubeconfig(tmp_path / "kubeconfig"))
    recorder = PolledRecorder[PodMetrics]()
    poller = Poller(
        connection,
        PODMETRICS_RESOURCE,
        "crawlers",
        recorder,
        interval=0.5,
        keeps=lambda item: item.metadata.name == "crawl-b-0",
    )
    run(poller)  # type: ignore[arg-type]
    await until(lambda: poller.synced)
    assert [item.metadata.name for item in poller.objects] == ["crawl-b-0"]


@pytest.mark.slow("starts etcd and kube-apiserver")
@pytest.mark.parametrize("gate", [True, False])
async def test_a_real_api_server_divides_as_a_shard_does(
    gate: bool, opened: Opened, follow: Follow, tmp_path: Path
) -> None:
    require_kube_apiserver()
    arguments = [f"--feature-gates=ShardedListAndWatch={str(gate).lower()}"]
    with KubeApiserver.started(tmp_path / "data", arguments=arguments) as kube:
        real = Real(kube)
        connection = await opened(real.kubeconfig(tmp_path / "kubeconfig"))
        for crawl in CRAWLS[:6]:
            await real.create(crawljob(crawl=crawl))
        followed = [follow(through=connection, shard=Shard(index, 2)) for index in range(2)]
        await until(lambda: all(recorder.syncs for _, recorder in followed))
        for crawl in CRAWLS[6:]:
            await real.create(crawljob(crawl=crawl))

        def held() -> list[str]:
            return sorted(name for _, recorder in followed for name in recorder.names)

        await until(lambda: held() == sorted(CRAWLS), within=PROCESS_TIMEOUT)
        foreign = sum(reflector.stats.foreign_objects for reflector, _ in followed)
        assert (foreign == 0) is gate

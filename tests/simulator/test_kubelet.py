"""Volume statistics of the simulated kubelets, read by way of the API server as Prometheus does."""

from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.served_resource import CLAIMS, PODS
from exporter.simulator.browsertrix import kubelet
from exporter.simulator.browsertrix.crawljob_manifest import CRAWLER_STORAGE
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from exporter.simulator.browsertrix.pod import NODES

Stats = dict[tuple[str, str], float]


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    FleetPods(found).add(fleet(5))
    return found


@pytest.fixture
async def server(cluster: Cluster) -> AsyncIterator[ApiServer]:
    metrics = partial(kubelet.metrics, cluster)
    async with ApiServer(cluster, tokens={"t"}, node_metrics=metrics) as server:
        yield server


async def stats(server: ApiServer, node: str = NODES[0]) -> Stats:
    """By statistic and claim."""
    headers = {"Authorization": "Bearer t"}
    url = f"{server.url}/api/v1/nodes/{node}/proxy/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
        response.raise_for_status()
        text = await response.text()
    return {
        (
            sample.name.removeprefix("kubelet_volume_stats_"),
            sample.labels["persistentvolumeclaim"],
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_each_volume_of_a_running_pod_is_as_full_as_its_crawl_says(
    server: ApiServer, cluster: Cluster
) -> None:
    pod = next(one for one in cluster.objects(PODS) if one["metadata"]["name"].startswith("crawl-"))
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    job = f"crawljob-{pod['metadata']['labels']['crawl']}"
    written = 5_000_000_000
    status = {"podStatus": {name: {"used": {"storage": written}}}}
    cluster.patch(namespace, job, {"status": status}, status=True)

    found = await stats(server)

    assert {claim for _, claim in found} == {
        one["metadata"]["name"]
        for one in cluster.objects(CLAIMS)
        if one["status"]["phase"] == "Bound"
    }
    assert found["capacity_bytes", name] == CRAWLER_STORAGE
    assert found["used_bytes", name] == int(0.02 * CRAWLER_STORAGE) + written
    assert found["available_bytes", name] == CRAWLER_STORAGE - found["used_bytes", name]
    assert found["inodes_used", name] == 11 + written // 200_000
    assert found["inodes", name] == found["inodes_used", name] + found["inodes_free", name]


async def test_a_node_without_pods_has_no_volumes_and_a_stranger_sees_none(
    server: ApiServer,
) -> None:
    assert await stats(server, "node-z") == {}
    url = f"{server.url}/api/v1/nodes/{NODES[0]}/proxy/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 403

"""PodMetrics: what metrics-server knows of the pods that run."""

import asyncio
from typing import Any

from exporter.simulator import ApiServer, Browsertrix, Cluster
from exporter.simulator.apiserver.served_resource import POD_METRICS
from exporter.simulator.browsertrix.crawl import Crawl
from support.api_client import NOW, Client
from support.waiting import until

ROOT = "/apis/metrics.k8s.io/v1beta1"
USAGE = f"{ROOT}/namespaces/crawlers/pods"


class Measured:
    """A crawl whose pods run, on a fake clock."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.cluster = Cluster(clock=lambda: self.now)
        self.browsertrix = Browsertrix(self.cluster, clock=lambda: self.now, **options)
        self.crawl: Crawl = self.browsertrix.start("completes", pods=2, work=3000.0)

    def until(self, state: str) -> None:
        while self.crawl.status.get("state") != state:
            assert self.browsertrix.next_due is not None
            self.now = self.browsertrix.next_due
            self.browsertrix.step()

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.browsertrix.step()

    def listed(self) -> dict[str, Any]:
        found = self.cluster.objects(POD_METRICS)
        return {value["metadata"]["name"]: value for value in found}


def memory(value: dict[str, Any]) -> int:
    """Bytes."""
    (container,) = value["containers"]
    return int(container["usage"]["memory"].removesuffix("Ki")) * 1024


def test_running_pods_are_measured_every_fifteen_seconds() -> None:
    run = Measured()
    run.until("running")
    run.wait(15)
    first = run.listed()
    assert set(first) == {run.crawl.pod(0), run.crawl.pod(1), f"redis-{run.crawl.id}"}
    value = first[run.crawl.pod(0)]
    assert value["metadata"]["labels"]["crawl"] == run.crawl.id
    assert value["window"] == "15s"
    (container,) = value["containers"]
    assert container["name"] == "crawler"
    cores = int(container["usage"]["cpu"].removesuffix("n")) / 1e9
    allocated = run.crawl.status["podStatus"][run.crawl.pod(0)]["allocated"]
    assert 0 < cores < allocated["cpu"]
    assert 0.3 < memory(value) / allocated["memory"] < 0.5
    run.wait(15)
    second = run.listed()[run.crawl.pod(0)]
    assert second["timestamp"] > value["timestamp"]
    assert second["containers"] != value["containers"]


def test_a_pod_that_just_began_or_has_ended_is_not_measured() -> None:
    run = Measured()
    run.until("running")
    assert run.listed() == {}
    run.until("uploading-wacz")
    run.wait(16)
    assert run.crawl.pod(1) in run.listed()
    while run.crawl.status["state"] != "complete":
        run.wait(1)
    run.wait(15)
    assert run.crawl.pod(0) not in run.listed()


def test_memory_that_fills_up_is_measured_with_and_without_auto_resize() -> None:
    for resize in (True, False):
        run = Measured(resize=resize)
        run.until("running")
        pod = run.crawl.pod(0)
        run.crawl.progress.memory_ratio[pod] = 0.97
        run.wait(31)
        allocated = run.crawl.status["podStatus"][pod]["allocated"]["memory"]
        assert 0.96 < memory(run.listed()[pod]) / allocated < 0.98


def test_a_faster_simulation_is_measured_as_often_as_a_slow_one() -> None:
    run = Measured(speed=100)
    run.until("running")
    run.wait(0.2)
    first = run.listed()[run.crawl.pod(0)]
    run.wait(0.16)
    assert run.listed()[run.crawl.pod(0)] != first


async def test_lists_have_no_version_and_there_is_no_watch(client: Client) -> None:
    run = Measured()
    run.until("running")
    run.wait(15)
    async with ApiServer(run.cluster) as server:
        other = Client(client.session, server.url)
        _, listed = await other.ask("GET", USAGE, limit=1, resourceVersion="99999999")
        assert (listed["kind"], listed["apiVersion"]) == (
            "PodMetricsList",
            "metrics.k8s.io/v1beta1",
        )
        assert listed["metadata"] == {}
        assert len(listed["items"]) == 3
        assert listed["items"][0].keys() == {"metadata", "timestamp", "window", "containers"}
        selector = "crawl,role in (crawler)"
        _, some = await other.ask("GET", f"{ROOT}/pods", labelSelector=selector)
        assert len(some["items"]) == 2
        status, one = await other.ask("GET", f"{USAGE}/{run.crawl.pod(0)}")
        assert (status, one["kind"]) == (200, "PodMetrics")
        status, answer = await other.ask("GET", USAGE, watch=1)
        assert (status, answer["reason"]) == (405, "MethodNotAllowed")
        kind = "pods.metrics.k8s.io"
        assert answer["message"] == f'watch is not supported on resources of kind "{kind}"'
        status, answer = await other.ask("GET", f"{USAGE}/none")
        assert (status, answer["message"]) == (404, f'{kind} "none" not found')
        for method in ("POST", "DELETE"):
            assert (await other.ask(method, USAGE, {}))[0] == 405


async def test_a_test_can_write_its_own(cluster: Cluster, client: Client) -> None:
    value = {
        "apiVersion": "metrics.k8s.io/v1beta1",
        "kind": "PodMetrics",
        "metadata": {"name": "a", "namespace": "crawlers", "labels": {"crawl": "a"}},
        "timestamp": "2025-05-21T12:00:00Z",
        "window": "15s",
        "containers": [{"name": "crawler", "usage": {"cpu": "1n", "memory": "1Ki"}}],
    }
    cluster.create(value)
    _, listed = await client.ask("GET", USAGE)
    bare = {key: item for key, item in value.items() if key not in {"apiVersion", "kind"}}
    assert listed["items"] == [bare]
    cluster.replace({**value, "window": "10s"})
    assert (await client.ask("GET", USAGE))[1]["items"] == [{**bare, "window": "10s"}]
    cluster.delete("crawlers", "a", resource=POD_METRICS)
    assert (await client.ask("GET", USAGE))[1]["items"] == []


async def test_faults_can_be_about_usage_alone(server: ApiServer, client: Client) -> None:
    server.faults.refuse(503, resource=POD_METRICS, retry_after=1)
    assert (await client.list())[0] == 200
    assert (await client.ask("GET", USAGE))[0] == 503
    server.faults.answer_html(resource=POD_METRICS)
    assert (await client.list())[0] == 200
    assert "Bad Gateway" in (await client.ask("GET", USAGE))[1]
    server.faults.stall("list", resource=POD_METRICS)
    answered: list[int] = []

    async def ask() -> None:
        answered.append((await client.ask("GET", USAGE))[0])

    waiting = asyncio.create_task(ask())
    await until(lambda: server.count("list", POD_METRICS) == 3)
    assert (await client.list())[0] == 200
    assert answered == []
    server.faults.release()
    await waiting
    assert answered == [200]

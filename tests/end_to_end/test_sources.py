"""Sources that are forbidden, down or absent cost their own part, and come back by themselves."""

import json
from pathlib import Path

import pytest

from exporter.runtime.head_start import HEAD_START
from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.served_resource import (
    CLAIMS,
    COLLINDEXES,
    CRAWLJOBS,
    POD_METRICS,
    PODS,
    ServedResource,
)
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from support.exporter_process import CRAWLJOBS_ALONE, Scrape, Start
from support.waiting import PROCESS_TIMEOUT, until

pytestmark = pytest.mark.slow("waits for processes", waits=True)

CRAWLS = 20
_ALWAYS = 10**6
_SOURCE_OF = {PODS: "pods", POD_METRICS: "usage", CLAIMS: "volumes", COLLINDEXES: "indexes"}


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    pods = FleetPods(found)
    pods.add(fleet(CRAWLS))
    pods.add_indexes(2)
    return found


def up(scrape: Scrape) -> dict[str, float]:
    found = scrape.of("browsertrix_exporter_source_up")
    return {name.partition('source="')[2].partition('"')[0]: value for name, value in found.items()}


def families(scrape: Scrape) -> set[str]:
    return {name.partition("{")[0] for name in scrape.series}


async def test_each_source_fails_and_comes_back_alone(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    server.denied, server.down, server.without = {"pods"}, {"metrics.k8s.io"}, {"collindexes"}
    exporter = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"), "--source.usage.interval=5s"
    )
    await exporter.until_ready()
    scrape = await exporter.until(
        lambda scrape: (
            up(scrape) == {"crawljobs": 1, "pods": 0, "usage": 0, "volumes": 1}
            and sum(scrape.of("browsertrix_exporter_list_failures_total", source="usage").values())
        )
    )
    assert sum(scrape.of("browsertrix_crawls").values()) == CRAWLS
    found = families(scrape)
    assert {"browsertrix_pod_workers", "browsertrix_volume_phase"} <= found
    assert not {"browsertrix_pod_phase", "browsertrix_index_state"} & found
    followed = json.loads((await exporter.get("/api/v1/exporter"))[1])["watches"]
    watches = {one["source"]: one for one in followed}
    assert "RBAC must allow list and watch on pods" in watches["pods"]["last_error"]
    assert "metrics-server is not installed, or not running" in watches["usage"]["last_error"]
    assert watches["indexes"]["absent"] is True
    page = (await exporter.get("/"))[1]
    assert "Not known: pods of crawlers" in page
    assert "Not known: indexes" not in page
    assert "0, not in this cluster" in page
    assert "<p>Off: " not in page

    server.denied, server.down, server.without = set(), set(), set()
    scrape = await exporter.until(lambda scrape: set(up(scrape).values()) == {1.0})
    assert up(scrape).keys() == {"crawljobs", "pods", "usage", "volumes", "indexes"}
    scrape = await exporter.until(
        lambda scrape: {"browsertrix_pod_phase", "browsertrix_index_state"} <= families(scrape)
    )
    assert (await exporter.get("/readyz"))[0] == 200


@pytest.mark.parametrize(
    ("fault", "resource"),
    [
        ("hangs", PODS),
        ("401", POD_METRICS),
        ("403", CLAIMS),
        ("404", COLLINDEXES),
        ("410", PODS),
        ("429", COLLINDEXES),
        ("500", CLAIMS),
        ("html", POD_METRICS),
    ],
)
async def test_whatever_one_source_answers_all_others_are_up(
    server: ApiServer, start: Start, tmp_path: Path, fault: str, resource: ServedResource
) -> None:
    if fault == "hangs":
        server.faults.stall("list", resource=resource)
    elif fault == "html":
        server.faults.answer_html(_ALWAYS, resource=resource)
    else:
        server.faults.refuse(int(fault), _ALWAYS, resource=resource)
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await exporter.until_ready()

    expected = dict.fromkeys(("crawljobs", *_SOURCE_OF.values()), 1.0)
    expected[_SOURCE_OF[resource]] = 0.0
    if (fault, resource) == ("404", COLLINDEXES):
        del expected["indexes"]  # which a cluster need not have
    scrape = await exporter.until(lambda scrape: up(scrape) == expected)

    assert sum(scrape.of("browsertrix_crawls").values()) == CRAWLS
    assert (await exporter.get("/readyz"))[0] == 200


async def test_what_is_off_is_not_asked_for_and_not_served(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
    exporter = await start(kubeconfig, *CRAWLJOBS_ALONE)
    await exporter.until_ready()
    scrape = await exporter.scrape()
    assert up(scrape) == {"crawljobs": 1}
    assert {request.resource for request in server.requests if request.resource} == {CRAWLJOBS}
    assert not {
        name
        for name in families(scrape)
        if name.startswith(("browsertrix_volume_", "browsertrix_index_"))
    }
    assert json.loads((await exporter.get("/api/v1/exporter"))[1])["off"] == [
        "pods",
        "usage",
        "volumes",
        "indexes",
    ]
    page = (await exporter.get("/"))[1]
    assert "Off: pods (<code>--source.pods</code>), usage (<code>--source.usage</code>), " in page
    assert "Not known" not in page


async def test_crawljobs_are_listed_first_and_hold_up_others_for_a_while_only(
    server: ApiServer, start: Start, tmp_path: Path
) -> None:
    server.denied = {"crawljobs"}
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await until(lambda: server.count("list", PODS), within=HEAD_START + PROCESS_TIMEOUT)

    asked = {request.resource: request.time for request in reversed(server.requests)}
    assert asked[PODS] - asked[CRAWLJOBS] >= HEAD_START - 1.0

    server.denied = set()
    await exporter.until_ready()
    assert sum((await exporter.scrape()).of("browsertrix_crawls").values()) == CRAWLS

    other = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await other.until_ready()
    await until(lambda: server.count("list", PODS) >= 2, within=HEAD_START / 2)

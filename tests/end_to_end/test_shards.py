"""Shards as processes: all crawls between them and none twice, also when their number changes."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.simulator import ApiServer, Cluster
from exporter.simulator.apiserver.served_resource import PODS
from exporter.simulator.browsertrix.fleet import fleet
from exporter.simulator.browsertrix.fleet_pods import FleetPods
from support.exporter_process import Scrape, Start
from support.waiting import PROCESS_TIMEOUT

pytestmark = pytest.mark.slow("waits for processes", waits=True)

CRAWLS = 30


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    FleetPods(found).add(fleet(CRAWLS))
    return found


def crawls(scrapes: Sequence[Scrape], name: str) -> Counter[str]:
    """How many shards serve the metric, by crawl."""
    return Counter(
        crawl
        for scrape in scrapes
        for crawl in {
            series.partition('crawl="')[2].partition('"')[0] for series in scrape.of(name)
        }
    )


def has_pods(scrape: Scrape) -> bool:
    return bool(scrape.of("browsertrix_pod_phase"))


def total(scrapes: Sequence[Scrape], name: str) -> float:
    return sum(sum(scrape.of(name).values()) for scrape in scrapes)


@pytest.mark.parametrize("ignores", [False, True], ids=["sharding", "older"])
async def test_shards_divide_crawls_and_pods_and_lose_none_when_their_number_changes(
    ignores: bool, server: ApiServer, start: Start, tmp_path: Path
) -> None:
    server.faults.ignores_shards = ignores
    kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")

    async def shards(number: int) -> list[Scrape]:
        started = [
            await start(
                kubeconfig,
                f"--shard={index}",
                f"--total-shards={number}",
                f"--history.path={tmp_path / f'{index}.db'}",
                "--no-source.usage",
            )
            for index in range(number)
        ]
        for exporter in started:
            await exporter.until_ready()
        found = [
            await exporter.until(lambda one: one.of("browsertrix_pod_phase"))
            for exporter in started
        ]
        for exporter in started:
            exporter.process.terminate()
        for exporter in started:
            await asyncio.wait_for(exporter.process.wait(), PROCESS_TIMEOUT)
        return found

    two = await shards(2)
    held = crawls(two, "browsertrix_crawl_info")
    assert len(held) == CRAWLS
    assert set(held.values()) == {1}
    assert set(crawls(two, "browsertrix_pod_phase").values()) == {1}
    objects = [one.of("browsertrix_exporter_objects", source="pods").values() for one in two]
    assert sum(map(sum, objects)) == len(server.cluster.snapshot(PODS).objects)
    assert all(map(sum, objects))
    assert total(two, "browsertrix_crawls") == CRAWLS
    foreign = sum(
        value
        for scrape in two
        for value in scrape.of(
            "browsertrix_exporter_foreign_objects_total", source="crawljobs"
        ).values()
    )
    assert foreign == (CRAWLS if ignores else 0)
    pages = total(two, "browsertrix_org_pages_total")

    three = await shards(3)
    assert crawls(three, "browsertrix_crawl_info") == held
    assert total(three, "browsertrix_crawls") == CRAWLS
    assert total(three, "browsertrix_crawls_vanished_total") == 0
    assert total(three, "browsertrix_org_pages_total") == pages

"""A real Prometheus scrapes the exporter, and answers what an operator would ask."""

from pathlib import Path

import pytest

from exporter.commands.demo.configurations import prometheus_config
from exporter.simulator import ApiServer, Cluster
from support.crawl_writes import delete_crawl, patch_status
from support.exporter_process import Start, of_crawljobs_alone
from support.factories import GIB, crawler_pod, crawljob
from support.prometheus import prometheus
from support.tools import Edition

pytestmark = pytest.mark.slow("waits for processes", waits=True)


@pytest.fixture
def start(start: Start) -> Start:
    """These clusters have CrawlJobs alone: Kubernetes would say that their pods are gone."""
    return of_crawljobs_alone(start)


async def test_a_real_prometheus_gets_what_the_cluster_says(
    server: ApiServer, cluster: Cluster, start: Start, edition: Edition, tmp_path: Path
) -> None:
    pod = crawler_pod(allocated={"memory": GIB}, used={"memory": GIB // 2})
    cluster.create(
        crawljob(crawl="a", status={"pagesDone": 5, "scale": 1, "podStatus": {"crawl-a-0": pod}})
    )
    hostile = 'with "quotes", \\ and\nbreaks'
    cluster.create(
        crawljob(crawl="b", status={"state": "paused"}, spec={"crawlerChannel": hostile})
    )
    exporter = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await exporter.until_ready()

    async with prometheus(edition, prometheus_config([exporter.url], "500ms"), tmp_path) as prom:
        await prom.until('up{job="browsertrix-exporter"}', 1)
        await prom.until('browsertrix_crawls{namespace="crawlers",state="running"}', 1)
        assert await prom.one('browsertrix_crawls{state="paused"}') == 1
        assert await prom.one('browsertrix_crawls{state="failed"}') == 0
        assert await prom.one('browsertrix_crawl_pages_done{crawl="a"}') == 5
        assert await prom.one('browsertrix_pod_memory_usage_ratio{pod="crawl-a-0"}') == 0.5

        join = (
            "browsertrix_crawl_pages_done * on (namespace, oid, crawl)"
            ' group_left (channel) browsertrix_crawl_info{crawl="b"}'
        )
        (labels,) = await prom.query(join)
        assert dict(labels)["channel"] == hostile
        assert dict(labels)["namespace"] == "crawlers", "honor_labels keeps it"

        patch_status(cluster, "a", pagesDone=6)
        await prom.until('browsertrix_crawl_pages_done{crawl="a"}', 6)
        delete_crawl(cluster, "b")
        await prom.until('browsertrix_crawls{state="paused"}', 0)
        assert await prom.one('browsertrix_crawl_state{crawl="b"}') is None, "stale at once"

        metadata = await prom.get("metadata", metric="browsertrix_crawl_size_bytes")
        assert metadata["browsertrix_crawl_size_bytes"][0]["type"] == "gauge"
        (target,) = (await prom.get("targets"))["activeTargets"]
        assert target["lastError"] == ""
        for line in prom.log.read_text().lower().splitlines():
            assert "level=warn" not in line or "duplicate" not in line, line
            assert "error on ingesting" not in line, line

"""A real Prometheus scrapes the exporter, and answers what an operator would ask."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from end_to_end.conftest import PATIENCE, Start
from exporter.simulator import ApiServer, Cluster
from factories import GIB, crawler_pod, crawljob
from tools import require_tool


class Prometheus:
    """One that scrapes a target every half a second."""

    def __init__(self, url: str, session: aiohttp.ClientSession, log: Path) -> None:
        self.url = url
        self.log = log
        self._session = session

    async def get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self.url}/api/v1/{path}", params=parameters) as response:
            answer = await response.json()
            assert answer["status"] == "success", answer
            return answer["data"]

    async def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        data = await self.get("query", query=expression)
        return {
            tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in data["result"]
        }

    async def one(self, expression: str) -> float | None:
        """The value of an expression with one result; None while there is none."""
        found = list((await self.query(expression)).values())
        assert len(found) <= 1, found
        return found[0] if found else None

    async def until(self, expression: str, value: float) -> None:
        answer: float | None = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while (answer := await self.one(expression)) != value:
                    await asyncio.sleep(0.1)
                return
        raise AssertionError(f"{expression}: {answer}; log:\n{self.log.read_text()[-3000:]}")


@contextlib.asynccontextmanager
async def prometheus(target: str, folder: Path) -> AsyncIterator[Prometheus]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "prometheus.yml"
    job = {
        "job_name": "browsertrix",
        "honor_labels": True,
        "scrape_interval": "500ms",
        "scrape_timeout": "500ms",
        "static_configs": [{"targets": [target]}],
    }
    configuration.write_text(yaml.safe_dump({"scrape_configs": [job]}))
    log = folder / "prometheus.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            require_tool("prometheus"),
            f"--config.file={configuration}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stderr=stderr,
        )
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}"
            async with asyncio.timeout(PATIENCE):
                while True:
                    assert process.returncode is None, log.read_text()
                    with contextlib.suppress(aiohttp.ClientError):
                        async with session.get(f"{url}/-/ready") as response:
                            if response.status == 200:
                                break
                    await asyncio.sleep(0.05)
            yield Prometheus(url, session, log)
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.timeout(180)
async def test_a_real_prometheus_gets_what_the_cluster_says(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
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

    async with prometheus(exporter.url.removeprefix("http://"), tmp_path) as prom:
        await prom.until('up{job="browsertrix"}', 1)
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

        cluster.patch("crawlers", "crawljob-a", {"status": {"pagesDone": 6}}, status=True)
        await prom.until('browsertrix_crawl_pages_done{crawl="a"}', 6)
        cluster.delete("crawlers", "crawljob-b")
        cluster.patch("crawlers", "crawljob-b", {"metadata": {"finalizers": None}})
        await prom.until('browsertrix_crawls{state="paused"}', 0)
        assert await prom.one('browsertrix_crawl_state{crawl="b"}') is None, "stale at once"

        metadata = await prom.get("metadata", metric="browsertrix_crawl_size_bytes")
        assert metadata["browsertrix_crawl_size_bytes"][0]["type"] == "gauge"
        (target,) = (await prom.get("targets"))["activeTargets"]
        assert target["lastError"] == ""
        for line in prom.log.read_text().splitlines():
            assert "level=warn" not in line or "Duplicate" not in line, line
            assert "Error on ingesting" not in line, line

"""A real Prometheus scrapes the exporter by every protocol that it can be told to ask for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from end_to_end.conftest import Start
from exporter.simulator import ApiServer, Cluster
from support.factories import crawler_pod, crawljob
from support.prometheus import TIMEOUT, prometheus
from support.tools import Edition

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT_1: Final = "text/plain; version=1.0.0; charset=utf-8; escaping={escaping}"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping={escaping}"
OPENMETRICS_0: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

ANSWERS: Final[dict[tuple[str, ...], str]] = {
    (): OPENMETRICS,  # Prometheus' own choice
    ("PrometheusProto",): TEXT,
    ("OpenMetricsText1.0.0",): OPENMETRICS,
    ("OpenMetricsText0.0.1",): OPENMETRICS_0,
    ("PrometheusText1.0.0",): TEXT_1,
    ("PrometheusText0.0.4",): TEXT,
    ("PrometheusProto", "OpenMetricsText1.0.0", "PrometheusText0.0.4"): OPENMETRICS,
    ("PrometheusText1.0.0", "OpenMetricsText1.0.0"): TEXT_1,
    ("PrometheusText0.0.4", "OpenMetricsText1.0.0"): TEXT,
    ("OpenMetricsText0.0.1", "PrometheusText1.0.0"): OPENMETRICS_0,
}
"""The content type for each ``scrape_protocols``; ``()`` leaves it out of the configuration."""

NAMES: Final[dict[str, dict[str, str]]] = {
    "allow-utf-8": {},
    "underscores": {"metric_name_validation_scheme": "legacy"},
}
"""Which escaping Prometheus 3 asks for, with these options of the job."""


@dataclass(frozen=True)
class Scraped:
    """What the exporter was asked for, and what it answered with."""

    request: CIMultiDictProxy[str]
    response: CIMultiDictProxy[str]


@asynccontextmanager
async def recorder(url: str) -> AsyncIterator[tuple[str, dict[str, Scraped]]]:
    """A proxy before ``/metrics`` of an exporter, whose jobs scrape ``/their name``.

    Gives its address, and by job what was last scraped, which it passes on as it came.
    """
    scraped: dict[str, Scraped] = {}

    async def pass_on(request: web.Request) -> web.Response:
        async with session.get(f"{url}/metrics", headers=request.headers) as response:
            body = await response.read()
        scraped[request.path.removeprefix("/")] = Scraped(request.headers, response.headers)
        kept = {
            name: response.headers[name]
            for name in ("Content-Type", "Content-Encoding")
            if name in response.headers
        }
        return web.Response(body=body, headers=kept)

    app = web.Application()
    app.router.add_get("/{job}", pass_on)
    runner = web.AppRunner(app)
    async with ClientSession(auto_decompress=False) as session:
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield "{}:{}".format(*runner.addresses[0]), scraped
        finally:
            await runner.cleanup()


def job(name: str, address: str, **options: Any) -> dict[str, Any]:
    return {
        "job_name": name,
        "honor_labels": True,
        "metrics_path": f"/{name}",
        "static_configs": [{"targets": [address]}],
        **options,
    }


@pytest.fixture
async def exporter(
    server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path
) -> AsyncIterator[Any]:
    """One that has something to say of a crawl, with characters that each format escapes."""
    cluster.create(crawljob(crawl="a", status={"podStatus": {"crawl-a-0": crawler_pod()}}))
    cluster.create(crawljob(crawl="b", spec={"crawlerChannel": 'a "quoted" \\ and\nbroken ü'}))
    process = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await process.until_ready()
    yield process

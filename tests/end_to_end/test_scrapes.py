"""A real Prometheus scrapes the exporter by every protocol that it can be configured to ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from aiohttp import ClientSession, web
from multidict import CIMultiDictProxy

from exporter.simulator import ApiServer, Cluster
from support.exporter_process import Process, Start
from support.factories import crawler_pod, crawljob
from support.prometheus import Prometheus, prometheus
from support.tools import Edition

pytestmark = pytest.mark.slow("waits for processes", waits=True)

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
TEXT_1: Final = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
TEXT_1_UTF_8: Final = TEXT_1.replace("underscores", "allow-utf-8")
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OPENMETRICS_1: Final = f"{OPENMETRICS}; escaping=underscores"
OPENMETRICS_1_UTF_8: Final = f"{OPENMETRICS}; escaping=allow-utf-8"

ANSWERS: Final[dict[tuple[str, ...], tuple[str, str]]] = {
    (): (OPENMETRICS_1_UTF_8, OPENMETRICS_1),
    ("PrometheusProto",): (TEXT, TEXT),
    ("OpenMetricsText1.0.0",): (OPENMETRICS_1_UTF_8, OPENMETRICS_1),
    ("OpenMetricsText0.0.1",): (OPENMETRICS, OPENMETRICS),
    ("PrometheusText1.0.0",): (TEXT_1_UTF_8, TEXT_1),
    ("PrometheusText0.0.4",): (TEXT, TEXT),
    ("PrometheusProto", "PrometheusText0.0.4", "OpenMetricsText1.0.0"): (TEXT, TEXT),
    ("PrometheusText1.0.0", "OpenMetricsText1.0.0"): (TEXT_1_UTF_8, TEXT_1),
    ("PrometheusText0.0.4", "OpenMetricsText1.0.0"): (TEXT, TEXT),
    ("OpenMetricsText0.0.1", "PrometheusText1.0.0"): (OPENMETRICS, OPENMETRICS),
}
"""For each ``scrape_protocols`` the content types where UTF-8 is allowed in names, and where not.

``()`` leaves them out of the configuration: then they are Prometheus' own.
"""

OPTIONS: Final[dict[str, dict[str, Any]]] = {
    "allow-utf-8": {"metric_name_validation_scheme": "utf8"},
    "underscores": {"metric_name_validation_scheme": "legacy"},
    "dots": {"metric_name_escaping_scheme": "dots"},
    "values": {"metric_name_escaping_scheme": "values"},
    "identity": {"enable_compression": False},
}
"""Of a job. The first four have Prometheus 3 ask for that escaping; unasked it allows UTF-8."""

CHANNEL: Final = 'a "quoted" \\ and\nbroken ü'


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


def job(name: str, address: str, *protocols: str, **options: Any) -> dict[str, Any]:
    if protocols:
        options["scrape_protocols"] = protocols
    return {
        "job_name": name,
        "honor_labels": True,
        "metrics_path": f"/{name}",
        "static_configs": [{"targets": [address]}],
        **options,
    }


@pytest.fixture
async def exporter(server: ApiServer, cluster: Cluster, start: Start, tmp_path: Path) -> Process:
    """One that has something to say of a crawl, and needs escapes for it."""
    cluster.create(crawljob(crawl="a", status={"podStatus": {"crawl-a-0": crawler_pod()}}))
    cluster.create(crawljob(crawl="b", spec={"crawlerChannel": CHANNEL}))
    process: Process = await start(server.write_kubeconfig(tmp_path / "kubeconfig"))
    await process.until_ready()
    return process


async def until_all_get_the_same(prom: Prometheus, jobs: int) -> None:
    """Wait until all were scraped; a scrape that fails, or lacks a sample, never gets there."""
    await prom.until("count(up == 1)", jobs)
    await prom.until("count(scrape_samples_scraped > 100)", jobs)
    await prom.until("max(scrape_samples_scraped) - min(scrape_samples_scraped)", 0)
    escaped = CHANNEL.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    await prom.until(f'count(browsertrix_crawl_info{{crawl="b",channel="{escaped}"}})', jobs)
    for target in (await prom.get("targets"))["activeTargets"]:
        assert target["lastError"] == ""


async def test_every_protocol_gets_all_samples_and_a_content_type_that_prometheus_reads(
    exporter: Process, tmp_path: Path
) -> None:
    """No ``fallback_scrape_protocol``: without a content type it reads, a scrape fails."""
    async with recorder(exporter.url) as (address, scraped):
        jobs = {
            f"{'-'.join(protocols) or 'default'}-{option}": (protocols, option)
            for protocols, option in product(ANSWERS, OPTIONS)
        }
        config = {
            "global": {"scrape_interval": "3s"},
            "scrape_configs": [
                job(name, address, *protocols, **OPTIONS[option])
                for name, (protocols, option) in jobs.items()
            ],
        }
        async with prometheus(Edition.NEWEST, config, tmp_path) as prom:
            await until_all_get_the_same(prom, len(jobs))

    for name, (protocols, option) in jobs.items():
        request, response = scraped[name].request, scraped[name].response
        escaping = "allow-utf-8" if option == "identity" else option
        utf_8, legacy = ANSWERS[protocols]
        assert response["Content-Type"] == (utf_8 if escaping == "allow-utf-8" else legacy), name
        if any(one.endswith("1.0.0") for one in protocols):
            assert f"escaping={escaping}" in request["Accept"]
        assert request["Accept-Encoding"] == ("identity" if option == "identity" else "gzip")
        assert response.get("Content-Encoding") == (None if option == "identity" else "gzip")


async def test_a_fallback_protocol_is_not_needed_and_does_no_harm(
    exporter: Process, tmp_path: Path
) -> None:
    others = ("OpenMetricsText1.0.0", "PrometheusText0.0.4", "PrometheusProto")
    async with recorder(exporter.url) as (address, _):
        jobs = [
            job(f"{wanted}-{other}", address, wanted, fallback_scrape_protocol=other)
            for wanted, other in product(others, others)
        ]
        config = {"global": {"scrape_interval": "3s"}, "scrape_configs": jobs}
        async with prometheus(Edition.NEWEST, config, tmp_path) as prom:
            await until_all_get_the_same(prom, len(jobs))


async def test_prometheus_asks_for_openmetrics_by_itself(
    edition: Edition, exporter: Process, tmp_path: Path
) -> None:
    async with recorder(exporter.url) as (address, scraped):
        config = {
            "global": {"scrape_interval": "3s"},
            "scrape_configs": [job("one", address), job("two", address)],
        }
        async with prometheus(edition, config, tmp_path) as prom:
            await until_all_get_the_same(prom, 2)

    request, response = scraped["one"].request, scraped["one"].response
    asked = "escaping=allow-utf-8" in request["Accept"]
    assert asked or edition is Edition.DEBIAN
    assert response["Content-Type"] == (OPENMETRICS_1_UTF_8 if asked else OPENMETRICS)
    assert response["Content-Encoding"] == "gzip"

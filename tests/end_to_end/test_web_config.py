"""A real Prometheus scrapes an exporter over TLS: by its certificate, and with a password."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from exporter.simulator import ApiServer
from support.certificates import certificate, needs_openssl
from support.exporter_process import Process, Start
from support.factories import crawljob
from support.prometheus import Prometheus, prometheus
from support.tools import Edition
from support.web_configs import PASSWORD, Certificates, hashed, make_certificates, write_web_config

pytestmark = [pytest.mark.slow("waits for processes", waits=True), needs_openssl]

SUCCESSFUL: Final = "browsertrix_exporter_web_config_last_reload_successful"
NOT_USED: Final = "the web configuration cannot be used, keeping what was read before"
SCRAPED: Final = 'up{job="browsertrix"}'


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    (tmp_path / "tls").mkdir()
    return make_certificates(tmp_path / "tls")


@asynccontextmanager
async def secured(
    process: Process, certificates: Certificates, name: str | None
) -> AsyncIterator[Process]:
    """The same exporter, spoken to over TLS."""
    connector = aiohttp.TCPConnector(ssl=certificates.client(name))
    async with aiohttp.ClientSession(connector=connector) as session:
        yield replace(process, url=process.url.replace("http:", "https:"), session=session)


def scrape_config(process: Process, certificates: Certificates, **more: Any) -> dict[str, Any]:
    client = {
        "ca_file": str(certificates.folder / "server.crt"),
        "cert_file": str(certificates.folder / "prometheus.crt"),
        "key_file": str(certificates.folder / "prometheus.key"),
    }
    target = process.url.partition("://")[2]
    job = {
        "job_name": "browsertrix",
        "scheme": "https",
        "tls_config": client,
        "static_configs": [{"targets": [target]}],
        **more,
    }
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}


async def last_error(prom: Prometheus) -> str:
    (target,) = (await prom.get("targets"))["activeTargets"]
    return str(target["lastError"])


def logged(process: Process, message: str) -> list[dict[str, Any]]:
    lines = map(json.loads, process.log.read_text().splitlines())
    return [line for line in lines if line["msg"] == message]


@pytest.mark.parametrize("edition", Edition)
async def test_prometheus_scrapes_by_certificate_and_password(
    server: ApiServer,
    start: Start,
    certificates: Certificates,
    tmp_path: Path,
    edition: Edition,
) -> None:
    """And goes on through a broken file, new users, and a renewed certificate."""
    server.cluster.create(crawljob(crawl="a"))
    for kind in ("crt", "key"):
        shutil.copy(certificates.folder / f"server.{kind}", tmp_path / f"tls.{kind}")
    content = certificates.mutual(
        cert_file="tls.crt", key_file="tls.key", client_allowed_sans=["prometheus"]
    )
    good = content | {"basic_auth_users": {"prometheus": hashed()}}
    file = write_web_config(tmp_path / "web.yml", good)
    process = await start(
        server.write_kubeconfig(tmp_path / "kubeconfig"), f"--web.config.file={file}"
    )
    password_file = write_web_config(tmp_path / "password", PASSWORD)
    user = {"basic_auth": {"username": "prometheus", "password_file": str(password_file)}}
    config = scrape_config(process, certificates, **user)
    async with prometheus(edition, config, tmp_path) as prom:
        await prom.until(SCRAPED, 1)
        await prom.until(SUCCESSFUL, 1)
        await prom.until("count(browsertrix_crawl_info)", 1)

        write_web_config(file, "nonsense")
        await prom.until(SUCCESSFUL, 0)
        await prom.until(SCRAPED, 1)

        write_web_config(file, content | {"basic_auth_users": {"prometheus": hashed("another")}})
        await prom.until(SCRAPED, 0)
        assert "401 Unauthorized" in await last_error(prom)

        write_web_config(file, good)
        await prom.until(SCRAPED, 1)
        await prom.until(SUCCESSFUL, 1)

        crt, key = certificate(tmp_path, "renewed", host="IP:127.0.0.1")
        shutil.copy(crt, certificates.folder / "server.crt")  # what Prometheus believes
        crt.replace(tmp_path / "tls.crt")
        key.replace(tmp_path / "tls.key")
        _, writer = await asyncio.open_connection(
            *process.url.partition("://")[2].split(":"), ssl=certificates.client("prometheus")
        )
        writer.close()
        await prom.until(SCRAPED, 1)
    # One for the nonsense; the certificate may have been seen before its key.
    assert len(logged(process, NOT_USED)) in {1, 2}
    assert PASSWORD not in process.log.read_text()


@pytest.mark.parametrize("edition", Edition)
async def test_prometheus_without_a_certificate_or_with_another_gets_nothing(
    server: ApiServer,
    start: Start,
    certificates: Certificates,
    tmp_path: Path,
    edition: Edition,
) -> None:
    file = write_web_config(tmp_path / "web.yml", certificates.mutual())
    process = await start(
        *(server.write_kubeconfig(tmp_path / "kubeconfig"), f"--web.config.file={file}"),
        "--web.open-probes",
    )
    config = scrape_config(process, certificates)
    for name in ("cert_file", "key_file"):
        del config["scrape_configs"][0]["tls_config"][name]
    async with prometheus(edition, config, tmp_path) as prom:
        await prom.until(SCRAPED, 0)
        assert "403 Forbidden" in await last_error(prom)
    async with secured(process, certificates, None) as anybody:
        await anybody.until_ready()
        assert (await anybody.get("/metrics"))[0] == 403
    async with secured(process, certificates, "prometheus") as allowed:
        assert (await allowed.scrape()).value(SUCCESSFUL) == 1
    with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
        async with secured(process, certificates, "stranger") as refused:
            await refused.get("/livez")

"""Web servers over real HTTP."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from exporter.crawls import PauseLimit
from exporter.settings import Address
from exporter.web import Health, View, WebServer, WebSettings
from support.waiting import WAIT_TIMEOUT
from support.web_configs import Certificates, make_certificates
from support.web_site import Exposition, Serve, Site


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start sites; they end with the test."""
    sites: list[Site] = []

    async def start(
        *content: bytes | Exception,
        status_page: bool = False,
        browsertrix: str = "",
        **settings: Any,
    ) -> Site:
        site = Site(Exposition(list(content)) if content else Exposition())
        chosen: dict[str, Any] = {"listen": [Address("127.0.0.1", 0)], "grace": 5.0} | settings
        health = Health(alive=lambda: site.dead, ready=lambda: site.unready)
        view = View(
            site.watches,
            site,
            site.ledger,
            pause_limit=PauseLimit(),
            health=health,
            pulse=lambda: site.pulse,
            browsertrix=browsertrix,
            clock=lambda: site.now,
        )
        site.server = WebServer(
            site.exposition,
            WebSettings(**chosen),
            health=health,
            view=view if status_page else None,
            on_scrape=lambda *scrape: site.on_scrape.append(scrape),
        )
        await site.server.start()
        site.session = aiohttp.ClientSession(
            auto_decompress=False,
            skip_auto_headers=["Accept", "Accept-Encoding"],
            timeout=aiohttp.ClientTimeout(WAIT_TIMEOUT),
        )
        sites.append(site)
        return site

    yield start
    for site in sites:
        await site.session.close()
        await site.server.stop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Made once for all tests of a process."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

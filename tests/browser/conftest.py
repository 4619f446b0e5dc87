"""A real browser, and the whole exporter for it to look at."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from exporter.app import Exporter
from exporter.cluster.client import ApiClient
from exporter.history.ledger import Ledger
from exporter.settings import Address, Settings
from exporter.simulator import ApiServer, Cluster
from support.browsed_site import BROWSERTRIX, BrowsedSite
from support.tools import require_tool
from support.waiting import until


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = require_tool("chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        await browser.close()


@pytest.fixture
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[BrowsedSite]:
    async with browsed(browser, tmp_path) as site:
        yield site


@pytest.fixture
async def named_site(browser: Browser, tmp_path: Path) -> AsyncIterator[BrowsedSite]:
    """A site that may have names. Nobody answers where Browsertrix should be: tests give them."""
    token = tmp_path / "token"
    token.write_text("token", encoding="utf-8")
    about_browsertrix = {
        "browsertrix_url": "http://127.0.0.1:1",
        "browsertrix_token_file": token,
        "browsertrix_public_url": BROWSERTRIX,
    }
    async with browsed(browser, tmp_path, **about_browsertrix) as site:
        yield site


@asynccontextmanager
async def browsed(browser: Browser, folder: Path, **options: Any) -> AsyncIterator[BrowsedSite]:
    cluster = Cluster()
    stop = asyncio.Event()
    async with ApiServer(cluster, bookmark_every=0.2) as server:
        settings = Settings(
            kubeconfig=server.write_kubeconfig(folder / "kubeconfig"),
            listen_addresses=(Address("127.0.0.1", 0),),
            **options,
        )
        connection = await ApiClient.open(settings.kubeconfig, settings.context)
        ledger = Ledger.open()
        exporter = Exporter(settings, connection, ledger)
        running = asyncio.create_task(exporter.run(stop))
        await until(
            lambda: all(one.synced for one in exporter._followed if one.source == "crawljobs")
        )
        site = BrowsedSite(cluster, exporter, browser, ledger)
        yield site
        assert site.errors == []
        for window in browser.contexts:
            await window.close()
        stop.set()
        with suppress(asyncio.CancelledError):
            await running

"""A real browser on the whole exporter, which watches a simulated cluster that the tests change."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from exporter.app import Exporter
from exporter.cluster.client import ApiClient
from exporter.history.ledger import Ledger
from exporter.settings import Address, Settings
from exporter.simulator import ApiServer, Cluster
from support.factories import crawljob
from support.tools import require_tool

TIMEOUT = 20_000
"""Milliseconds a condition may take to come true on a busy machine."""

expect.set_options(timeout=TIMEOUT)


@dataclass
class Site:
    """A cluster, the exporter on it, and a browser that looks at its page."""

    cluster: Cluster
    exporter: Exporter
    browser: Browser
    errors: list[str] = field(default_factory=list)
    """What the browser has logged: violations of the policy, failed requests, errors."""

    @property
    def url(self) -> str:
        return self.exporter.web.addresses[0].url

    def create(self, *crawls: str, **parts: Any) -> None:
        for crawl in crawls:
            self.cluster.create(crawljob(crawl=crawl, **parts))

    def patch(self, crawl: str, **status: Any) -> None:
        self.cluster.patch("crawlers", f"crawljob-{crawl}", {"status": status}, status=True)

    async def open(self, path: str = "/", **context: Any) -> Page:
        """A new window, whose clock a test can move on."""
        window = await self.browser.new_context(**context)
        page = await window.new_page()
        page.set_default_timeout(TIMEOUT)
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        await page.clock.install()
        await page.goto(f"{self.url}{path}")
        return page

    async def until_seen(self, crawls: int, **status: Any) -> None:
        """Wait until the exporter has seen so many, and one of them with these in its status."""
        async with asyncio.timeout(30):
            while True:
                (reflector,) = self.exporter._reflectors
                seen = [
                    all(getattr(job.status, name) == value for name, value in status.items())
                    for job in reflector.objects
                ]
                if len(seen) == crawls and any(seen):
                    return
                await asyncio.sleep(0.01)


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
async def site(browser: Browser, tmp_path: Path) -> AsyncIterator[Site]:
    cluster = Cluster()
    stop = asyncio.Event()
    async with ApiServer(cluster, bookmark_every=0.2) as server:
        settings = Settings(
            kubeconfig=server.write_kubeconfig(tmp_path / "kubeconfig"),
            listen_addresses=(Address("127.0.0.1", 0),),
        )
        connection = await ApiClient.open(settings.kubeconfig, settings.context)
        exporter = Exporter(settings, connection, Ledger.open())
        running = asyncio.create_task(exporter.run(stop))
        async with asyncio.timeout(30):
            while not all(one.synced for one in exporter._reflectors):
                await asyncio.sleep(0.01)
        site = Site(cluster, exporter, browser)
        yield site
        assert site.errors == []
        for window in browser.contexts:
            await window.close()
        stop.set()
        with suppress(asyncio.CancelledError):
            await running

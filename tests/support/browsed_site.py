"""A real browser on the whole exporter, which watches a simulated cluster that the tests change."""

from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, Page, expect

from exporter.app import Exporter
from exporter.history.ledger import Ledger
from exporter.simulator import Cluster
from exporter.sources import CRAWLJOBS
from support.crawl_writes import patch_status
from support.factories import crawljob
from support.waiting import WAIT_TIMEOUT, until

BROWSERTRIX: Final = "https://browsertrix.example.org"
"""Where its pages are, for people."""
_MILLISECONDS: Final = WAIT_TIMEOUT * 1000

expect.set_options(timeout=_MILLISECONDS)


@dataclass
class BrowsedSite:
    """A cluster, the exporter on it, and a browser that looks at its page."""

    cluster: Cluster
    exporter: Exporter
    browser: Browser
    ledger: Ledger
    errors: list[str] = field(default_factory=list)
    """What the browser has logged: violations of the policy, failed requests, errors."""

    @property
    def url(self) -> str:
        return self.exporter.web.addresses[0].url

    def create(self, *crawls: str, **parts: Any) -> None:
        for crawl in crawls:
            self.cluster.create(crawljob(crawl=crawl, **parts))

    def patch(self, crawl: str, **status: Any) -> None:
        patch_status(self.cluster, crawl, **status)

    async def open(self, path: str = "/", **context: Any) -> Page:
        """A new window, whose clock a test can move on."""
        window = await self.browser.new_context(**context)
        page = await window.new_page()
        page.set_default_timeout(_MILLISECONDS)
        page.on("console", lambda message: self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog: {dialog.message}"))
        await page.clock.install()
        await page.goto(f"{self.url}{path}")
        return page

    async def until_seen(self, crawls: int, **status: Any) -> None:
        """Wait until the exporter has seen so many, and one of them with these in its status."""

        def are_seen() -> bool:
            reflector = next(r for r in self.exporter._asked if r.source == CRAWLJOBS.name)
            seen = [
                all(getattr(job.status, name) == value for name, value in status.items())
                for job in reflector.objects
            ]
            return len(seen) == crawls and any(seen)

        await until(are_seen)

"""Names of organisations and workflows, and long words, in a real browser."""

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from support.browsed_site import BROWSERTRIX, BrowsedSite
from support.factories import CID, OID
from support.known_names import give_names, give_orgs, give_workflows
from support.waiting import until

pytestmark = pytest.mark.slow("each test starts a browser")

LONGEST = "stopped_storage_quota_reached"

CUT = """() => [...document.querySelectorAll("td, th, .state, .badge, .owner")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))
  .concat([...document.querySelectorAll(".wide")]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => `scrolls: ${one.textContent.slice(0, 60)}`))
  .concat([...document.querySelectorAll(".beside .state")]
    .filter((one) => one.getBoundingClientRect().height > 30)
    .map((one) => `broken: ${one.textContent}`))"""
"""What does not fit its place: is cut, has to be scrolled to, or is broken amid a word."""


async def ended(site: BrowsedSite) -> None:
    over = {"state": LONGEST, "stopReason": LONGEST, "finished": "2025-05-21T12:04:00Z"}
    site.create("manual-20250521114400-0123456789ab", "sched-0123456789a-29925358", status=over)
    site.create(
        "manual-20250521114401-0123456789ab",
        status=over | {"state": "complete", "stopReason": "paused_storage_quota_reached"},
    )
    site.create("manual-20250521114402-0123456789ab")
    await site.until_seen(4)
    await until(lambda: len(site.ledger.finished_crawls) == 3)


@pytest.mark.parametrize("width", [1000, 1200, 1400, 1920])
async def test_long_states_and_names_have_room(named_site: BrowsedSite, width: int) -> None:
    give_orgs(named_site.ledger.names, {"name": "The National Library of a Long-Named Country"})
    give_workflows(
        named_site.ledger.names, {"name": "All daily newspapers, front pages and two links deep"}
    )
    await ended(named_site)
    page = await named_site.open(viewport={"width": width, "height": 900})
    if "SCREENSHOTS" in os.environ:
        shot = Path(os.environ["SCREENSHOTS"]) / f"{width}.png"
        await page.screenshot(path=shot, full_page=True)

    await expect(page.locator(".beside .state").get_by_text(LONGEST)).to_have_count(2)
    assert await page.evaluate(CUT) == []


async def test_a_crawl_is_found_by_its_names_and_linked(named_site: BrowsedSite) -> None:
    give_names(named_site.ledger.names)
    named_site.create("one")
    named_site.create("two", spec={"oid": "other", "cid": "other"})
    await named_site.until_seen(2)
    page = await named_site.open()

    await page.get_by_label("Text").fill("news LIBRARY")
    await page.get_by_role("button", name="Show").click()

    await expect(page.locator(".crawl h3")).to_have_text(["one"])
    link = page.locator(".crawl").get_by_role("link", name="News daily")
    href = f"{BROWSERTRIX}/orgs/library-of-x/workflows/{CID}/crawls/one"
    await expect(link).to_have_attribute("href", href)
    await page.locator(".crawl").get_by_role("link", name="Library of X").click()
    await expect(page.get_by_label("Organisation")).to_have_value(OID)


async def test_hostile_names_do_nothing(named_site: BrowsedSite) -> None:
    hostile = "<img src=x onerror=alert(1)>'\"`${7*7}{{7*7}}\n" + "x" * 10_000
    give_orgs(named_site.ledger.names, {"name": hostile, "slug": "javascript:alert(2)//"})
    give_workflows(named_site.ledger.names, {"name": hostile})
    named_site.create("one", status={"state": LONGEST, "finished": "2025-05-21T12:04:00Z"})
    await named_site.until_seen(1)
    page = await named_site.open(viewport={"width": 390, "height": 800})

    shown = "<img src=x onerror=alert(1)>'\"`${7*7}{{7*7}} xxx"
    await expect(page.locator(".crawl .owner")).to_contain_text(shown)
    assert await page.locator("img, svg").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    for link in await page.locator(".owner a").all():
        href = await link.get_attribute("href") or ""
        assert href.startswith((f"{BROWSERTRIX}/orgs/javascript%3Aalert", "?org="))

"""What a person sees and does: bars, filters, paging, refreshes that keep one's place."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from support.browsed_site import BrowsedSite
from support.factories import GIB, OID, crawler_pod
from support.waiting import until

pytestmark = pytest.mark.slow("each test starts a browser")

EVERY = 10_000
"""Milliseconds between refreshes."""


async def ids(page: Page) -> list[str]:
    found: list[str] = await page.locator(".crawl h3").all_inner_texts()
    return found


async def test_it_shows_a_crawl_with_its_bars_and_pods(site: BrowsedSite) -> None:
    site.create("one", status={"size": 97 * GIB})
    await site.until_seen(1)
    page = await site.open()
    await expect(page).to_have_title("Crawls – Browsertrix exporter")
    card = page.locator(".crawl")
    await expect(card).to_contain_text("45 of 120")
    await expect(card).to_contain_text("97 GiB of 100 GiB")
    meter = card.get_by_role("meter", name="Size: 97 GiB of 100 GiB")
    await expect(meter).to_be_visible()
    await expect(card.locator("table")).to_be_visible()
    await expect(card.locator("tbody tr")).to_have_count(4)
    box = await meter.bounding_box()
    assert box is not None
    assert box["width"] > 100
    assert box["height"] == 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_is_readable_in_both_schemes(site: BrowsedSite, scheme: Any) -> None:
    pods = {"crawl-one-0": crawler_pod(evicted=True, exitCode=137, reason="oom")}
    site.create("one", pods=pods)
    await site.until_seen(1)
    page = await site.open(color_scheme=scheme)
    poor = await page.evaluate(CONTRASTS)
    assert poor == [], "contrast of at least 4.5 (WCAG 2.2, 1.4.3)"


@pytest.mark.parametrize("width", [320, 390, 1280])
async def test_nothing_hangs_over_the_edge(site: BrowsedSite, width: int) -> None:
    site.create("manual-20250521114400-0123456789ab", status={"state": "x" * 90})
    await site.until_seen(1)
    page = await site.open(viewport={"width": width, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_filters_by_state_text_and_organisation(site: BrowsedSite) -> None:
    site.create("alpha", "beta")
    site.create("gamma", spec={"oid": "other-org"}, status={"state": "waiting_capacity"})
    await site.until_seen(3)
    page = await site.open()
    assert sorted(await ids(page)) == ["alpha", "beta", "gamma"]

    await page.get_by_role("navigation", name="States").get_by_text("waiting_capacity").click()
    await expect(page.locator(".crawl h3")).to_have_text(["gamma"])
    await page.get_by_role("link", name="Show all").click()
    await expect(page.locator(".crawl")).to_have_count(3)

    await page.get_by_label("Text").fill("BETA")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".crawl h3")).to_have_text(["beta"])
    assert page.url.startswith(f"{site.url}/?q=BETA")

    await page.goto(site.url)
    await page.get_by_label("Organisation").fill(OID)
    await page.get_by_label("Order").select_option("crawl")
    await page.get_by_label("Organisation").press("Enter")
    await expect(page.locator(".crawl h3")).to_have_text(["alpha", "beta"])


async def test_pages_through_many(site: BrowsedSite) -> None:
    names = [f"c{n:02}" for n in range(60)]
    site.create(*names)
    await site.until_seen(60)
    page = await site.open("/?sort=crawl")
    seen = await ids(page)
    for number in (2, 3):
        await page.get_by_role("link", name="Next").click()
        await expect(page.get_by_text(f"Page {number} of 3")).to_be_visible()
        seen += await ids(page)
    assert seen == names
    await expect(page.get_by_role("link", name="Next")).to_have_count(0)
    await page.get_by_role("link", name="Previous").click()
    await expect(page.get_by_text("Page 2 of 3")).to_be_visible()


async def test_it_refreshes_itself_and_keeps_its_place(site: BrowsedSite) -> None:
    site.create(*(f"c{n}" for n in range(8)))
    await site.until_seen(8)
    page = await site.open("/?sort=crawl")
    second = page.locator(".crawl").nth(1)
    await second.locator("summary").click()
    await second.locator("summary").focus()
    await page.get_by_label("Text").evaluate("field => field.value = 'half typ'")

    site.patch("c0", pagesDone=46)
    site.patch("c1", state="paused")
    await site.until_seen(8, state="paused")
    await page.clock.fast_forward(EVERY)
    await expect(page.locator(".crawl").nth(0)).to_contain_text("46 of 120")
    await expect(second).to_contain_text("paused")
    await expect(second.locator("table")).to_be_visible()
    await expect(page.locator(".crawl").nth(2).locator("table")).to_be_hidden()
    assert await page.evaluate("document.activeElement.parentElement.id") == "pods-uid-crawlers-c1"
    await expect(page.get_by_label("Text")).to_have_value("half typ")


async def test_refreshing_can_be_paused(site: BrowsedSite) -> None:
    site.create("one")
    await site.until_seen(1)
    page = await site.open()
    pause = page.get_by_role("button", name="Pause refresh")
    await pause.click()
    await expect(pause).to_have_attribute("aria-pressed", "true")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.fast_forward(5 * EVERY)
    assert await page.evaluate("1 + 1") == 2
    assert asked == []
    site.patch("one", pagesDone=46)

    async def shows_it() -> bool:
        if "46 of 120" in await page.locator(".crawl").inner_text():
            return True
        await pause.click()  # each second click goes on, and asks at once
        return False

    await until(shows_it, every=0.1)


async def test_it_warns_when_the_exporter_does_not_answer(site: BrowsedSite) -> None:
    site.create("one")
    await site.until_seen(1)
    page = await site.open()
    await page.route("**/*", lambda route: route.abort())
    await page.clock.fast_forward(EVERY)
    note = page.get_by_role("status")
    await expect(note).to_have_text(re.compile("The exporter does not answer; this is as of"))
    await expect(page.locator(".crawl")).to_have_count(1)
    await page.unroute("**/*")
    await page.clock.fast_forward(EVERY)
    await expect(note).to_have_text("")
    site.errors.clear()  # the browser logs each request that failed


async def test_it_works_without_scripts(site: BrowsedSite) -> None:
    site.create("one", "two")
    await site.until_seen(2)
    page = await site.open(java_script_enabled=False)
    await page.get_by_label("Text").fill("two")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".crawl h3")).to_have_text(["two"])
    await expect(page.get_by_role("button", name="Pause refresh")).to_be_hidden()


async def test_hostile_text_does_nothing(site: BrowsedSite) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    site.create(
        hostile,
        spec={"oid": f"'\"><svg onload=alert(3)>{hostile}"},
        status={"state": hostile, "stopReason": f"javascript:alert(4)//{hostile}"},
        pods={hostile: crawler_pod(reason=hostile, exitCode=1)},
    )
    await site.until_seen(1)
    page = await site.open()
    await expect(page.locator(".crawl h3")).to_have_text(hostile)
    await page.clock.fast_forward(EVERY)
    await page.locator(".crawl h3 a").click()
    await expect(page.locator(".crawl h3")).to_have_text(hostile)
    await expect(page.get_by_label("Text")).to_have_value(hostile)
    assert await page.locator("script").count() == 1
    assert await page.locator("img, svg").count() == 0


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (colour) => {
    const [r, g, b] = rgba(colour).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (rgba(colour)[3] === 255) return colour;
    }
    return "white";
  };
  const poor = [];
  for (const element of document.body.querySelectorAll("*")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !element.checkVisibility() || element.matches("meter, progress, option")) continue;
    const pair = [getComputedStyle(element).color, ground(element)].map(luminance);
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) poor.push(`${element.outerHTML.slice(0, 80)}: ${contrast.toFixed(2)}`);
  }
  return poor;
}"""

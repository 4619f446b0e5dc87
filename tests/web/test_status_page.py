"""The status page as a browser gets it: complete, escaped, under a strict policy."""

import base64
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.history.baseline import Baseline
from exporter.history.events import OomKilled, PodExited, Scaled, StateEntered
from exporter.history.records import FinishedCrawl
from exporter.web.colours import STATES
from support.claim_factories import claim
from support.crawl_history import log, remember
from support.factories import CID, CRAWL_ID, OID, UPDATED_EPOCH, crawler_pod, crawljob
from support.known_names import give_names, give_orgs, give_workflows
from support.pod_factories import container_status, evicted, pod, unschedulable
from support.web_site import Serve, Site

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}&amp;"


class Elements(HTMLParser):
    """Every element with its attributes, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "

    def of(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.found
            if name == tag and attributes.items() <= found.items()
        ]

    def hrefs(self) -> list[str]:
        return [found["href"] or "" for found in self.of("a")]


def structure(page: str) -> list[tuple[str, list[str]]]:
    """Elements and the names of their attributes: what hostile text must never add to."""
    return [(tag, sorted(attributes)) for tag, attributes in Elements(page).found]


async def test_a_crawl_with_its_bars(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob())
    page = Elements(await site.page())
    assert page.of("title")
    for text in (CRAWL_ID, OID, "running", "45 of 120", "7 GiB of 100 GiB", "15 min of 2 h"):
        assert text in page.text
    (progress,) = page.of("progress")
    assert progress["value"] == "0.375"
    assert [meter["aria-label"] for meter in page.of("meter")[:2]] == [
        "Size: 7 GiB of 100 GiB",
        "Time: 15 min of 2 h",
    ]
    assert page.of("meter")[0]["value"] == "0.07"
    assert len(page.of("meter")) == 2 + 3 * 3 + 2, "redis's CPU was not measured"


async def test_few_crawls_show_their_pods_and_many_keep_them_closed(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(crawl="a"))
    (details,) = Elements(await site.page()).of("details")
    assert "open" in details
    site.watch.add(*(crawljob(crawl=f"b{n}") for n in range(5)))
    assert not any("open" in details for details in Elements(await site.page()).of("details"))


async def test_pods_in_trouble_are_named(serve: Serve) -> None:
    site = await serve(status_page=True)
    pods = {
        "crawl-x-0": crawler_pod(evicted=True),
        "crawl-x-1": crawler_pod(backoffWait=True, exitCode=137, reason="oom"),
        "crawl-x-2": crawler_pod(exitCode=3, exitTime="2025-05-21T11:59:00Z"),
    }
    site.watch.add(crawljob(crawl="x", pods=pods))
    text = Elements(await site.page()).text
    for shown in ("2 in trouble", "evicted", "crash loop", "137 (out of memory)", "1 min ago"):
        assert shown in text
    assert "restart due: evicted" in text
    assert "exited with 3 (out of space)" in text


async def test_what_kubernetes_says_of_a_pod_is_shown(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(crawl="x", pods={"crawl-x-0": crawler_pod()}))
    pulling = container_status(state={"waiting": {"reason": "ErrImagePull"}})
    site.pods = [
        pod("crawl-x-0", crawl="x", status={"containerStatuses": [pulling]}),
        pod("crawl-x-1", crawl="x", status=evicted("memory")),
        pod("redis-x", crawl="x", status=unschedulable("0/1 nodes: 1 Insufficient cpu.")),
    ]
    growing = {"type": "Resizing", "status": "True"}
    site.volumes = [
        claim("crawl-x-0", crawl="x", status={"conditions": [growing]}),
        claim("crawl-x-1", crawl="x", status={"phase": "Pending"}),
        claim("crawl-x-2", crawl="x"),
    ]
    text = " ".join(Elements(await site.page()).text.split())
    for shown in (
        "3 in trouble",
        "ErrImagePull",
        "limit 1.2 GiB",
        "evicted: memory",
        "no node: cpu",
        "volume to become 25 GiB",
        "volume Pending",
        "26 GiB kept",
    ):
        assert shown in text


async def test_the_filter_for_pods_in_trouble_is_kept_and_left(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(crawl="a"))
    site.watch.add(crawljob(crawl="b", pods={"crawl-b-0": crawler_pod(evicted=True)}))
    page = Elements(await site.page("/?trouble=1"))
    (box,) = page.of("input", type="checkbox")
    assert "checked" in box
    assert "1 crawl" in page.text
    assert "?state=running&trouble=1" in page.hrefs()
    assert "?q=b" in page.hrefs(), "one crawl alone is shown whatever the filters were"
    (without,) = Elements(await site.page()).of("input", type="checkbox")
    assert "checked" not in without


async def test_a_pause_is_counted_down(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(spec={"pausedAt": "2025-05-21T12:00:00Z"}, status={"state": "paused"}))
    site.now += 6 * 86400.0
    page = Elements(await site.page())
    assert page.of("meter", **{"aria-label": "Pause: 1 d left"})
    site.now += 86400.0
    assert Elements(await site.page()).of("meter", **{"aria-label": "Pause: expired"})


async def test_no_crawl_at_all_and_none_that_matches(serve: Serve) -> None:
    site = await serve(status_page=True)
    assert "No CrawlJob is there now." in await site.page()
    assert "No CrawlJob that is there now matches." in await site.page("/?q=x")


async def test_finished_crawls_and_events(serve: Serve) -> None:
    site = await serve(status_page=True)
    record = FinishedCrawl(
        "u", "crawlers", "o", "c", "complete", "size-limit", UPDATED_EPOCH - 180, 0.0, None
    )
    remember(site.ledger, record)
    baseline = Baseline("u", "crawlers", "o", "c", "job")
    events = [
        StateEntered(UPDATED_EPOCH, "running", "starting"),
        PodExited(UPDATED_EPOCH, "crawl-c-0", "crawler", "interrupt: 11", 11),
        OomKilled(UPDATED_EPOCH, "crawl-c-0", "crawler"),
        Scaled(UPDATED_EPOCH, "scale", 1, 3),
    ]
    log(site.ledger, baseline, events, UPDATED_EPOCH)
    text = " ".join(Elements(await site.page()).text.split())
    assert "3 min ago c complete size-limit" in text
    assert "state entered starting → running" in text
    assert "pod exited crawl-…-0, reason interrupt: 11, code 11" in text
    assert "scaled scale 1 → 3" in text


async def test_names_are_shown_with_ids_as_tooltips(serve: Serve) -> None:
    site = await serve(status_page=True, browsertrix="https://browsertrix.example.org")
    give_names(site.ledger.names)
    site.watch.add(crawljob())
    remember(
        site.ledger,
        FinishedCrawl("u", "n", OID, "m-1", "complete", "", UPDATED_EPOCH, 0.0, None, CID),
    )
    page = Elements(await site.page())
    text = " ".join(page.text.split())
    assert f"{CRAWL_ID} running" in text
    assert text.count("News daily ( Library of X )") == 2
    assert OID not in page.text
    link = f"https://browsertrix.example.org/orgs/library-of-x/workflows/{CID}/crawls/m-1"
    (shown,) = page.of("a", href=link)
    assert shown["title"] == f"in Browsertrix: workflow {CID}"
    assert len(page.of("a", href=f"?org={OID}", title=f"organisation {OID}")) == 2
    (option,) = page.of("option", value=OID)
    assert option is not None
    assert "Library of X, 1 crawl" in text


async def test_where_only_the_organisation_is_known_it_is_named_and_linked(serve: Serve) -> None:
    site = await serve(status_page=True, browsertrix="https://browsertrix.example.org")
    give_orgs(site.ledger.names)
    site.watch.add(crawljob())
    page = Elements(await site.page())
    assert "org Library of X · in Browsertrix" in " ".join(page.text.split())


async def test_names_without_an_address_of_browsertrix_are_no_links(serve: Serve) -> None:
    site = await serve(status_page=True)
    give_names(site.ledger.names)
    site.watch.add(crawljob())
    page = Elements(await site.page())
    assert page.of("span", title=f"workflow {CID}")
    assert not [href for href in page.hrefs() if href.startswith("http")]


async def test_a_warning_comes_before_the_crawls(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.unready = "crawlers: the API server refuses connections"
    page = await site.page()
    assert 'role="alert"' in page
    assert page.index("refuses connections") < page.index('id="crawls"')


async def test_links_keep_the_filters_and_turn_the_pages(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(*(crawljob(crawl=f"c{n}") for n in range(60)))
    page = Elements(await site.page("/?q=c&org=" + OID + "&sort=crawl&page=2"))
    kept = f"?org={OID}&q=c&sort=crawl"
    (previous,), (following,) = page.of("a", rel="prev"), page.of("a", rel="next")
    assert previous["href"] == kept
    assert following["href"] == f"{kept}&page=3"
    assert f"?state=running&org={OID}&q=c&sort=crawl" in page.hrefs()
    assert "Page 2 of 3" in page.text
    last = Elements(await site.page("/?page=99"))
    assert "Page 3 of 3" in last.text, "crawls end while somebody looks at the last page"


@pytest.mark.parametrize(
    "query", ["page=x", "per_page=-1", "sort=x", f"q={'x' * 9000}", "nonsense=1", "q=%ff%00"]
)
async def test_a_wrong_parameter_is_ignored(serve: Serve, query: str) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob())
    assert "</html>" in await site.page(f"/?{query}")


async def test_the_policy_allows_only_the_pages_own_files(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob())
    async with site.get("/") as response:
        policy = response.headers["Content-Security-Policy"]
        page = Elements(await response.text())
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "unsafe" not in policy
    for directive in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert directive in policy
    assert [found["src"] for found in page.of("script")] == ["status/refresh.js"]
    assert not page.of("style")
    for _, attributes in page.found:
        assert not any(name == "style" or name.startswith("on") for name in attributes)
    for path, content_type in (
        ("style.css", "text/css"),
        ("refresh.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        async with site.get(f"/status/{path}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == f"{content_type}; charset=utf-8"


async def test_every_state_has_its_colour_in_the_style(serve: Serve) -> None:
    site = await serve(status_page=True)
    async with site.get("/status/style.css") as response:
        style = await response.text()
    for state, colour in STATES.items():
        assert f'[data-state="{state}"]{{--state:{colour}}}' in style


def hostile_job(text: str) -> dict[str, Any]:
    pods = {
        f"crawl-{text}"[:200]: crawler_pod(reason=text, exitCode=1),
        "redis-x": crawler_pod(reason=text),
    }
    return crawljob(
        crawl="x",
        metadata={"name": text[:200] or "x", "uid": text},
        labels={"btrix.org": text},
        spec={"oid": text, "cid": text, "timeout": {}},
        status={"state": text, "stopReason": text + "!"},
        pods=pods,
    )


def hostile_pods(site: Site, text: str) -> None:
    """What Kubernetes says is text as well."""
    waiting = container_status(state={"waiting": {"reason": text}})
    status = {"phase": text, "containerStatuses": [waiting]}
    site.pods = [pod("crawl-y", crawl="x", spec={"nodeName": text}, status=status)]
    site.volumes = [
        claim("crawl-y", crawl="x", spec={"storageClassName": text}, status={"phase": text})
    ]


def harmless(text: str) -> str:
    """As long, without anything that means something to HTML."""
    return base64.b16encode(text.encode("utf-8", "replace")).decode()[: len(text)] or "x"


async def test_hostile_text_adds_nothing_to_the_page(serve: Serve) -> None:
    pages = []
    for text in (HOSTILE, harmless(HOSTILE)):
        site = await serve(status_page=True, browsertrix="https://browsertrix.example.org")
        site.watch.add(hostile_job(text))
        hostile_pods(site, text)
        give_orgs(site.ledger.names, {"id": text, "name": text, "slug": text})
        give_workflows(site.ledger.names, {"id": text, "oid": text, "name": text})
        site.watch.scope, site.watch.last_error = text, text
        site.unready = text
        record = FinishedCrawl(
            text, text, text, text, text, text + "!", UPDATED_EPOCH, 0.0, None, text
        )
        remember(site.ledger, record)
        baseline = Baseline(text, text, text, text, "job")
        events = [
            StateEntered(UPDATED_EPOCH, text, text),
            PodExited(UPDATED_EPOCH, text, "other", text, 1),
        ]
        log(site.ledger, baseline, events, UPDATED_EPOCH)
        pages.append(await site.page())
    hostile, plain = pages
    assert HOSTILE not in hostile
    assert structure(hostile) == structure(plain)
    assert HOSTILE in Elements(hostile).text, "shown as it is"
    assert "49" not in Elements(hostile).text.replace(HOSTILE, "")


@pytest.mark.slow("forty sites are served")
@settings(max_examples=40)
@given(text=st.text(min_size=1, max_size=60))
async def test_any_text_is_only_text(serve: Serve, text: str) -> None:
    site = await serve(status_page=True)
    site.watch.add(hostile_job(text))
    hostile_pods(site, text)
    page = await site.page()
    assert page.rstrip().endswith("</html>")
    assert len(Elements(page).of("script")) == 1


async def test_the_query_is_escaped_too(serve: Serve) -> None:
    site = await serve(status_page=True)
    page = Elements(await site.page('/?q="><script>alert(1)</script>&state=<b>&org=<i>'))
    assert len(page.of("script")) == 1
    assert not page.of("b")
    (field,) = page.of("input", name="q")
    assert field["value"] == '"><script>alert(1)</script>'

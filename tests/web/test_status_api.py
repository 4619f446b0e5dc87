"""The JSON API: its filters, orders and errors, compression, limits."""

import asyncio
import contextlib

import aiohttp
import pytest
from aiohttp import hdrs, web
from isal import isal_zlib

from exporter.history.baseline import Baseline
from exporter.history.events import Paused
from exporter.history.records import FinishedCrawl
from exporter.web import streaming
from exporter.web.status import handlers
from support.crawl_history import log, remember
from support.factories import CID, GIB, OID, UPDATED_EPOCH, crawler_pod, crawljob
from support.known_names import give_names
from support.waiting import until
from support.web_site import Serve, Site


def fleet(site: Site) -> None:
    site.watches.append(other := type(site.watch)(scope="other"))
    site.watch.add(
        crawljob(crawl="one", metadata={"creationTimestamp": "2025-05-21T01:00:00Z"}),
        crawljob(
            crawl="two",
            metadata={"creationTimestamp": "2025-05-21T02:00:00Z"},
            spec={"pausedAt": "2025-05-21T11:00:00Z", "cid": "WORKFLOW"},
            status={"state": "paused", "size": 99 * GIB},
        ),
        crawljob(
            crawl="three",
            spec={"oid": "org-3", "maxCrawlSize": 0, "timeout": 0},
            status={"state": "waiting_capacity", "pagesDone": 900, "size": 0},
            metadata={"creationTimestamp": "2025-05-21T03:00:00Z"},
        ),
    )
    other.add(
        crawljob(crawl="four", namespace="other", metadata={"creationTimestamp": None}),
    )


async def ids(site: Site, query: str) -> list[str]:
    found = await site.json(f"/api/v1/crawls?{query}")
    assert found["total"] == len(found["crawls"])
    return [crawl["crawl"] for crawl in found["crawls"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["three", "two", "one", "four"]),
        ("sort=oldest", ["one", "two", "three", "four"]),
        ("sort=crawl", ["four", "one", "three", "two"]),
        ("sort=size", ["two", "one", "four", "three"]),
        ("sort=pages", ["three", "one", "two", "four"]),
        ("sort=limits", ["two", "one", "four", "three"]),
        ("sort=pause", ["two", "one", "three", "four"]),
        ("state=paused", ["two"]),
        ("state=no-such", []),
        ("org=org-3", ["three"]),
        ("namespace=other", ["four"]),
        ("q=TWO", ["two"]),
        ("q=workflow", ["two"]),
        ("q=t++wo+crawlers", ["two"]),
        (f"q={OID}+o&state=running&namespace=crawlers", ["one"]),
    ],
)
async def test_filters_and_orders(serve: Serve, query: str, expected: list[str]) -> None:
    site = await serve(status_page=True)
    fleet(site)
    assert await ids(site, query) == expected


@pytest.mark.parametrize(
    "query", ["q=news+library", "q=DAILY", "org=Library+of+X", "org=library-of-x", f"org={OID}"]
)
async def test_names_are_searched_and_filtered_by(serve: Serve, query: str) -> None:
    site = await serve(status_page=True)
    site.watch.add(crawljob(crawl="one"), crawljob(crawl="two", spec={"oid": "p", "cid": "w"}))
    over = [
        FinishedCrawl(crawl, "crawlers", oid, crawl, "complete", "", UPDATED_EPOCH, 0.0, None, cid)
        for crawl, oid, cid in (("one", OID, CID), ("two", "p", "w"))
    ]
    remember(site.ledger, *over)
    for crawl, oid in (("one", OID), ("two", "p")):
        baseline = Baseline(crawl, "crawlers", oid, crawl, "job")
        log(site.ledger, baseline, [Paused(UPDATED_EPOCH)], UPDATED_EPOCH)
    site.ledger.names.want(OID, CID)
    give_names(site.ledger.names)
    site.ledger.names.keep_some()

    assert await ids(site, query) == ["one"]
    for path in ("finished", "events"):
        found = await site.json(f"/api/v1/{path}?{query}")
        assert [one["crawl"] for one in found[path]] == ["one"]


async def test_crawls_with_a_pod_in_trouble(serve: Serve) -> None:
    site = await serve(status_page=True)
    fleet(site)
    site.watch.add(crawljob(crawl="five", pods={"crawl-five-0": crawler_pod(backoffWait=True)}))
    found = await site.json("/api/v1/crawls?trouble=1")
    assert [crawl["crawl"] for crawl in found["crawls"]] == ["five"]
    assert found["states"] == {"running": 1}
    assert found["orgs"] == {OID: 1}
    assert len(await ids(site, "trouble=0")) == 5


async def test_states_are_counted_whatever_the_state_filter(serve: Serve) -> None:
    site = await serve(status_page=True)
    fleet(site)
    found = await site.json(f"/api/v1/crawls?state=paused&org={OID}")
    assert found["states"] == {"running": 2, "paused": 1}
    assert found["orgs"] == {OID: 3, "org-3": 1}


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("crawls?page=0", "page: expected a whole number from 1 to 1000000, got '0'"),
        ("crawls?page=%D9%A3", "page: expected a whole number from 1 to 1000000, got '٣'"),
        ("crawls?page=", "page: expected a whole number from 1 to 1000000, got ''"),
        ("crawls?per_page=201", "per_page: expected a whole number from 1 to 200, got '201'"),
        (
            "crawls?sort=x",
            "sort: expected one of newest, oldest, limits, pause, size, pages, crawl, got 'x'",
        ),
        ("crawls?state=a&state=b", "state: expected once, got 2 times"),
        (
            "crawls?stat=a",
            (
                "'stat' is no parameter here; there are: "
                "namespace, org, page, per_page, q, sort, state, trouble"
            ),
        ),
        ("crawls?trouble=yes", "trouble: expected 1 or 0, got 'yes'"),
        (
            "events?state=a",
            "'state' is no parameter here; there are: kind, namespace, org, page, per_page, q",
        ),
    ],
)
async def test_a_wrong_parameter_is_explained(serve: Serve, path: str, complaint: str) -> None:
    site = await serve(status_page=True)
    assert await site.json(f"/api/v1/{path}", status=400) == {"error": complaint}


async def test_a_text_too_long_is_refused_without_being_repeated_in_full(serve: Serve) -> None:
    site = await serve(status_page=True)
    error = (await site.json(f"/api/v1/crawls?q={'x' * 5000}", status=400))["error"]
    assert error.startswith("q: expected at most 200 characters")
    assert len(error) < 300


async def test_a_scope_that_is_not_synced_is_left_out_with_a_warning(serve: Serve) -> None:
    site = await serve(status_page=True)
    fleet(site)
    site.watch.synced = False
    site.unready = "crawlers: not listed yet"
    found = await site.json("/api/v1/crawls")
    assert [crawl["crawl"] for crawl in found["crawls"]] == ["four"]
    assert found["warning"] == "crawlers: not listed yet"
    site.dead = "ended by a fault: history"
    assert (await site.json("/api/v1/finished"))["warning"] == "ended by a fault: history"


async def test_answers_are_compressed_where_that_is_wanted(serve: Serve) -> None:
    site = await serve(status_page=True)
    site.watch.add(*(crawljob(crawl=f"c{n}") for n in range(20)))
    async with site.get("/api/v1/crawls") as response:
        plain = await response.read()
        assert hdrs.CONTENT_ENCODING not in response.headers
    headers = {"Accept-Encoding": "gzip"}
    async with site.get("/api/v1/crawls", headers=headers) as response:
        packed = await response.read()
        assert response.headers[hdrs.CONTENT_ENCODING] == "gzip"
        assert response.headers[hdrs.VARY] == "Accept-Encoding"
    assert isal_zlib.decompress(packed, 31) == plain
    assert len(packed) * 5 < len(plain)


@pytest.mark.parametrize("path", ["/", "/api/v1/crawls", "/status/style.css"])
async def test_only_get_and_head_are_allowed(serve: Serve, path: str) -> None:
    site = await serve(status_page=True)
    async with site.session.head(f"{site.address.url}{path}") as response:
        assert response.status == 200
        assert await response.read() == b""
    async with site.session.post(f"{site.address.url}{path}", data=b"x") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "path", ["/api/v1/crawls", "/api/v1/exporter", "/status/style.css", "/status/refresh.js"]
)
async def test_without_a_status_page_there_is_no_api(serve: Serve, path: str) -> None:
    site = await serve()
    async with site.get(path) as response:
        assert response.status == 404


async def test_too_many_readers_at_once_are_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "MAX_READERS", 0)
    site = await serve(status_page=True)
    async with site.get("/api/v1/crawls") as response:
        assert response.status == 503
        assert await response.text() == "More than 0 readers at once, try again later.\n"


@pytest.mark.parametrize("allocated", [5e-324, 1e-300])
async def test_next_to_nothing_allocated_is_no_ratio_and_no_500(
    serve: Serve, allocated: float
) -> None:
    site = await serve(status_page=True)
    pod = crawler_pod(allocated={"memory": allocated, "cpu": 1, "storage": 1})
    pod["used"] = {"memory": 10**12, "cpu": 0.5, "storage": 1}
    site.watch.add(crawljob(crawl="one", pods={"crawl-one-0": pod}))
    (crawl,) = (await site.json("/api/v1/crawls"))["crawls"]
    assert crawl["pods"][0]["memory"]["ratio"] is None
    assert crawl["pods"][0]["cpu"]["ratio"] == 0.5
    async with site.get("/") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    ("site_of_the_request", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)],
)
async def test_no_other_sites_page_reads_the_json(
    serve: Serve, site_of_the_request: str, status: int
) -> None:
    site = await serve(status_page=True)
    headers = {"Sec-Fetch-Site": site_of_the_request}
    async with site.get("/api/v1/exporter", headers=headers) as response:
        assert response.status == status
    async with site.get("/", headers=headers) as response:
        assert response.status == 200, "a link leads here"


async def test_readers_that_read_nothing_cost_a_portion_each_and_are_disconnected() -> None:
    """Their answers are of many MiB, more than the kernel takes for them."""
    body = b"x" * (32 * 2**20)
    sent: list[object] = []

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await streaming.send(request, await handler(request), write_timeout=0.2)
        transport = request.transport
        sent.append(transport is None or transport.is_closing())
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    writers = []
    for _ in range(3):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        writers.append(writer)
    await until(lambda: len(sent) == 3)
    assert sent == [True] * 3
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}") as one:
        assert await one.read() == body
    await runner.cleanup()

"""The probes and the landing page."""

import asyncio
import base64
import contextlib
import hashlib
import logging

import pytest

from exporter import __version__
from exporter.settings.values import url_path
from exporter.web import refuse_reserved_path
from support.waiting import WAIT_TIMEOUT
from support.web_site import Serve


async def test_ready_only_once_it_is(serve: Serve) -> None:
    site = await serve()
    site.unready = "namespace crawlers: no complete list yet"
    async with site.get("/readyz") as response:
        assert response.status == 503
        assert await response.text() == "namespace crawlers: no complete list yet\n"
    site.unready = None
    async with site.get("/readyz") as response:
        assert response.status == 200
        assert await response.text() == "ok\n"
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/healthz"])
async def test_alive_while_it_works_ready_or_not(serve: Serve, path: str) -> None:
    site = await serve()
    site.unready = "the API server refuses connections"
    async with site.get(path) as response:
        assert (response.status, await response.text()) == (200, "ok\n")
    site.dead = "the watch of crawlers has ended"
    async with site.get(path) as response:
        assert response.status == 503
        assert await response.text() == "the watch of crawlers has ended\n"


async def test_the_landing_page_names_and_links(serve: Serve) -> None:
    site = await serve(telemetry_path="/m")
    async with site.get("/") as response:
        page = await response.text()
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "Browsertrix exporter" in page
    assert f"Version {__version__}" in page
    assert "<dd>ready</dd>" in page
    for target in ("m", "livez", "readyz"):
        assert f'href="{target}"' in page


async def test_the_style_is_the_one_that_the_policy_allows(serve: Serve) -> None:
    site = await serve()
    async with site.get("/") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "<script" not in page


async def test_the_landing_page_escapes(serve: Serve) -> None:
    site = await serve()
    site.unready = "<img src=x onerror=alert(1)> & {style}"
    async with site.get("/") as response:
        page = await response.text()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; {style}" in page


async def test_a_probe_that_fails_is_a_500_without_details(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve()

    class Broken(str):
        __slots__ = ()

        def __format__(self, _: str) -> str:
            raise RuntimeError("secret")

    site.unready = Broken()
    async with site.get("/readyz") as response:
        assert response.status == 500
        assert await response.text() == "Internal Server Error\n"
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.getMessage() == "a request failed"
    assert (vars(record)["method"], vars(record)["path"]) == ("GET", "/readyz")


async def test_a_path_that_is_not_there(serve: Serve) -> None:
    site = await serve()
    async with site.get("/%2e%2e/<b>") as response:
        assert response.status == 404
        assert await response.text() == "Not Found\n"


@pytest.mark.parametrize("path", ["/metrics", "/a/b", "/metrics/", "/m-1._~", "/apis", "/statusz"])
def test_a_telemetry_path(path: str) -> None:
    assert url_path(path) == path
    refuse_reserved_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "metrics",
        "//",
        "//a",
        "/a//b",
        "/{x}",
        "/a?b",
        "/a#b",
        "/a b",
        "/é",
        "/a\n",
        "/../a",
    ],
)
def test_a_wrong_telemetry_path_is_explained(path: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a path such as /metrics"):
        url_path(path)


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz", "/readyz/"])
def test_the_telemetry_path_cannot_be_a_probes(path: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a path of its own: this one is a probe's$"):
        refuse_reserved_path(path)


@pytest.mark.parametrize("path", ["/api", "/api/v1/crawls", "/status", "/status/style.css"])
def test_the_telemetry_path_cannot_be_the_status_pages(path: str) -> None:
    with pytest.raises(ValueError, match=r"/status/ and /api/ are the status page's$"):
        refuse_reserved_path(path)


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/metrics"])
async def test_options_says_what_is_allowed(serve: Serve, path: str) -> None:
    """HAProxy probes by ``OPTIONS / HTTP/1.0``."""
    site = await serve()
    async with site.session.options(f"{site.address.url}{path}") as response:
        assert response.status == 204
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
        assert response.headers["Server"] == "browsertrix-exporter"


async def test_what_is_no_http_is_answered_without_versions(serve: Serve) -> None:
    site = await serve()
    reader, writer = await asyncio.open_connection(site.address.host, site.address.port)
    writer.write(b"no http\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), WAIT_TIMEOUT)
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in answer
    assert b"Server: browsertrix-exporter\r\n" in answer
    assert b"X-Content-Type-Options: nosniff\r\n" in answer
    assert b"Cache-Control: no-store\r\n" in answer
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


async def test_a_connection_too_many_takes_the_place_of_an_idle_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.connections.MAX_CONNECTIONS", 3)
    site = await serve()
    opened = [await asyncio.open_connection(site.address.host, site.address.port) for _ in range(3)]
    for reader, writer in opened:  # answered, so it is idle
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"ok\n"), WAIT_TIMEOUT)
    reader, writer = await asyncio.open_connection(site.address.host, site.address.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await asyncio.wait_for(reader.readline(), WAIT_TIMEOUT)
    assert await asyncio.wait_for(opened[0][0].read(), WAIT_TIMEOUT) == b"", "the oldest is closed"
    for _, one in [*opened, (reader, writer)]:
        one.close()


async def test_a_connection_too_many_is_closed_where_all_others_are_at_work(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.connections.MAX_CONNECTIONS", 3)
    site = await serve()
    opened = [await asyncio.open_connection(site.address.host, site.address.port) for _ in range(3)]
    for reader, writer in opened:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\n")
        assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"ok\n"), WAIT_TIMEOUT)
        writer.write(b"Host: x\r\n")  # and the next one is on its way
    while True:
        reader, writer = await asyncio.open_connection(site.address.host, site.address.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        if not await asyncio.wait_for(reader.read(9), WAIT_TIMEOUT):
            break  # until the last of what was written above has arrived there
        writer.close()
    for _, one in [*opened, (reader, writer)]:
        one.close()


async def test_a_request_that_does_not_come_to_its_end_is_given_ten_seconds(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.connections.HEADERS_TIMEOUT", 0.2)
    site = await serve()
    idle = await asyncio.open_connection(site.address.host, site.address.port)
    slow = await asyncio.open_connection(site.address.host, site.address.port)
    slow[1].write(b"GET /livez HTTP/1.1\r\nHost: ")
    begun = asyncio.get_running_loop().time()
    while not slow[0].at_eof():
        slow[1].write(b"x")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(slow[0].read(1), 0.02)
        assert asyncio.get_running_loop().time() < begun + WAIT_TIMEOUT
    idle[1].write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await asyncio.wait_for(idle[0].readline(), WAIT_TIMEOUT)
    for _, one in (idle, slow):
        one.close()


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "metrics.example.org", 200),
        ("/", "METRICS.example.org:8080", 200),
        ("/", "evil.example.org", 421),
        ("/", "127.0.0.1", 421),
        ("/", "", 421),
        ("/metrics", "evil.example.org", 421),
        ("/metrics", "10.0.0.1:10937", 200),
        ("/livez", "[fd00::1]:10937", 200),
        ("/readyz", "10.0.0.1", 200),
        ("/livez", "evil.example.org", 421),
        ("/api/v1/crawls", "10.0.0.1", 421),
        ("/metrics/", "10.0.0.1", 421),
    ],
)
async def test_only_allowed_hosts_are_answered_and_addresses_where_they_probe_and_scrape(
    serve: Serve, path: str, host: str, status: int
) -> None:
    site = await serve(status_page=True, allowed_hosts=("metrics.example.org",))

    async with site.get(path, headers={"Host": host}) as response:
        assert response.status == status
        assert response.headers["X-Content-Type-Options"] == "nosniff"

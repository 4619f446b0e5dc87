"""Responses to scrapes: formats, encodings, selection, failures."""

import gzip
import logging

import pytest

from exporter.metrics import Format
from support.web_site import Serve

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
LARGE = [bytes([65 + number]) * 300_000 + b"\n" for number in range(20)]


async def test_text_unless_something_else_is_asked_for(serve: Serve) -> None:
    site = await serve(b"one 1\n", b"two 2\n")
    async with site.get() as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == TEXT
        assert response.headers["Vary"] == "Accept, Accept-Encoding"
        assert response.headers["Cache-Control"] == "no-store"
        assert "aiohttp" not in response.headers["Server"]
    assert site.exposition.asked[0][:2] == (Format.TEXT, None)


async def test_openmetrics_on_request(serve: Serve) -> None:
    site = await serve(b"one 1\n# EOF\n")
    async with site.get(headers={"Accept": "application/openmetrics-text"}) as response:
        assert response.headers["Content-Type"] == OPENMETRICS
        assert await response.read() == b"one 1\n# EOF\n"
    assert site.exposition.asked[0][0] is Format.OPENMETRICS


async def test_several_accept_lines_are_one(serve: Serve) -> None:
    site = await serve()
    answer = await site.raw(
        b"GET /metrics HTTP/1.0\r\nAccept: text/plain;q=0.1\r\n"
        b"Accept: application/openmetrics-text\r\n\r\n"
    )
    assert f"Content-Type: {OPENMETRICS}".encode() in answer


@pytest.mark.parametrize(
    "accept",
    [
        b"application/openmetrics-text; version=abc",
        b"\xff\xfe\xc3\x28",
        b";;;,,,===",
        b"",
        b"text/plain;q=" + b"9" * 500,
        b"a/b;" * 2500,
        b"x" * 10_240,
    ],
)
async def test_an_odd_accept_header_gets_text(serve: Serve, accept: bytes) -> None:
    site = await serve()
    answer = await site.raw(
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: "
        + accept
        + b"\r\nAccept-Encoding: "
        + accept
        + b"\r\n\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert f"Content-Type: {TEXT}".encode() in head
    assert body == b"up 1\n"


@pytest.mark.parametrize("content", [[b"up 1\n"], LARGE, []], ids=["small", "large", "empty"])
async def test_gzip_and_identity_say_the_same(serve: Serve, content: list[bytes]) -> None:
    site = await serve(b"", *content)
    whole = b"".join(content)
    async with site.get(headers={"Accept-Encoding": "identity"}) as plain:
        assert "Content-Encoding" not in plain.headers
        assert await plain.read() == whole
    async with site.get(headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        data = await packed.read()
    assert gzip.decompress(data) == whole
    assert len(data) <= len(whole) // 20 + 40


async def test_a_small_scrape_says_its_length_and_a_large_one_is_streamed(serve: Serve) -> None:
    site = await serve(b"one 1\n", b"two 2\n")
    async with site.get() as response:
        assert response.headers["Content-Length"] == "12"
    site = await serve(*LARGE)
    async with site.get() as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Length" not in response.headers


async def test_http_1_0_gets_the_whole_body(serve: Serve) -> None:
    site = await serve(*LARGE)
    answer = await site.raw(b"GET /metrics HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"".join(LARGE)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", None),
        ("?name[]=up", {"up"}),
        ("?name[]=up&name[]=browsertrix_crawls&name[]=up", {"up", "browsertrix_crawls"}),
        ("?name%5B%5D=a%20b", {"a b"}),
        ("?name[]=", None),
        ("?name=up&collect[]=up", None),
    ],
)
async def test_families_are_selected_by_name(
    serve: Serve, query: str, names: set[str] | None
) -> None:
    site = await serve()
    answer = await site.raw(f"GET /metrics{query} HTTP/1.0\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 200")
    assert site.exposition.asked[0][1] == names


@pytest.mark.parametrize("query", [b"name[]=%ff%fe", b"name[]=%zz", b"&&==&name[]=\xff", b"%"])
async def test_an_odd_query_is_no_error(serve: Serve, query: bytes) -> None:
    site = await serve()
    answer = await site.raw(b"GET /metrics?" + query + b" HTTP/1.0\r\n\r\n")
    assert b" 200 " in answer.splitlines()[0] or b" 400 " in answer.splitlines()[0]


async def test_head_answers_without_a_body_and_without_the_work(serve: Serve) -> None:
    site = await serve()
    answer = await site.raw(
        b"HEAD /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert f"Content-Type: {TEXT}".encode() in head
    assert b"Content-Encoding: gzip" in head
    assert b"Content-Length" not in head
    assert body == b""
    assert site.exposition.asked == []


async def test_a_connection_goes_on_after_head_and_get(serve: Serve) -> None:
    site = await serve(*LARGE)
    request = b" /metrics HTTP/1.1\r\nHost: x\r\n"
    answer = await site.raw(
        b"HEAD"
        + request
        + b"\r\nGET"
        + request
        + b"\r\nGET"
        + request
        + b"Connection: close\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b"\r\n0\r\n\r\n") == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/metrics", "/", "/livez", "/readyz"])
async def test_other_methods_are_refused(serve: Serve, method: str, path: str) -> None:
    site = await serve()
    async with site.session.request(method, f"{site.address.url}{path}", data=b"x") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert site.exposition.asked == []


async def test_the_path_is_a_setting(serve: Serve) -> None:
    site = await serve(telemetry_path="/crawls/metrics")
    async with site.get("/crawls/metrics") as response:
        assert await response.read() == b"up 1\n"
    async with site.get("/metrics") as response:
        assert response.status == 404
        assert await response.text() == "Not Found\n"


async def test_each_complete_scrape_is_reported(serve: Serve) -> None:
    site = await serve(*LARGE)
    for headers in ({"Accept-Encoding": "gzip"}, {"Accept": "application/openmetrics-text"}):
        async with site.get(headers=headers) as response:
            await response.read()
    (seconds, size, form), (_, other_size, other_form) = site.on_scrape
    assert 0 < seconds < 20
    assert size == other_size == sum(map(len, LARGE))
    assert (form, other_form) == (Format.TEXT, Format.OPENMETRICS)


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_failure_before_the_first_byte_is_a_500(
    serve: Serve, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve(b"one 1\n", RuntimeError("secret"))
    async with site.get(headers={"Accept-Encoding": encoding}) as response:
        assert response.status == 500
        assert "Content-Encoding" not in response.headers
        assert await response.text() == "The exposition failed; the log says why.\n"
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.getMessage() == "a scrape failed"
    assert record.exc_info
    assert site.on_scrape == []
    site.exposition.content = [b"one 1\n"]
    async with site.get() as response:
        assert response.status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_failure_in_the_middle_never_looks_like_a_whole_scrape(
    serve: Serve, encoding: str, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve(*LARGE, RuntimeError("boom"))
    with pytest.raises(ConnectionResetError):
        await site.raw(
            f"GET /metrics HTTP/{version}\r\nHost: x\r\n"
            f"Accept-Encoding: {encoding}\r\n\r\n".encode()
        )
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == ["a scrape failed"]
    assert site.on_scrape == []
    async with site.get("/livez") as response:
        assert response.status == 200


@pytest.mark.parametrize("error", [ConnectionError(), TimeoutError()])
async def test_no_failure_is_taken_for_an_empty_scrape(serve: Serve, error: Exception) -> None:
    site = await serve(error)
    with pytest.raises(ConnectionResetError):
        await site.raw(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert site.on_scrape == []


async def test_what_is_no_http_gets_a_400_and_no_log_line(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    site = await serve()
    for request in (
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"x\r\n" * 99,
    ):
        answer = await site.raw(request)
        assert answer.startswith(b"HTTP/1.0 400 "), request
    too_long = b"GET /metrics HTTP/1.1\r\nAccept: " + b"x" * 20_000 + b"\r\n\r\n"
    assert b" 400 " in (await site.raw(too_long)).splitlines()[0]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []

"""What can go wrong with a request, and that nothing but reading can be sent."""

import ast
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

import exporter.browsertrix
from exporter.browsertrix.http import ENDPOINTS, REASONS, HTTPClient, NotFoundError
from exporter.runtime.http_errors import RequestError
from exporter.runtime.http_files import HTTPClientConfigError
from support.asker import Asker, Connect
from support.browsertrix_server import (
    PASSWORD,
    USERNAME,
    Answer,
    BrowsertrixServer,
    answer,
    hang,
    html,
    huge,
    refused,
)
from support.certificates import certificate, needs_openssl

JOBS = "/api/orgs/all/jobs"


async def failure(asker: Asker) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await asker.ask()
    assert caught.value.reason in REASONS
    return caught.value


@pytest.mark.parametrize(
    ("fault", "reason", "says"),
    [
        (html, "not_json", "it answered text/html instead of JSON: is it Browsertrix, or a proxy"),
        (huge, "too_large", "it answered more than 33554432 bytes"),
        (hang, "timeout", "no answer within 0.5 s"),
        (answer(lambda: refused(500, "x")), "server_error", "Browsertrix answered 500"),
        (answer(lambda: refused(404, "Not Found")), "not_found", "Browsertrix answered 404"),
        (answer(lambda: aiohttp.web.Response(status=502)), "server_error", "502 with"),
        (answer(lambda: aiohttp.web.Response(status=404)), "not_json", "404 with"),
        (
            answer(lambda: aiohttp.web.Response(body=b"{", content_type="application/json")),
            "not_json",
            "not valid JSON",
        ),
        (
            answer(lambda: aiohttp.web.Response(body=b"[" * 9999, content_type="application/json")),
            "not_json",
            "its answer is",
        ),
        (
            answer(lambda: aiohttp.web.json_response({}, headers={"Content-Encoding": "br"})),
            "not_json",
            "instead of JSON",
        ),
    ],
)
async def test_each_failure_has_a_reason_and_one_line(
    server: BrowsertrixServer, connect: Connect, fault: Answer, reason: str, says: str
) -> None:
    asker = connect(timeout=0.5 if reason == "timeout" else 20.0)
    await asker.ask()
    server.faults[JOBS] = [fault]

    error = await failure(asker)

    assert (error.reason, says in str(error), "\n" in str(error)) == (reason, True, False)
    assert asker.http.stats.failures == {("jobs", reason): 1}
    await asker.ask()
    assert asker.http.stats.requests["jobs"] == 3


async def test_it_is_known_how_long_to_wait(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect()
    await asker.ask()
    server.faults[JOBS] = [answer(lambda: refused(429, "slow down", **{"Retry-After": "17"}))]

    error = await failure(asker)

    assert (error.reason, error.retry_after) == ("too_many_requests", 17.0)
    assert asker.session.refused is None, "only a login is refused by it"


async def test_a_redirect_is_not_followed(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect()
    await asker.ask()
    server.faults[JOBS] = [
        answer(lambda: aiohttp.web.Response(status=307, headers={"Location": "/elsewhere"}))
    ]

    error = await failure(asker)

    assert error.reason == "redirected"
    assert "give the address it redirects to instead" in str(error)
    assert server.counts["/elsewhere"] == 0


async def test_nobody_there_is_unreachable(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect()
    await server.stop()

    assert (await failure(asker)).reason == "unreachable"
    await server.start()
    await asker.ask()


async def test_the_environments_proxy_is_used(
    server: BrowsertrixServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url)  # which takes any address
    (tmp_path / "password").write_text(PASSWORD)
    asker = Asker("http://browsertrix.invalid", tmp_path / "password")

    await asker.ask()
    await asker.http.close()

    assert server.logins == 1


@needs_openssl
async def test_the_certificate_must_be_of_a_known_authority(
    server: BrowsertrixServer, tmp_path: Path
) -> None:
    crt, key = certificate(tmp_path, "server")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(crt, key)
    url = await server.listen_by_tls(context)
    known, unknown = HTTPClient(url, crt), HTTPClient(url)

    assert (await known.get("settings", "/settings", {}, None)).content == server.settings
    with pytest.raises(RequestError) as caught:
        await unknown.get("settings", "/settings", {}, None)
    assert caught.value.reason == "tls"
    for client in (known, unknown):
        await client.close()
    with pytest.raises(HTTPClientConfigError, match="No such file"):
        HTTPClient(url, tmp_path / "none")


async def test_only_browsertrix_itself_says_that_there_is_none(
    server: BrowsertrixServer, connect: Connect
) -> None:
    asker = connect()
    with pytest.raises(NotFoundError):
        await asker.api.get("crawl", "/orgs/all/crawls/gone")

    for other in (
        answer(lambda: refused(404, "Not Found")),
        answer(lambda: aiohttp.web.Response(status=404, text="nginx")),
        answer(lambda: aiohttp.web.json_response([], status=404)),
    ):
        server.faults["/api/orgs/all/crawls/gone"] = [other]
        with pytest.raises(RequestError) as caught:
            await asker.api.get("crawl", "/orgs/all/crawls/gone")
        assert not isinstance(caught.value, NotFoundError)


# -- reading only


def _calls(module: Path) -> list[tuple[str, list[object]]]:
    """Each method called in a module, with its arguments that are texts."""
    tree = ast.parse(module.read_text())
    return [
        (
            node.func.attr,
            [one.value for one in node.args if isinstance(one, ast.Constant)],
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


def test_nothing_but_reading_can_be_sent() -> None:
    folder = Path(exporter.browsertrix.__file__).parent
    writing = {"post", "put", "patch", "delete", "options", "ws_connect"}
    sends = []
    for module in sorted(folder.glob("*.py")):
        for name, arguments in _calls(module):
            assert name not in writing, module
            if name == "request":
                assert module.name == "http.py"
            if name == "_send":
                sends.append(arguments)
        assert "aiohttp" not in module.read_text() or module.name == "http.py"

    assert sends == [
        ["GET"],
        ["POST", "login", "/auth/jwt/login"],
        ["POST", "refresh", "/auth/jwt/refresh"],
    ]


async def test_all_that_was_sent_is_counted(server: BrowsertrixServer, connect: Connect) -> None:
    asker = connect()
    await asker.ask()

    assert asker.http.stats.requests == {"settings": 1, "login": 1, "jobs": 1}
    assert set(asker.http.stats.requests) <= set(ENDPOINTS)
    assert [method for method, _ in server.asked] == ["GET", "POST", "GET"]


async def test_no_user_is_in_an_address(
    server: BrowsertrixServer, connect: Connect, logged: Callable[[], str]
) -> None:
    await connect().ask()

    for text in (str(server.asked), logged()):
        assert USERNAME not in text
        assert PASSWORD not in text
        assert "Bearer" not in text

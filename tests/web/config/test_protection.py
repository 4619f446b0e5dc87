"""Who gets an answer, over real HTTP: at every path, with every header."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.web.config.file import WebConfigFile
from support.web_configs import PASSWORD, basic, hashed, write_web_config
from support.web_site import Serve, Site

PROBES: Final = ("/livez", "/healthz", "/readyz")
PATHS: Final = (
    *("/", "/metrics", "/api/v1/crawls", "/api/v1/finished", "/api/v1/events"),
    *("/api/v1/exporter", "/status/style.css", "/status/refresh.js", "/status/icon.svg"),
    "/no/such/page",
)
HEADERS: Final = {
    "X-Frame-Options": "deny",
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": "default-src 'self'",
    "X-XSS-Protection": "0",
}
Start = Callable[..., Awaitable[Site]]


def authorization(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": basic(name, password)}


ALICE: Final = authorization("alice")


@pytest.fixture
def start(serve: Serve, tmp_path: Path) -> Start:
    async def start(content: dict[str, Any], **settings: Any) -> Site:
        path = write_web_config(tmp_path / "web.yml", content)
        config = WebConfigFile(path, open_probes=settings.get("open_probes", False))
        return await serve(config=config, status_page=True, **settings)

    return start


async def status(site: Site, path: str, **kind: Any) -> int:
    async with site.get(path, **kind) as response:
        return int(response.status)


def users() -> dict[str, Any]:
    return {"basic_auth_users": {"alice": hashed()}}


async def test_every_path_needs_a_password_the_probes_included(start: Start) -> None:
    site = await start(users())
    for path in PATHS + PROBES:
        assert await status(site, path) == 401, path
        wrong = authorization("alice", "wrong")
        assert await status(site, path, headers=wrong) == 401, path
        expected = 404 if path == "/no/such/page" else 200
        assert await status(site, path, headers=ALICE) == expected, path


async def test_other_methods_need_a_password_too(start: Start) -> None:
    site = await start(users())
    for method in ("HEAD", "OPTIONS", "POST", "DELETE"):
        async with site.session.request(method, f"{site.address.url}/metrics") as response:
            assert response.status == 401, method


async def test_probes_are_open_by_option_and_nothing_else_is(start: Start) -> None:
    site = await start(users(), open_probes=True)
    assert [await status(site, path) for path in PROBES] == [200] * 3
    assert {await status(site, path) for path in PATHS} == {401}
    for path in ("/livez/", "/livez/../metrics", "//livez", "/metrics?/livez", "/LIVEZ"):
        assert await status(site, path) in {401, 404}, path


async def test_a_refusal_names_the_scheme_and_has_every_header(start: Start) -> None:
    site = await start(users() | {"http_server_config": {"headers": HEADERS}})
    async with site.get("/metrics") as response:
        assert response.headers["WWW-Authenticate"].startswith('Basic realm="')
        assert await response.text() == "Unauthorized\n"
        assert HEADERS.items() <= dict(response.headers).items()
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Server"] == "browsertrix-exporter"


async def test_every_answer_has_the_configured_headers_and_pages_keep_their_own_policy(
    start: Start,
) -> None:
    site = await start({"http_server_config": {"headers": HEADERS}})
    for path in PATHS + PROBES:
        async with site.get(path) as response:
            expected = HEADERS.copy()
            if path == "/":
                own = response.headers.getall("Content-Security-Policy")
                assert len(own) == 1
                assert own[0].startswith("default-src 'none'")
                del expected["Content-Security-Policy"]
            assert expected.items() <= dict(response.headers).items(), path
    malformed = await site.raw(b"NO HTTP\r\n\r\n")
    assert malformed.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"X-Frame-Options: deny" in malformed


async def test_too_many_requests_are_refused_and_probes_only_without_the_option(
    start: Start,
) -> None:
    content = {"rate_limit": {"interval": "1h", "burst": 2}}
    site = await start(content)
    assert [await status(site, path) for path in ("/metrics", "/livez", "/", "/livez")] == [
        *(200, 200, 429, 429)
    ]
    site = await start(content, open_probes=True)
    assert [await status(site, "/livez") for _ in range(3)] == [200] * 3
    assert [await status(site, "/metrics") for _ in range(3)] == [200, 200, 429]


async def test_a_burst_of_none_refuses_everything_as_in_the_toolkit(start: Start) -> None:
    site = await start({"rate_limit": {"interval": "1s", "burst": 0}})
    assert [await status(site, "/metrics") for _ in range(10)] == [429] * 10


async def test_new_users_and_headers_hold_on_connections_that_are_open(
    start: Start, tmp_path: Path
) -> None:
    site = await start({})
    async with site.get("/metrics") as response:
        assert "X-Frame-Options" not in response.headers
    write_web_config(tmp_path / "web.yml", users() | {"http_server_config": {"headers": HEADERS}})
    async with site.get("/metrics") as response:
        assert response.status == 401
        assert response.headers["X-Frame-Options"] == "deny"
    write_web_config(tmp_path / "web.yml", "nonsense")
    assert await status(site, "/metrics") == 401
    assert await status(site, "/metrics", headers=ALICE) == 200


async def test_neither_names_nor_passwords_are_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site = await start(users())
    assert await status(site, "/metrics", headers=ALICE) == 200
    assert await status(site, "/metrics", headers=authorization("mallory", "guess")) == 401
    text = "".join(str(vars(record)) for record in caplog.records)
    for secret in ("alice", PASSWORD, "mallory", "guess"):
        assert secret not in text


async def test_scrapes_and_probes_go_on_while_a_hundred_logins_are_checked(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks that do not end: what needs none is answered all the same, as is a known password."""
    site = await start(users(), open_probes=True)
    assert await status(site, "/metrics", headers=ALICE) == 200
    go_on = asyncio.Event()

    async def for_ever(*_: Any) -> bool:
        await go_on.wait()
        return False

    monkeypatch.setattr("exporter.web.config.users.asyncio.to_thread", for_ever)
    guesses = [
        asyncio.ensure_future(status(site, "/metrics", headers=authorization("x", str(number))))
        for number in range(90)
    ]
    for _ in range(3):
        assert await status(site, "/livez") == 200
        assert await status(site, "/metrics", headers=ALICE) == 200
        assert await status(site, "/metrics") == 401
    assert not any(guess.done() for guess in guesses)
    go_on.set()
    assert await asyncio.gather(*guesses) == [401] * 90

"""Who may call the hooks, by what, and for how long: the listener as metacontroller finds it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from exporter.history.ledger import Ledger
from exporter.settings import Address
from exporter.web import HookServer, WebConfigFile
from support.certificates import needs_openssl
from support.crawl_history import OVER
from support.hooked import Hooked, decorated, deleted_wire, job_wire
from support.memory_transport import connecting
from support.virtual_time import in_virtual_time, now
from support.waiting import WAIT_TIMEOUT, until
from support.web_configs import Certificates, basic, hashed, write_web_config

CALL: Final = decorated(job_wire("a"))
REFUSED: Final = (aiohttp.ClientError, ConnectionError, ssl.SSLError)
Protect = Callable[..., AbstractAsyncContextManager[Hooked]]


@pytest.fixture
def protect(tmp_path: Path) -> Protect:
    """Run hooks whose listener has this web configuration."""

    @asynccontextmanager
    async def protected(
        content: dict[str, Any], *, open_probes: bool = False
    ) -> AsyncIterator[Hooked]:
        file = write_web_config(tmp_path / "web.yml", content)
        hooked = Hooked(tmp_path / "history.db")
        config = WebConfigFile(file, open_probes=open_probes)
        hooked.server = HookServer(hooked.hooks, [Address("127.0.0.1", 0)], config)
        async with hooked:
            yield hooked

    return protected


async def post(
    hooked: Hooked, path: str = "/sync", *, tls: ssl.SSLContext | None = None, login: str = ""
) -> tuple[int, str]:
    """Call as metacontroller does, by a new connection: the answer's status and text."""
    scheme = "http" if tls is None else "https"
    headers = {"Authorization": login} if login else {}
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls or True),
            timeout=aiohttp.ClientTimeout(WAIT_TIMEOUT),
        ) as session,
        session.post(
            f"{scheme}://{hooked.server.addresses[0]}{path}", json=CALL, headers=headers
        ) as answer,
    ):
        return answer.status, await answer.text()


def refusals(hooked: Hooked) -> dict[str, int]:
    """How many calls were refused, by hook."""
    requests = hooked.hooks.requests.items()
    return {hook: count for (hook, outcome), count in requests if outcome == "refused"}


# -- who


@needs_openssl
async def test_it_speaks_tls_and_no_plain_http(
    protect: Protect, certificates: Certificates
) -> None:
    async with protect(certificates.server_config()) as hooked:
        with pytest.raises(REFUSED):
            await post(hooked)
        assert not hooked.jobs.objects
        status, _ = await post(hooked, tls=certificates.client())
        assert status == 200
        assert len(hooked.jobs.objects) == 1


@pytest.mark.parametrize("hook", ["sync", "finalize", "customize"])
async def test_where_there_are_users_nobody_else_tells_of_a_crawl(
    protect: Protect, hook: str
) -> None:
    async with protect({"basic_auth_users": {"metacontroller": hashed()}}) as hooked:
        for login in ("", basic("metacontroller", "wrong"), basic("somebody")):
            assert await post(hooked, f"/{hook}", login=login) == (401, "Unauthorized\n")
        assert not hooked.seen.changes
        assert await post(hooked, "/elsewhere") == (401, "Unauthorized\n")
        status, _ = await post(hooked, f"/{hook}", login=basic("metacontroller"))
        assert status == 200


async def test_who_may_not_call_is_counted_as_refused(protect: Protect) -> None:
    async with protect({"basic_auth_users": {"metacontroller": hashed()}}) as hooked:
        await post(hooked, "/sync")
        await post(hooked, "/finalize", login=basic("metacontroller", "wrong"))
        await post(hooked, "/finalize", login=basic("somebody"))
        await post(hooked, "/elsewhere")
        assert refusals(hooked) == {"sync": 1, "finalize": 2, "customize": 0, "none": 1}


async def test_a_rate_limit_is_of_scrapes_and_refuses_no_call(protect: Protect) -> None:
    async with protect({"rate_limit": {"interval": "1h", "burst": 1}}) as hooked:
        assert [(await post(hooked))[0] for _ in range(3)] == [200, 200, 200]


@needs_openssl
async def test_both_together_as_the_chart_s_webhook_has_them(
    protect: Protect, certificates: Certificates
) -> None:
    users = {"basic_auth_users": {"metacontroller": hashed()}}
    async with protect(certificates.server_config() | users) as hooked:
        tls = certificates.client()
        assert (await post(hooked, tls=tls))[0] == 401
        assert (await post(hooked, tls=tls, login=basic("metacontroller")))[0] == 200


@needs_openssl
async def test_where_a_certificate_is_needed_nobody_gets_a_connection_without(
    protect: Protect, certificates: Certificates
) -> None:
    async with protect(certificates.mutual()) as hooked:
        for name in (None, "stranger"):
            with pytest.raises(REFUSED):
                await post(hooked, tls=certificates.client(name))
        assert not hooked.jobs.objects
        assert (await post(hooked, tls=certificates.client("prometheus")))[0] == 200


@needs_openssl
@pytest.mark.parametrize("path", ["/sync", "/finalize", "/customize", "/readyz", "/livez"])
async def test_open_probes_open_nothing_here(
    protect: Protect, certificates: Certificates, path: str
) -> None:
    async with protect(certificates.mutual(), open_probes=True) as hooked:
        status, text = await post(hooked, path, tls=certificates.client())
        assert (status, text) == (403, "A client certificate is needed.\n")
        assert not hooked.seen.changes


# -- what


@pytest.mark.parametrize("hook", ["sync", "finalize", "customize"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_a_hook_is_called_by_post_alone(tmp_path: Path, hook: str, method: str) -> None:
    async with Hooked(tmp_path / "history.db") as hooked:
        answer = await hooked.send(f"/{hook}", CALL, method=method)
        assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
        assert not hooked.seen.changes
        asked = await hooked.send(f"/{hook}", b"", method="OPTIONS")
        assert (asked.status, asked.headers["Allow"]) == (204, "OPTIONS, POST")


@pytest.mark.parametrize("path", ["/", "/sync/", "/SYNC", "/metrics", "/readyz", "/api/v1/crawls"])
async def test_there_is_nothing_else(tmp_path: Path, path: str) -> None:
    async with Hooked(tmp_path / "history.db") as hooked:
        answer = await hooked.send(path, CALL)
        assert (answer.status, answer.text) == (404, "Not Found\n")
        assert not hooked.seen.changes


async def test_a_call_that_means_nothing_is_counted_as_refused(tmp_path: Path) -> None:
    async with Hooked(tmp_path / "history.db") as hooked:
        for path, body, options in (
            ("/sync", b"{}", {}),
            ("/sync", CALL, {"method": "GET"}),
            ("/finalize", CALL, {"content_type": "text/plain"}),
            ("/elsewhere", CALL, {}),
            ("/elsewhere/too", CALL, {}),
        ):
            assert 400 <= (await hooked.send(path, body, **options)).status < 500
        assert (await hooked.send("/sync", b"", method="OPTIONS")).status == 204
        assert (await hooked.send("/sync", CALL)).status == 200
        assert refusals(hooked) == {"sync": 2, "finalize": 1, "customize": 0, "none": 2}


async def test_what_is_no_http_is_answered_without_a_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Hooked(tmp_path / "history.db") as hooked:
        address = hooked.server.addresses[0]
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), WAIT_TIMEOUT)
        writer.close()
        assert b" 400 " in answer
        assert b"Server: browsertrix-exporter" in answer
        assert refusals(hooked) == {"sync": 0, "finalize": 0, "customize": 0, "none": 0}
    assert not caplog.records


async def test_answers_have_the_headers_of_all_others_and_name_no_version(
    protect: Protect,
) -> None:
    headers = {"Strict-Transport-Security": "max-age=1"}
    async with protect({"http_server_config": {"headers": headers}}) as hooked:
        for path in ("/sync", "/elsewhere"):
            answer = await hooked.send(path, CALL)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Strict-Transport-Security"] == "max-age=1"
            assert answer.headers["Server"] == "browsertrix-exporter"


# -- for how long


def begun(body: bytes, *more: str) -> bytes:
    """A call's head, of a body that is to follow."""
    lines = (
        "POST /sync HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode()


@in_virtual_time
async def test_a_body_has_ten_seconds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connect = connecting(monkeypatch)
    body = b'{"object": {"metadata": {"name": "a"}}}'
    async with Hooked(tmp_path / "history.db") as hooked:
        stalled, slow = connect(), connect()
        stalled.send(begun(body) + body[:-1])
        slow.send(begun(body) + body[:-1])
        await asyncio.sleep(9.9)
        assert stalled.written == b""
        slow.send(body[-1:])
        await asyncio.sleep(0.2)
        assert b" 408 " in stalled.written
        assert stalled.written.endswith(b"no whole body within 10 s\n")
        assert b" 200 " in slow.written
        assert hooked.hooks.requests["sync", "refused"] == 1
        await asyncio.sleep(60)
        assert stalled.is_closing(), "what is missing of a body may come as the next request"


async def test_a_call_in_flight_is_answered_at_the_end_and_no_new_one_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked, written = asyncio.Event(), asyncio.Event()

    async def sync(_: Ledger) -> bool:
        asked.set()
        return await written.wait()

    monkeypatch.setattr(Ledger, "sync", sync)
    async with Hooked(tmp_path / "history.db") as hooked:
        address = hooked.server.addresses[0]
        call = asyncio.create_task(hooked.finalize(deleted_wire("a", status=OVER)))
        await asyncio.wait_for(asked.wait(), WAIT_TIMEOUT)
        stopping = asyncio.create_task(hooked.server.stop())
        await until(lambda: not hooked.server.addresses)
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncio.open_connection(address.host, address.port)
        assert not stopping.done()
        written.set()
        assert (await asyncio.wait_for(call, WAIT_TIMEOUT))["finalized"] is True
        await asyncio.wait_for(stopping, WAIT_TIMEOUT)


@in_virtual_time
async def test_a_call_that_stalls_delays_the_end_by_seconds_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connect = connecting(monkeypatch)
    async with Hooked(tmp_path / "history.db") as hooked:
        stalled = connect()
        stalled.send(begun(b"{}"))
        await asyncio.sleep(1)
        await hooked.server.stop()
        assert now() <= 1 + 5.5
        assert stalled.is_closing()
        assert not hooked.seen.changes

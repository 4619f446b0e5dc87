"""Requests through forward proxies, and to hosts that are not the API server."""

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from exporter.cluster.client import ApiClient, ConfigError, RequestError
from exporter.simulator import ApiServer
from support.following import Opened
from support.kubeconfigs import config, write
from support.waiting import until

LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"
SECRET = "s3cr3t"  # noqa: S105 - of no proxy


class ForwardProxy:
    """Answers every request itself, with the status given; keeps what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.answered = 0
        self.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.answered += 1


@pytest.fixture
async def proxy() -> AsyncIterator[ForwardProxy]:
    forward = ForwardProxy()
    server = await asyncio.start_server(forward.handle, "127.0.0.1", 0)
    forward.port = server.sockets[0].getsockname()[1]
    yield forward
    await until(lambda: forward.answered == len(forward.heads))
    server.close()


async def failure(client: ApiClient) -> RequestError:
    with pytest.raises(RequestError) as caught:
        async with client.get(LIST, {}, idle=5) as reply:
            await reply.read()
    return caught.value


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("form", ["http://user:{}@127.0.0.1:{}", "user:{}@127.0.0.1:{}"])
async def test_user_and_password_go_to_the_proxy_and_into_no_text(  # noqa: PLR0917 - fixtures
    scheme: str,
    form: str,
    proxy: ForwardProxy,
    opened: Opened,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = {"server": f"{scheme}://10.9.8.7:6443", "proxy-url": form.format(SECRET, proxy.port)}
    client = await opened(write(tmp_path / "k", config(cluster=cluster)))
    with caplog.at_level(logging.DEBUG):
        error = await failure(client)
    assert SECRET not in str(error)
    assert SECRET not in caplog.text
    (head,) = proxy.heads
    asked = "CONNECT 10.9.8.7:6443" if scheme == "https" else f"GET http://10.9.8.7:6443{LIST}"
    assert head.startswith(f"{asked} HTTP/1.1\r\n")
    expected = base64.b64encode(f"user:{SECRET}".encode()).decode()
    assert f"Proxy-Authorization: Basic {expected}" in head
    assert ("t0ken" in head) == (scheme == "http"), "a tunnel's proxy sees no token"


async def test_the_environments_proxy_is_used_unless_no_proxy_names_the_network(
    proxy: ForwardProxy, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
    away = config(cluster={"server": "https://10.9.8.7:6443"})
    await failure(await opened(write(tmp_path / "away", away)))
    assert len(proxy.heads) == 1
    monkeypatch.setenv("NO_PROXY", "10.9.8.0/24")
    away["clusters"][0]["cluster"]["server"] = "https://10.9.8.7:1"
    monkeypatch.setattr("exporter.cluster.client._CONNECT_TIMEOUT", 0.05)
    await failure(await opened(write(tmp_path / "near", away)))
    assert len(proxy.heads) == 1, "not asked again"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
async def test_a_proxy_that_cannot_be_used_ends_the_start(
    variable: str, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://user:{SECRET}@p:notaport")
    path = write(tmp_path / "k", config(cluster={"server": "https://10.9.8.7"}))
    with pytest.raises(ConfigError, match=f"{variable}: a proxy's address is not") as caught:
        await opened(path)
    assert SECRET not in str(caught.value)


@asynccontextmanager
async def answering(response: web.Response) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server that is none of Kubernetes; its address, and what it was asked."""
    requests: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request)
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}", requests
    finally:
        await runner.cleanup()


async def test_a_redirect_is_refused_and_the_other_host_is_asked_nothing(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    there = web.Response(status=307, headers={"Location": f"{server.url}{LIST}"})
    async with answering(there) as (url, _):
        client = await opened(write(tmp_path / "k", config(cluster={"server": url})))
        error = await failure(client)
    assert error.reason == "refused"
    assert not server.requests
    assert "redirects are not followed" in str(error)


async def test_no_credentials_are_taken_from_netrc(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = write(tmp_path / "netrc", f"machine 127.0.0.1 login root password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with answering(web.json_response({}, status=500)) as (url, requests):
        client = await opened(write(tmp_path / "k", config(cluster={"server": url})))
        await failure(client)
    assert requests[0].headers["Authorization"] == "Bearer t0ken"


async def test_nothing_compressed_is_asked_for_or_read(opened: Opened, tmp_path: Path) -> None:
    """Two megabytes may be two gigabytes."""
    bomb = web.json_response({}, headers={"Content-Encoding": "gzip"})
    async with answering(bomb) as (url, requests):
        client = await opened(write(tmp_path / "k", config(cluster={"server": url})))
        error = await failure(client)
    assert requests[0].headers["Accept-Encoding"] == "identity"
    assert (error.reason, "compressed" in str(error)) == ("not_json", True)


async def test_a_body_without_end_is_cut_off(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.cluster.client.LONGEST_BODY", 100_000)
    async with answering(web.json_response(["x" * 100_000])) as (url, _):
        client = await opened(write(tmp_path / "k", config(cluster={"server": url})))
        assert (await failure(client)).reason == "too_large"

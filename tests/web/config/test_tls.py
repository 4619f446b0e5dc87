"""TLS over real sockets: which clients get a connection, by which version, cipher and curve."""

import asyncio
import contextlib
import logging
import shutil
import socket
import ssl
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from exporter.web import connections
from exporter.web.config.file import WebConfigFile
from support.certificates import certificate, needs_openssl
from support.waiting import WAIT_TIMEOUT, until
from support.web_configs import Certificates, basic, hashed, write_web_config
from support.web_site import Serve, Site

pytestmark = needs_openssl

Start = Callable[..., Awaitable[Site]]
REFUSED: Final = (ConnectionError, ssl.SSLError)
MEGABYTE: Final = b"x" * (1024 * 1024 - 1) + b"\n"


@pytest.fixture
def start(serve: Serve, tmp_path: Path) -> Start:
    async def start(tls: dict[str, Any], *content: bytes, **settings: Any) -> Site:
        path = write_web_config(tmp_path / "web.yml", tls)
        config = WebConfigFile(path, open_probes=settings.get("open_probes", False))
        return await serve(*content, config=config, **settings)

    return start


async def get(
    site: Site, client: ssl.SSLContext, path: str = "/metrics", authorization: str = ""
) -> tuple[int, tuple[str, str]]:
    """The status, and the version and cipher of the connection, which is a new one."""
    async with asyncio.timeout(WAIT_TIMEOUT):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.address.port, ssl=client)
        try:
            secured = writer.get_extra_info("ssl_object")
            headers = f"Host: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode())
            answer = await reader.read(-1)
        finally:
            writer.close()
    if not answer:
        raise ConnectionResetError
    return int(answer.split()[1]), (secured.version(), secured.cipher()[0])


async def is_refused(site: Site, client: ssl.SSLContext) -> bool:
    try:
        await get(site, client)
    except REFUSED:
        return True
    return False


async def test_it_speaks_tls_and_no_plain_http(start: Start, certificates: Certificates) -> None:
    site = await start(certificates.server_config())
    status, (version, _) = await get(site, certificates.client())
    assert (status, version) == (200, "TLSv1.3")
    assert not (await site.raw(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP")


async def test_who_offers_http_2_gets_http_1(start: Start, certificates: Certificates) -> None:
    site = await start(certificates.server_config())
    client = certificates.client()
    client.set_alpn_protocols(["h2", "http/1.1"])
    reader, writer = await asyncio.open_connection("127.0.0.1", site.address.port, ssl=client)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await asyncio.wait_for(reader.read(-1), WAIT_TIMEOUT)).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        ("NoClientCert", (None, "prometheus", "stranger")),
        ("RequestClientCert", (None, "prometheus", "stranger")),
        ("RequireAnyClientCert", ("prometheus",)),
        ("VerifyClientCertIfGiven", (None, "prometheus")),
        ("RequireAndVerifyClientCert", ("prometheus",)),
    ],
)
async def test_who_is_admitted_by_which_policy(
    start: Start, certificates: Certificates, policy: str, admitted: tuple[str | None, ...]
) -> None:
    ca = {} if policy == "NoClientCert" else certificates.mutual()["tls_server_config"]
    site = await start(certificates.server_config(**ca | {"client_auth_type": policy}))
    for name in (None, "prometheus", "stranger"):
        assert await is_refused(site, certificates.client(name)) == (name not in admitted), name


@pytest.mark.parametrize(
    ("sans", "admitted"),
    [
        (["one", "prometheus", "two"], True),
        (["::1"], True),
        (["0:0:0:0:0:0:0:1"], True),
        (["scrapes@example.org"], True),
        (["spiffe://cluster/prometheus"], True),
        (["bad"], False),
        (["Prometheus"], False),
        (["*"], False),
    ],
)
async def test_a_client_needs_one_of_the_allowed_names(
    start: Start,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
    sans: list[str],
    admitted: bool,
) -> None:
    site = await start(certificates.mutual(client_allowed_sans=sans))
    assert await is_refused(site, certificates.client("prometheus")) is not admitted
    texts = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert texts == ([] if admitted else ["a client's certificate has none of client_allowed_sans"])


async def test_where_names_are_allowed_nobody_is_admitted_without_one(
    start: Start, certificates: Certificates
) -> None:
    content = certificates.mutual(client_allowed_sans=["prometheus"])
    content["tls_server_config"]["client_auth_type"] = "VerifyClientCertIfGiven"
    site = await start(content)
    assert await is_refused(site, certificates.client())
    assert not await is_refused(site, certificates.client("prometheus"))


async def test_open_probes_need_no_certificate_and_all_else_does(
    start: Start, certificates: Certificates
) -> None:
    content = certificates.mutual(client_allowed_sans=["prometheus"])
    site = await start(content, open_probes=True)
    nobody, prometheus = certificates.client(), certificates.client("prometheus")
    assert [(await get(site, nobody, path))[0] for path in ("/livez", "/readyz")] == [200, 200]
    assert [(await get(site, nobody, path))[0] for path in ("/metrics", "/", "/x")] == [403] * 3
    assert (await get(site, prometheus))[0] == 200
    assert await is_refused(site, certificates.client("stranger"))


def old(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


async def test_versions_are_those_asked_for(start: Start, certificates: Certificates) -> None:
    tls11, tls12 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2
    site = await start(certificates.server_config())
    assert await is_refused(site, old(certificates.client(), tls11))
    assert (await get(site, old(certificates.client(), tls12)))[1][0] == "TLSv1.2"
    site = await start(certificates.server_config(min_version="TLS13"))
    assert await is_refused(site, old(certificates.client(), tls12))
    site = await start(certificates.server_config(max_version="TLS12"))
    assert (await get(site, certificates.client()))[1][0] == "TLSv1.2"
    site = await start(certificates.server_config(min_version="TLS10"))
    assert (await get(site, old(certificates.client(), tls11)))[1][0] == "TLSv1.1"


async def test_ciphers_are_those_asked_for(start: Start, certificates: Certificates) -> None:
    def client(*ciphers: str) -> ssl.SSLContext:
        context = certificates.client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(":".join(ciphers))
        return context

    one, two = "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"
    suites = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]
    site = await start(certificates.server_config(cipher_suites=suites))
    assert (await get(site, client(one, two)))[1][1] == two, "the server's order"
    assert await is_refused(site, client("ECDHE-RSA-CHACHA20-POLY1305"))
    site = await start(
        certificates.server_config(cipher_suites=suites, prefer_server_cipher_suites=False)
    )
    assert (await get(site, client(one, two)))[1][1] == one, "the client's order"
    site = await start(certificates.server_config(cipher_suites=["TLS_AES_128_GCM_SHA256"]))
    assert await is_refused(site, client(one, two))
    assert (await get(site, certificates.client()))[1][0] == "TLSv1.3"


async def test_a_curve_is_the_one_asked_for(start: Start, certificates: Certificates) -> None:
    def client(curve: str) -> ssl.SSLContext:
        context = certificates.client()
        context.set_ecdh_curve(curve)
        return context

    site = await start(certificates.server_config(curve_preferences=["CurveP521"]))
    assert not await is_refused(site, client("secp521r1"))
    assert await is_refused(site, client("secp384r1"))


async def test_a_renewed_certificate_is_shown_to_the_next_connection_and_the_open_ones_stay(
    start: Start, certificates: Certificates, tmp_path: Path
) -> None:
    for kind in ("crt", "key"):
        shutil.copy(certificates.folder / f"server.{kind}", tmp_path / f"tls.{kind}")
    site = await start({"tls_server_config": {"cert_file": "tls.crt", "key_file": "tls.key"}})
    url = f"https://127.0.0.1:{site.address.port}/metrics"
    before = certificates.client()
    async with aiohttp.ClientSession() as kept:
        async with kept.get(url, ssl=before) as response:
            assert response.status == 200
        crt, key = certificate(tmp_path, "renewed")
        crt.replace(tmp_path / "tls.crt")
        key.replace(tmp_path / "tls.key")
        assert await is_refused(site, before)
        after = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        assert (await get(site, after))[0] == 200
        async with kept.get(url, ssl=before) as response:
            assert response.status == 200, "the open connection"


async def test_who_is_no_more_believed_is_refused_whatever_session_it_has(
    start: Start, certificates: Certificates, tmp_path: Path
) -> None:
    site = await start(certificates.mutual())
    client = certificates.client("prometheus")
    assert (await get(site, client))[0] == 200
    content = certificates.mutual()
    content["tls_server_config"]["client_ca_file"] = str(certificates.folder / "stranger.crt")
    write_web_config(tmp_path / "web.yml", content)
    assert await is_refused(site, client)
    assert (await get(site, certificates.client("stranger")))[0] == 200


async def test_password_and_certificate_are_both_needed_where_both_are_asked_for(
    start: Start, certificates: Certificates
) -> None:
    site = await start(certificates.mutual() | {"basic_auth_users": {"alice": hashed()}})
    client = certificates.client("prometheus")
    assert (await get(site, client))[0] == 401
    assert (await get(site, client, authorization=basic("alice")))[0] == 200
    assert await is_refused(site, certificates.client())


async def test_a_large_scrape_comes_whole(start: Start, certificates: Certificates) -> None:
    site = await start(certificates.server_config(), *[MEGABYTE] * 20)
    url = f"https://127.0.0.1:{site.address.port}/metrics"
    async with site.session.get(url, ssl=certificates.client()) as response:
        assert len(await response.read()) == 20 * len(MEGABYTE)
    assert [size for _, size, _ in site.on_scrape] == [20 * len(MEGABYTE)]


async def test_a_slow_client_has_its_whole_scrape_when_the_server_stops(
    start: Start, certificates: Certificates
) -> None:
    """The last of it lies in buffers of TLS and of the socket when its request has ended."""
    site = await start(certificates.server_config(), *[MEGABYTE] * 4, grace=WAIT_TIMEOUT)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.address.port, ssl=certificates.client(), limit=4096
    )
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    stopping = asyncio.create_task(site.server.stop())
    size = 0
    while chunk := await asyncio.wait_for(reader.read(65536), WAIT_TIMEOUT):
        size += len(chunk)
        await asyncio.sleep(0)
    await asyncio.wait_for(stopping, WAIT_TIMEOUT)
    assert size == 4 * len(MEGABYTE)
    writer.close()


async def test_idle_connections_and_handshakes_do_not_delay_the_end(
    start: Start, certificates: Certificates
) -> None:
    site = await start(certificates.server_config(), grace=1000.0)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.address.port, ssl=certificates.client()
    )
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"ok\n")
    _, silent = await site.connect()
    of_server = site.server._listener.connections
    assert of_server is not None
    await until(lambda: len(of_server._open) == 2 or None)
    await asyncio.wait_for(site.server.stop(), WAIT_TIMEOUT)
    writer.close()
    silent.close()


async def test_handshakes_do_not_take_the_place_of_who_is_connected(
    start: Start, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    site = await start(certificates.server_config())
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", site.address.port, ssl=certificates.client()
    )
    silent = [await site.connect() for _ in range(6)]
    for early, _ in silent[:4]:
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(early.read(-1), WAIT_TIMEOUT) == b""
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await asyncio.wait_for(reader.readuntil(b"ok\n"), WAIT_TIMEOUT)).startswith(b"HTTP")
    assert (await get(site, certificates.client()))[0] == 200, "there is room for more"
    for _, one in (*silent, (reader, writer)):
        one.close()


async def test_a_handshake_under_way_holds_up_nobody(
    start: Start, certificates: Certificates
) -> None:
    site = await start(certificates.server_config())
    halves = [await site.connect() for _ in range(20)]
    for _, half in halves:
        half.write(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
    assert (await get(site, certificates.client()))[0] == 200
    for _, half in halves:
        half.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_resumed_session_has_the_certificate_it_began_with(
    start: Start, certificates: Certificates, version: ssl.TLSVersion
) -> None:
    site = await start(certificates.mutual(client_allowed_sans=["prometheus"]))
    client = certificates.client("prometheus")
    client.maximum_version = version

    def connect(session: ssl.SSLSession | None) -> tuple[bytes, bool | None, ssl.SSLSession | None]:
        with (
            socket.create_connection(("127.0.0.1", site.address.port)) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secured,
        ):
            secured.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            return secured.recv(4096), secured.session_reused, secured.session

    first, reused, session = await asyncio.to_thread(connect, None)
    assert (first[:12], reused) == (b"HTTP/1.1 200", False)
    second, reused, _ = await asyncio.to_thread(connect, session)
    assert (second[:12], reused) == (b"HTTP/1.1 200", True)

"""TLS and credentials for Alertmanager: read again when their files change, and never shown."""

import base64
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest

from exporter.alerting.client import AlertmanagerClient
from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import Credentials, HTTPClientConfig, HTTPClientConfigError
from exporter.runtime.http_errors import RequestError
from exporter.runtime.proxies import ProxyConfig
from support.alert_receiver import Receiver
from support.certificates import certificate, needs_openssl


def write(path: Path, text: str) -> Path:
    """Replace a file as Kubernetes rotates them: at once, as another one."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)
    return path


async def post(receiver: Receiver, credentials: Credentials) -> None:
    async with AlertmanagerClient(Endpoint.of(receiver.url), credentials, ProxyConfig()) as client:
        await client.post([])


async def authorizations(credentials: Credentials) -> list[str | None]:
    async with Receiver() as receiver:
        await post(receiver, credentials)
    return [request.headers.get("Authorization") for request in receiver.seen]


async def test_basic_authentication(tmp_path: Path) -> None:
    password = write(tmp_path / "password", "pä:ss\n")
    credentials = Credentials(HTTPClientConfig(username="exporter", password_file=password))

    (header,) = await authorizations(credentials)

    assert header == f"Basic {base64.b64encode('exporter:pä:ss'.encode()).decode()}"


async def test_a_token_is_read_again_when_it_is_rotated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = write(tmp_path / "token", "first\n")
    credentials = Credentials(HTTPClientConfig(bearer_token_file=token))
    assert await authorizations(credentials) == ["Bearer first"]

    write(token, "second")
    assert await authorizations(credentials) == ["Bearer second"]

    with caplog.at_level(logging.WARNING):
        write(token, "")
        assert await authorizations(credentials) == ["Bearer second"]
        assert await authorizations(credentials) == ["Bearer second"]
        token.unlink()
        assert await authorizations(credentials) == ["Bearer second"]
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert {record.getMessage() for record in warnings} == {
        "files for Alertmanager cannot be used, keeping what was read before"
    }
    assert [vars(record)["error"] for record in warnings] == [
        f"{token}: is empty, or holds more than one line",
        f"{token}: No such file or directory",
    ]

    write(token, "third")
    assert await authorizations(credentials) == ["Bearer third"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file or directory"),
        (b"", "is empty, or holds more than one line"),
        (b"secret\nsecret", "is empty, or holds more than one line"),
        (b"secret\xff", "is no text file"),
    ],
)
def test_a_bad_secret_is_named_and_not_shown(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(HTTPClientConfigError) as raised:
        Credentials(HTTPClientConfig(bearer_token_file=file))

    assert str(raised.value) == f"{file}: {complaint}"


@pytest.mark.parametrize("what", ["ca_file", "cert_file", "key_file"])
def test_a_missing_certificate_is_named(tmp_path: Path, what: str) -> None:
    present = write(tmp_path / "present", "")
    files: dict[str, Any] = {"cert_file": present, "key_file": present} | {what: tmp_path / "no"}

    with pytest.raises(HTTPClientConfigError, match=f"^{tmp_path}/no: No such file or directory$"):
        Credentials(HTTPClientConfig(**files))


def test_what_is_no_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTTPClientConfigError, match=f"^{tmp_path}/ca: cannot be used for TLS: "):
        Credentials(HTTPClientConfig(ca_file=write(tmp_path / "ca", "secret")))


# TLS ------------------------------------------------------------------------------------------


def certificate_of(folder: Path, name: str) -> tuple[Path, Path]:
    return certificate(folder, name, host=f"DNS:{name}")


def server_tls(files: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


@needs_openssl
async def test_a_server_is_verified_by_the_ca_and_the_name(tmp_path: Path) -> None:
    server = certificate_of(tmp_path, "alertmanager")
    async with Receiver(tls=server_tls(server)) as receiver:
        await post(
            receiver, Credentials(HTTPClientConfig(ca_file=server[0], server_name="alertmanager"))
        )
        for bad in (
            HTTPClientConfig(),
            HTTPClientConfig(ca_file=server[0]),
            HTTPClientConfig(ca_file=server[0], server_name="other"),
        ):
            with pytest.raises(RequestError) as raised:
                await post(receiver, Credentials(bad))
            assert raised.value.reason == "tls"

    assert len(receiver.posts) == 1


@needs_openssl
async def test_a_client_certificate_is_shown_and_rotated(tmp_path: Path) -> None:
    server, one, two = (certificate_of(tmp_path, name) for name in ("server", "one", "two"))
    cert, key = (write(tmp_path / f"client{path.suffix}", path.read_text()) for path in one)
    credentials = Credentials(
        HTTPClientConfig(ca_file=server[0], server_name="server", cert_file=cert, key_file=key)
    )
    async with Receiver(tls=server_tls(server, clients=one[0])) as receiver:
        await post(receiver, credentials)
    for path in two:
        write(tmp_path / f"client{path.suffix}", path.read_text(encoding="utf-8"))
    async with Receiver(tls=server_tls(server, clients=two[0])) as other:
        await post(other, credentials)

    assert (len(receiver.posts), len(other.posts)) == (1, 1)


@needs_openssl
async def test_without_a_client_certificate_the_connection_is_refused(tmp_path: Path) -> None:
    server, client = (certificate_of(tmp_path, name) for name in ("server", "client"))
    http_config = HTTPClientConfig(ca_file=server[0], server_name="server")
    async with Receiver(tls=server_tls(server, clients=client[0])) as receiver:
        with pytest.raises(RequestError) as raised:
            await post(receiver, Credentials(http_config))

    assert raised.value.reason in ("tls", "cut")
    assert receiver.posts == []


@needs_openssl
def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "client", encrypted=True)

    with pytest.raises(HTTPClientConfigError, match="cannot be used for TLS"):
        Credentials(HTTPClientConfig(cert_file=cert, key_file=key))


async def test_credentials_do_not_follow_a_redirect(tmp_path: Path) -> None:
    token = write(tmp_path / "token", "secret")
    async with (
        Receiver() as elsewhere,
        Receiver(status=307, headers={"Location": elsewhere.url}) as receiver,
    ):
        with pytest.raises(RequestError) as raised:
            await post(receiver, Credentials(HTTPClientConfig(bearer_token_file=token)))

    assert raised.value.reason == "redirected"
    assert elsewhere.seen == []


async def test_further_headers_are_sent_and_their_files_read_again(tmp_path: Path) -> None:
    """A tenant of Mimir or Cortex is named by one."""
    key = write(tmp_path / "key", "first\n")
    credentials = Credentials(
        HTTPClientConfig(headers=[("X-Scope-OrgID", "archive")], header_files=[("X-Key", key)])
    )
    async with Receiver() as receiver:
        await post(receiver, credentials)
        write(key, "second")
        await post(receiver, credentials)
    sent = [(one.headers["X-Scope-OrgID"], one.headers["X-Key"]) for one in receiver.seen]
    assert sent == [("archive", "first"), ("archive", "second")]


async def test_the_first_line_of_a_refusal_is_in_its_text() -> None:
    async with Receiver(status=401, body="no org id\nand more") as receiver:
        with pytest.raises(RequestError, match=r"it answered 401: no org id$"):
            await post(receiver, Credentials(HTTPClientConfig()))


@pytest.mark.parametrize("depth", [3000, 100_000])
async def test_a_deeply_nested_refusal_is_one_all_the_same(depth: int) -> None:
    headers = {"Content-Type": "application/json"}
    async with Receiver(status=400, body="[" * depth, headers=headers) as receiver:
        with pytest.raises(RequestError, match=r"it answered 400$"):
            await post(receiver, Credentials(HTTPClientConfig()))

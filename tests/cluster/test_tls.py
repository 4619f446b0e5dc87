"""Authorities and client certificates, from files and from the kubeconfig itself."""

import os
import ssl
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from exporter.cluster.client import ApiClient
from exporter.cluster.credentials import ConfigError, Kubeconfig
from exporter.simulator import ApiServer, Cluster
from support.certificates import certificate, needs_openssl
from support.following import Opened
from support.kubeconfigs import TOKEN, config, write

pytestmark = needs_openssl

LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"


async def get(client: ApiClient) -> bytes:
    async with client.get(LIST, {}, idle=5) as reply:
        return await reply.read()


def data(file: Path) -> str:
    return b64encode(file.read_bytes()).decode()


@pytest.fixture
async def strict_server(cluster: Cluster, tmp_path: Path) -> AsyncIterator[ApiServer]:
    """A server that talks to nobody without the certificate client.crt."""
    cert, key = certificate(tmp_path, "server")
    client, _ = certificate(tmp_path, "client")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    async with ApiServer(cluster, ssl_context=context, tokens={TOKEN}) as server:
        yield server


@pytest.fixture
def embedded(strict_server: ApiServer, tmp_path: Path) -> dict[str, Any]:
    """A kubeconfig with all certificates in it."""
    return config(
        {
            "token": TOKEN,
            "client-certificate-data": data(tmp_path / "client.crt"),
            "client-key-data": data(tmp_path / "client.key"),
        },
        {
            "server": strict_server.url,
            "certificate-authority-data": data(tmp_path / "server.crt"),
        },
    )


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no directory for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")


@pytest.mark.usefixtures("nowhere")
async def test_certificates_in_a_kubeconfig_need_no_place_for_files(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any]
) -> None:
    client = await opened(write(tmp_path / "k", embedded))
    assert b"CrawlJobList" in await get(client)


async def test_certificates_in_files_are_used(
    strict_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    user = {"token": TOKEN, "client-certificate": "client.crt", "client-key": "client.key"}
    cluster = {"server": strict_server.url, "certificate-authority": "server.crt"}
    client = await opened(write(tmp_path / "k", config(user, cluster)))
    assert b"CrawlJobList" in await get(client)


async def test_where_no_file_can_lie_in_memory_none_is_left_on_disk(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str) -> NoReturn:
        raise PermissionError(1, name)

    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(os, "memfd_create", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    client = await opened(write(tmp_path / "k", embedded))
    assert b"CrawlJobList" in await get(client)
    assert list((tmp_path / "temporary").iterdir()) == []


async def test_where_no_file_can_lie_anywhere_one_line_says_so(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"client-key-data: .*No such file.*nowhere") as caught:
        await opened(write(tmp_path / "k", embedded))
    assert "\n" not in str(caught.value)


async def test_no_file_stays_open(opened: Opened, tmp_path: Path, embedded: dict[str, Any]) -> None:
    await opened(write(tmp_path / "k", embedded))
    links = [
        str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()
    ]
    assert not [link for link in links if "memfd:tls" in link]


async def test_a_data_field_goes_before_the_file_beside_it(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any]
) -> None:
    embedded["clusters"][0]["cluster"]["certificate-authority"] = "absent"
    embedded["users"][0]["user"] |= {"client-certificate": "absent", "client-key": "absent"}
    client = await opened(write(tmp_path / "k", embedded))
    assert b"CrawlJobList" in await get(client)


async def test_a_token_that_is_rotated_after_tmp_was_cleaned_is_read(
    tls_server: ApiServer, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    token = write(tmp_path / "token", "one")
    authority = data(tmp_path / "server.crt")
    cluster = {"server": tls_server.url, "certificate-authority-data": authority}
    client = await opened(write(tmp_path / "k", config({"tokenFile": "token"}, cluster)))
    await get(client)
    for file in temporary.iterdir():
        file.unlink()
    tls_server.tokens = {"another"}
    write(token, "another")
    assert b"CrawlJobList" in await get(client)


async def test_other_content_makes_a_new_session_and_the_same_content_none(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any]
) -> None:
    path = write(tmp_path / "k", embedded)
    source = Kubeconfig([path], None)
    client = await opened(source)
    first = client._session
    path.touch()
    assert source.stale()
    await get(client)
    assert client._session is first
    other, _ = certificate(tmp_path, "other")
    both = (tmp_path / "server.crt").read_bytes() + other.read_bytes()
    cluster = embedded["clusters"][0]["cluster"]
    cluster["certificate-authority-data"] = b64encode(both).decode()
    write(path, embedded)
    await get(client)
    assert client._session is not first


async def test_an_authority_of_a_kubeconfig_is_believed_alone(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any]
) -> None:
    other, _ = certificate(tmp_path, "other")
    embedded["clusters"][0]["cluster"]["certificate-authority-data"] = data(other)
    client = await opened(write(tmp_path / "k", embedded))
    with pytest.raises(Exception, match="certificate verify failed"):
        await get(client)


async def test_comments_beside_a_certificate_may_be_any_text(
    tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    authority = tmp_path / "server.crt"
    authority.write_text(f"# Zertifizierungsstelle für Köln\n{authority.read_text()}")
    client = await opened(tls_server.write_kubeconfig(tmp_path / "k", "one", authority=authority))
    assert b"CrawlJobList" in await get(client)


async def test_an_empty_authority_does_not_stand_for_all_of_the_systems(
    tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    empty = write(tmp_path / "empty.crt", "")
    path = tls_server.write_kubeconfig(tmp_path / "k", "one", authority=empty)
    with pytest.raises(ConfigError, match=r"cannot use the certificates in .*empty\.crt"):
        await opened(path)


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "of another certificate"])
async def test_a_key_that_cannot_be_used_is_an_error_that_names_its_field(
    opened: Opened, tmp_path: Path, embedded: dict[str, Any], encrypted: bool
) -> None:
    _, key = certificate(tmp_path, "other", encrypted=encrypted)
    embedded["users"][0]["user"]["client-key-data"] = data(key)
    with pytest.raises(ConfigError, match=r"certificates in .*client-key-data: ") as caught:
        await opened(write(tmp_path / "k", embedded))
    assert data(key) not in str(caught.value)

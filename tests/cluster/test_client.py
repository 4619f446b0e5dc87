"""Requests with credentials that are always fresh."""

import json
import logging
import shutil
from pathlib import Path

import pytest

from exporter import __version__
from exporter.cluster.client import REASONS, ApiClient, RequestError
from exporter.cluster.credentials import ConfigError, InCluster, Kubeconfig
from exporter.simulator import ApiServer, Cluster
from support.certificates import certificate, needs_openssl
from support.factories import crawljob
from support.following import Follow, Opened
from support.kubeconfigs import config, plugin, write
from support.waiting import until

LIST = "/apis/btrix.cloud/v1/namespaces/crawlers/crawljobs"


async def get(connection: ApiClient) -> bytes:
    async with connection.get(LIST, {}, idle=5) as reply:
        return await reply.read()


async def failure(connection: ApiClient) -> RequestError:
    with pytest.raises(RequestError) as caught:
        await get(connection)
    return caught.value


async def test_it_says_who_it_is_and_what_it_wants(
    server: ApiServer, connection: ApiClient
) -> None:
    body = json.loads(await get(connection))
    assert body["kind"] == "CrawlJobList"
    headers = server.requests[-1].headers
    assert headers["User-Agent"] == f"browsertrix-exporter/{__version__}"
    assert headers["Accept"] == "application/json"
    assert connection.server == server.url


async def test_a_query_is_encoded(server: ApiServer, connection: ApiClient) -> None:
    query = {"labelSelector": "role in (job,qa-job),btrix.org!=a-b"}
    async with connection.get(LIST, query, idle=5) as reply:
        await reply.read()
    assert server.requests[-1].query == query


async def test_a_changed_token_is_used_by_the_next_request(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    server.tokens = {"one"}
    connection = await opened(server.write_kubeconfig(tmp_path / "k", "one"))
    await get(connection)
    server.tokens = {"another"}
    server.write_kubeconfig(tmp_path / "k", "another")
    await get(connection)
    assert len(server.requests) == 2  # nothing was refused


async def test_a_plugin_is_asked_again_when_its_token_is_refused(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    server.tokens = {"t1"}
    value = config(plugin(tmp_path, {"token": "t"}), {"server": server.url})
    connection = await opened(write(tmp_path / "k", value))
    await get(connection)
    await get(connection)
    server.tokens = {"t2"}
    await get(connection)
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer t1", "Bearer t1", "Bearer t1", "Bearer t2"]


async def test_a_watch_that_starts_after_an_expiry_has_a_new_token(
    server: ApiServer, opened: Opened, tmp_path: Path, follow: Follow
) -> None:
    server.tokens = {"t1"}
    value = config(plugin(tmp_path, {"token": "t"}, seconds=3600), {"server": server.url})
    source = Kubeconfig([write(tmp_path / "k", value)], None)
    connection = await opened(source)
    reflector, recorder = follow(through=connection)
    await until(lambda: recorder.syncs and server.streams == 1)
    server.tokens = {"t2"}
    source._renew_at = 0.0
    server.faults.cut()
    await until(lambda: reflector.stats.watches == 2)
    assert reflector.stats.reconnects["unauthorized"] == 0


async def test_credentials_refused_for_good_are_reported(
    server: ApiServer,
    opened: Opened,
    tmp_path: Path,
    follow: Follow,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.tokens = {"right"}
    connection = await opened(server.write_kubeconfig(tmp_path / "k", "wrong"))
    reflector, recorder = follow(through=connection)
    await until(lambda: reflector.stats.list_failures["unauthorized"] >= 3)
    assert reflector.last_error == ("the API server answered 401: the credentials are not accepted")
    assert "wrong" not in caplog.text
    server.write_kubeconfig(tmp_path / "k", "right")
    await until(lambda: recorder.syncs)


async def test_a_kubeconfig_broken_later_does_not_end_what_works(
    server: ApiServer, opened: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.tokens = {"one"}
    connection = await opened(server.write_kubeconfig(tmp_path / "k", "one"))
    (tmp_path / "k").write_text("clusters: [")
    await get(connection)
    await get(connection)
    assert [record.getMessage() for record in caplog.records] == [
        f"Keeping the credentials in use: kubeconfig {tmp_path / 'k'}: not valid YAML at line 1"
    ]
    server.tokens = {"two"}
    server.write_kubeconfig(tmp_path / "k", "two")
    await get(connection)


async def test_a_token_that_no_header_can_carry_is_a_configuration_error(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="characters that no token can have"):
        await opened(server.write_kubeconfig(tmp_path / "k", "one\ntwo"))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (400, "refused"),
        (403, "forbidden"),
        (404, "not_found"),
        (410, "expired"),
        (429, "too_many_requests"),
        (500, "server_error"),
        (503, "server_error"),
    ],
)
async def test_every_refusal_has_one_of_a_few_reasons(
    server: ApiServer, connection: ApiClient, code: int, reason: str
) -> None:
    server.faults.refuse(code, body=b"<html>" if code == 503 else None, retry_after=7)
    error = await failure(connection)
    assert error.reason == reason
    assert reason in REASONS
    assert error.retry_after == 7.0
    assert str(code) in str(error)


async def test_the_message_of_a_refusal_does_not_name_the_user(
    server: ApiServer, connection: ApiClient
) -> None:
    status = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": "User a@example.org"}
    server.faults.refuse(403, body=json.dumps(status).encode())
    assert str(await failure(connection)) == "the API server answered 403"


async def test_a_version_from_the_future_counts_as_expired(
    server: ApiServer, connection: ApiClient
) -> None:
    details = {"causes": [{"reason": "ResourceVersionTooLarge"}]}
    status = {"kind": "Status", "code": 504, "reason": "Timeout", "details": details}
    server.faults.refuse(504, body=json.dumps(status).encode())
    assert (await failure(connection)).reason == "expired"


async def test_a_server_that_is_not_there_is_unreachable(
    server: ApiServer, connection: ApiClient
) -> None:
    await server.stop()
    assert (await failure(connection)).reason == "unreachable"


async def test_a_path_before_the_api_is_kept(
    server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    value = config(cluster={"server": f"{server.url}/k8s/clusters/c-1/"})
    connection = await opened(write(tmp_path / "k", value))
    assert (await failure(connection)).reason == "not_found"
    assert server.requests[-1].path == f"/k8s/clusters/c-1{LIST}"


async def test_nothing_is_logged_of_the_token(
    server: ApiServer, opened: Opened, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = await opened(server.write_kubeconfig(tmp_path / "k", "s3cret"))
    await get(connection)
    server.faults.refuse(500)
    await failure(connection)
    await connection.close()
    assert "s3cret" not in caplog.text


# -- TLS


@needs_openssl
async def test_an_unknown_certificate_is_a_tls_failure(
    tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    other, _ = certificate(tmp_path, "other")
    path = tls_server.write_kubeconfig(tmp_path / "k", "one", authority=other)
    connection = await opened(path)
    error = await failure(connection)
    assert error.reason == "tls"
    assert "certificate verify failed" in str(error)


@needs_openssl
async def test_a_pod_follows_the_rotation_of_its_token_and_its_authority(
    tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    folder = tmp_path / "service_account"
    folder.mkdir()
    write(folder / "token", "one\n")
    shutil.copy(tmp_path / "server.crt", folder / "ca.crt")
    port = tls_server.url.rpartition(":")[2]
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}
    connection = await opened(InCluster(str(folder / "token"), str(folder / "ca.crt"), environ))
    await get(connection)

    tls_server.tokens = {"two"}
    write(folder / "token", "")  # halfway through: the old token is all there is
    assert (await failure(connection)).reason == "unauthorized"
    write(folder / "token", "two\n")
    await get(connection)

    other, _ = certificate(tmp_path, "other")
    shutil.copy(other, folder / "ca.crt")
    assert (await failure(connection)).reason == "tls"
    shutil.copy(tmp_path / "server.crt", folder / "ca.crt")
    await get(connection)


@needs_openssl
async def test_a_new_certificate_does_not_cut_the_watches_on_the_old_one(
    cluster: Cluster, tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    authority = tmp_path / "server.crt"
    path = tls_server.write_kubeconfig(tmp_path / "k", "one", authority=authority)
    connection = await opened(path)
    before = connection._session
    async with connection.get(LIST, {"watch": "1", "resourceVersion": "0"}, idle=5) as reply:
        other, _ = certificate(tmp_path, "other")
        authority.write_text(authority.read_text() + other.read_text())
        await get(connection)
        assert connection._session is not before
        cluster.create(crawljob())
        assert (await reply.read_chunk()).startswith(b'{"type":"ADDED"')
    assert before is not None
    assert before.client.closed


@needs_openssl
async def test_a_bad_certificate_is_a_configuration_error(
    tls_server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    bad = write(tmp_path / "bad.crt", "no certificate")
    path = tls_server.write_kubeconfig(tmp_path / "k", "one", authority=bad)
    with pytest.raises(ConfigError, match=r"cannot use the certificates in .*bad\.crt"):
        await opened(path)


async def test_a_closed_connection_leaves_nothing_open(
    cluster: Cluster, server: ApiServer, opened: Opened, tmp_path: Path
) -> None:
    cluster.create(crawljob())
    connection = await opened(server.write_kubeconfig(tmp_path / "k", "one"))
    async with connection.get(LIST, {"watch": "1", "resourceVersion": "1"}, idle=5):
        await until(lambda: server.streams == 1)
        await connection.close()
    await until(lambda: server.streams == 0)
    assert str(await failure(connection)) == "the connection is closed"

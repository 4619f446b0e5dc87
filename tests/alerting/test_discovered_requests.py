"""A request to an address is one to the name: Host, certificate, proxy, headers and what is logged;
with a real DNS server.
"""

import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from pathlib import Path

import dns.rcode
import pytest

from exporter.alerting.endpoint import Endpoint
from exporter.alerting.http_config import HTTPClientConfig
from exporter.alerting.resolver import SystemResolver
from exporter.runtime.proxies import Proxy, ProxyConfig
from support.alert_receiver import Receiver
from support.alert_sender import crawls
from support.certificates import certificate, needs_openssl
from support.discovered import Discovered, ScriptedResolver
from support.dns_server import HOST, DNSServer
from support.waiting import until

ONE, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
SRV = "_web._tcp.am.test"


def told(receiver: Receiver) -> list[str]:
    return sorted(chain.from_iterable(crawls(receiver.posts)))


def hosts(receiver: Receiver) -> set[str]:
    return {request.headers["Host"] for request in receiver.seen}


@pytest.fixture
async def server() -> AsyncIterator[DNSServer]:
    async with (server := DNSServer()).running():
        yield server


@pytest.fixture
def system(server: DNSServer) -> Iterator[SystemResolver]:
    """The system's resolver, which asks the server of the test."""
    with server.as_the_systems():
        yield SystemResolver([(HOST, server.port)])


async def test_members_of_a_cluster_come_and_leave_by_their_addresses(
    server: DNSServer, system: SystemResolver
) -> None:
    async with (
        Receiver() as one,
        Receiver(OTHER, port=one.port) as other,
        Receiver(THIRD, port=one.port) as third,
    ):
        server.records = {"am.test": {"A": [ONE, OTHER]}}
        found = Discovered(f"dns+http://am.test:{one.port}", system)
        async with found.running():
            found.finish("a")
            await until(lambda: told(one) == told(other) == ["a"])

            server.records = {"am.test": {"A": [OTHER, THIRD]}}
            found.resolve()
            await until(lambda: told(third) == ["a"])
            found.finish("b")
            await until(lambda: told(other) == told(third) == ["a", "b"])
            assert told(one) == ["a"]

    assert hosts(one) == hosts(other) == hosts(third) == {f"am.test:{one.port}"}


async def test_a_server_that_is_silent_for_a_while_costs_no_alert(
    server: DNSServer, system: SystemResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.alerting.resolver.TIMEOUT", 0.1)
    async with Receiver() as one, Receiver() as other:
        server.silent = True
        server.records = {
            SRV: {"SRV": [f"0 0 {one.port} am-0.test.", f"0 0 {other.port} am-1.test."]},
            "am-0.test": {"A": [ONE]},
            "am-1.test": {"A": [ONE]},
        }
        found = Discovered(f"dnssrv+http://{SRV}/prefix", system)
        found.finish("a")
        async with found.running():
            await until(lambda: found.discovery.failures["timeout"] >= 2)
            assert found.discovery.failing
            server.silent = False
            await until(lambda: told(one) == told(other) == ["a"])

            server.silent = True
            found.resolve()
            await until(lambda: found.discovery.failures["timeout"] >= 4)
            server.silent, server.rcode = False, dns.rcode.SERVFAIL
            await until(lambda: found.discovery.failures["failed"] >= 2)
            found.finish("b")
            await until(lambda: told(one) == told(other) == ["a", "b"])

    assert hosts(one) == {f"am-0.test:{one.port}"}
    assert hosts(other) == {f"am-1.test:{other.port}"}
    assert {request.path for request in one.seen} == {"/prefix/api/v2/alerts"}


def serving(folder: Path, name: str) -> ssl.SSLContext:
    """With a certificate for NAME.test, which is in NAME.crt."""
    paths = certificate(folder, name, host=f"DNS:{name}.test")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*paths)
    return context


@needs_openssl
async def test_a_certificate_is_verified_against_the_name(
    tmp_path: Path, server: DNSServer, system: SystemResolver
) -> None:
    tls = serving(tmp_path, "am")
    http_config = HTTPClientConfig(ca_file=tmp_path / "am.crt")
    server.records = {"am.test": {"A": [ONE, OTHER]}, "else.test": {"A": [ONE]}}
    async with Receiver(tls=tls) as one, Receiver(OTHER, tls=tls, port=one.port) as other:
        found = Discovered(f"dns+https://am.test:{one.port}", system, http_config=http_config)
        found.finish("a")
        async with found.running():
            await until(lambda: told(one) == told(other) == ["a"])
        assert hosts(one) == {f"am.test:{one.port}"}

        wrong = Discovered(f"dns+https://else.test:{one.port}", system, http_config=http_config)
        async with wrong.running():
            await until(
                lambda: sum(loop.stats.failures["tls"] for loop in wrong.discovery.send_loops)
            )
    assert hosts(one) == {f"am.test:{one.port}"}


@needs_openssl
async def test_a_services_certificates_are_verified_against_its_targets(
    tmp_path: Path, server: DNSServer, system: SystemResolver
) -> None:
    http_config = HTTPClientConfig(ca_file=tmp_path / "am-0.crt")
    async with Receiver(tls=serving(tmp_path, "am-0")) as one:
        server.records = {
            SRV: {"SRV": [f"0 0 {one.port} am-0.test."]},
            "am-0.test": {"A": [ONE]},
            "am-1.test": {"A": [ONE]},
        }
        found = Discovered(f"dnssrv+https://{SRV}", system, http_config=http_config)
        found.finish("a")
        async with found.running():
            await until(lambda: told(one) == ["a"])

            server.records[SRV] = {"SRV": [f"0 0 {one.port} am-1.test."]}
            found.resolve()
            await until(
                lambda: sum(loop.stats.failures["tls"] for loop in found.discovery.send_loops)
            )
            assert hosts(one) == {f"am-0.test:{one.port}"}


@needs_openssl
async def test_a_server_name_that_is_set_is_that_of_every_certificate(tmp_path: Path) -> None:
    http_config = HTTPClientConfig(ca_file=tmp_path / "am.crt", server_name="am.test")
    async with Receiver(tls=serving(tmp_path, "am")) as one:
        found = Discovered(
            f"dns+https://else.test:{one.port}", ScriptedResolver((ONE,)), http_config=http_config
        )
        found.finish("a")
        async with found.running():
            await until(lambda: told(one) == ["a"])
    assert hosts(one) == {f"else.test:{one.port}"}


async def test_further_headers_and_credentials_reach_every_address(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    (tmp_path / "token").write_text("token")
    http_config = HTTPClientConfig(
        headers=[("X-Scope-OrgID", "archive")],
        header_files=[("X-Key", tmp_path / "key")],
        bearer_token_file=tmp_path / "token",
    )
    async with Receiver() as one, Receiver(OTHER, port=one.port) as other:
        found = Discovered(
            f"dns+http://am.test:{one.port}",
            ScriptedResolver((ONE, OTHER)),
            http_config=http_config,
        )
        async with found.running():
            await until(lambda: one.seen and other.seen)

    for receiver in (one, other):
        sent = receiver.seen[0].headers
        assert (sent["X-Scope-OrgID"], sent["X-Key"]) == ("archive", "secret")
        assert sent["Authorization"] == "Bearer token"


async def test_the_log_says_which_address_refused_and_the_first_line_of_its_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        Receiver(status=401, body="no org id\nsecret") as one,
        Receiver(OTHER, port=one.port) as other,
    ):
        url = f"dns+http://am.test:{one.port}"
        found = Discovered(url, ScriptedResolver((ONE, OTHER)))
        found.finish("a")
        with caplog.at_level(logging.WARNING):
            async with found.running():
                await until(lambda: told(other) == ["a"])
                await until(lambda: len(one.seen) >= 3)

    (line,) = map(vars, caplog.records)
    assert line["alertmanager"] == url
    assert line["address"] == f"{ONE}:{one.port}"
    assert line["error"] == "it answered 401: no org id"


async def test_no_redirect_is_followed() -> None:
    async with Receiver() as elsewhere:
        async with Receiver(status=307, headers={"Location": elsewhere.url}) as one:
            found = Discovered(f"dns+http://am.test:{one.port}", ScriptedResolver((ONE,)))
            async with found.running():
                await until(
                    lambda: [
                        loop
                        for loop in found.discovery.send_loops
                        if loop.stats.failures["redirected"]
                    ]
                )
        assert elsewhere.seen == []


async def test_a_proxy_is_chosen_by_the_name_and_told_the_address() -> None:
    async with Receiver() as proxy, Receiver(OTHER) as direct:
        proxies = ProxyConfig(http=Proxy.parse(proxy.url), no_proxy="direct.test")
        through = Discovered(
            "dns+http://am.test:9093", ScriptedResolver(("10.0.0.1",)), proxies=proxies
        )
        past = Discovered(
            f"dns+http://direct.test:{direct.port}", ScriptedResolver((OTHER,)), proxies=proxies
        )
        async with through.running(), past.running():
            await until(lambda: proxy.seen and direct.seen)

    assert str(proxy.seen[0].url) == "http://10.0.0.1:9093/api/v2/alerts"
    assert hosts(proxy) == {"am.test:9093"}
    assert len(direct.seen) == 1


def test_an_address_is_written_as_in_a_url() -> None:
    six = Endpoint.of("dns+https://am.test.:443/prefix").at("fd00::1")

    assert six.address == "[fd00::1]:443"
    assert str(six.connect) == "https://[fd00::1]/prefix/api/v2/alerts"
    assert six.name == six.host_header == "am.test"
    assert six.fields == {"alertmanager": six.url, "address": six.address}


def test_a_service_has_the_names_and_ports_of_its_targets() -> None:
    found = Endpoint.of(f"DNSSRV+HTTP://{SRV}").at("10.0.0.1", 9094, "am-0.test")

    assert str(found.named) == "http://am-0.test:9094/api/v2/alerts"
    assert str(found.connect) == "http://10.0.0.1:9094/api/v2/alerts"
    assert found.address == "10.0.0.1:9094"


def test_a_url_of_its_own_is_left_to_the_http_library() -> None:
    one = Endpoint.of("https://am.test/prefix/")

    assert (one.connect, one.address) == (None, "")
    assert str(one.named) == "https://am.test/prefix/api/v2/alerts"
    assert one.fields == {"alertmanager": one.url}

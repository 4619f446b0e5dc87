"""What DNS says and how its failures differ: a real server, and the system's resolver."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import dns.rcode
import pytest

from exporter.alerting.resolver import MOST_ADDRESSES, ResolutionError, Service, SystemResolver
from support.dns_server import HOST, DNSServer
from support.waiting import until

SRV = "_web._tcp.am.test"


def asking(server: DNSServer) -> SystemResolver:
    return SystemResolver([(HOST, server.port)])


async def reason(server: DNSServer) -> str:
    with pytest.raises(ResolutionError) as raised:
        await asking(server).services(SRV)
    assert SRV in str(raised.value)
    assert "\n" not in str(raised.value)
    return raised.value.reason


async def test_a_service_is_all_addresses_of_all_targets_with_the_records_ports() -> None:
    server = DNSServer(
        {
            SRV: {"SRV": ["0 50 9093 am-0.test.", "9 0 9094 am-1.test."]},
            "am-0.test": {"A": ["10.0.0.1", "10.0.0.2"], "AAAA": ["fd00::1"]},
            "am-1.test": {"A": ["10.0.0.1"]},
        }
    )
    async with server.running():
        found = await asking(server).services(SRV)

    assert sorted(found) == [
        Service("am-0.test", 9093, "10.0.0.1"),
        Service("am-0.test", 9093, "10.0.0.2"),
        Service("am-0.test", 9093, "fd00::1"),
        Service("am-1.test", 9094, "10.0.0.1"),
    ]


async def test_targets_without_addresses_and_what_is_no_host_are_left_out() -> None:
    server = DNSServer(
        {
            SRV: {
                "SRV": [
                    *("0 0 9093 gone.test.", "0 0 9093 empty.test.", "0 0 0 ."),
                    *(r"0 0 9093 a\032b.test.", r"0 0 9093 a\010b.test.", "0 0 9093 am.test."),
                ]
            },
            "am.test": {"A": ["10.0.0.1"]},
            "empty.test": {"TXT": ["x"]},
        }
    )
    async with server.running():
        assert await asking(server).services(SRV) == [Service("am.test", 9093, "10.0.0.1")]
    assert {name for name, _ in server.asked} == {SRV, "gone.test", "empty.test", "am.test"}


async def test_of_very_many_targets_only_the_first_are_asked_for() -> None:
    hosts = [f"a{number:03}.t" for number in range(MOST_ADDRESSES + 5)]
    server = DNSServer({host: {"A": ["10.0.0.1"]} for host in hosts})
    server.records["s.t"] = {"SRV": [f"0 0 9093 {host}." for host in hosts]}
    async with server.running():
        found = await asking(server).services("s.t")

    assert [one.target for one in found] == hosts[: MOST_ADDRESSES + 1]


async def test_a_service_without_records_is_not_found() -> None:
    server = DNSServer({"am.test": {"A": ["10.0.0.1"]}})
    async with server.running():
        assert await reason(server) == "not_found"
        server.records[SRV] = {"SRV": ["0 0 9093 gone.test."]}
        assert await reason(server) == "not_found"
        server.records[SRV] = {"TXT": ["no service"]}
        assert await reason(server) == "not_found"


async def test_a_server_that_refuses_to_answer_is_a_failure() -> None:
    async with (server := DNSServer(rcode=dns.rcode.SERVFAIL)).running():
        assert await reason(server) == "failed"


async def test_a_server_that_is_silent_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.alerting.resolver.TIMEOUT", 0.2)
    async with (server := DNSServer(silent=True)).running():
        assert await reason(server) == "timeout"
        server.silent = False
        server.records = {
            SRV: {"SRV": ["0 0 9093 am.test."]},
            "am.test": {"A": ["10.0.0.1"]},
        }
        assert await asking(server).services(SRV) == [Service("am.test", 9093, "10.0.0.1")]


# -- addresses, of the system's resolver


async def test_all_addresses_of_a_name_are_found_each_once() -> None:
    server = DNSServer({"am.test": {"A": ["10.0.0.1", "10.0.0.2"], "AAAA": ["fd00::1"]}})
    async with server.running():
        with server.as_the_systems():
            found = await SystemResolver().addresses("am.test")

    assert sorted(found) == ["10.0.0.1", "10.0.0.2", "fd00::1"]


async def test_a_name_in_the_hosts_file_needs_no_server() -> None:
    assert set(await SystemResolver().addresses("localhost")) <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not_found"),
        (socket.gaierror(socket.EAI_NODATA, "No address"), "not_found"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "failed"),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "failed"),
        (UnicodeError("label too long"), "failed"),
        (OSError(24, "Too many open files"), "failed"),
    ],
)
async def test_only_the_answer_that_there_are_none_is_not_found(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ResolutionError, match=r"am\.test") as raised:
        await SystemResolver().addresses("am.test")
    assert raised.value.reason == expected


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Until it is set, the system's resolver hangs."""
    answers = threading.Event()

    def hang(*_: Any, **__: Any) -> Any:
        answers.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield answers
    answers.set()


async def test_a_lookup_that_hangs_is_a_timeout_and_never_runs_twice_at_once(
    monkeypatch: pytest.MonkeyPatch, answers: threading.Event
) -> None:
    monkeypatch.setattr("exporter.alerting.resolver.TIMEOUT", 0.05)
    resolver = SystemResolver()

    def hanging() -> list[threading.Thread]:
        return [one for one in threading.enumerate() if one.name == "resolve am.test"]

    for _ in range(3):
        with pytest.raises(ResolutionError) as raised:
            await resolver.addresses("am.test")
        assert raised.value.reason == "timeout"
    assert len(hanging()) == 1
    assert hanging()[0].daemon, "no shutdown waits for it"

    answers.set()
    await until(lambda: not hanging())
    assert await resolver.addresses("am.test") == ["10.0.0.1"]

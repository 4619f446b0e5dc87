"""Addresses and their sockets, and the error where one cannot be listened on."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exporter.settings import Address
from exporter.web import ListenError, listen
from support.waiting import WAIT_TIMEOUT


def can_bind(family: socket.AddressFamily, host: str) -> bool:
    try:
        socket.create_server((host, 0), family=family).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(
    not can_bind(socket.AF_INET6, "::1"), reason="::1 cannot be bound: this machine has no IPv6"
)


@contextmanager
def opened(*texts: str) -> Iterator[list[socket.socket]]:
    sockets = asyncio.run(listen.open_sockets([Address.parse(text) for text in texts]))
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def assert_reachable(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=WAIT_TIMEOUT).close()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":9090", Address("", 9090)),
        ("localhost:0", Address("localhost", 0)),
        ("127.0.0.1:10937", Address("127.0.0.1", 10937)),
        ("crawls.example.org:80", Address("crawls.example.org", 80)),
        ("[::1]:9090", Address("::1", 9090)),
        ("[::]:65535", Address("::", 65535)),
        ("[fe80::1%eth0]:80", Address("fe80::1%eth0", 80)),
    ],
)
def test_an_address_is_read_and_written(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected HOST:PORT or :PORT"),
        ("9090", "expected HOST:PORT or :PORT"),
        ("localhost", "expected HOST:PORT or :PORT"),
        ("localhost:", "expected HOST:PORT or :PORT"),
        ("localhost:http", "expected HOST:PORT or :PORT"),
        (":-1", "expected HOST:PORT or :PORT"),
        (":٨٠", "expected HOST:PORT or :PORT"),
        ("a b:80", "expected HOST:PORT or :PORT"),
        (":80\n", "expected HOST:PORT or :PORT"),
        (":65536", "expected a port of at most 65535"),
        ("::1:9090", "expected an IPv6 address in brackets, such as [::1]:9090"),
        ("http://localhost:80", "expected an IPv6 address in brackets, such as [::1]:9090"),
        ("[::1:::2]:80", "expected an IPv6 address between the brackets"),
        ("[127.0.0.1]:80", "expected an IPv6 address between the brackets"),
    ],
)
def test_a_wrong_address_is_explained_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^expected ") as caught:
        Address.parse(text)
    assert str(caught.value) == complaint


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (Address("::", 80), "http://localhost:80"),
        (Address("0.0.0.0", 80), "http://localhost:80"),  # noqa: S104 - not bound
        (Address("", 80), "http://localhost:80"),
        (Address("::1", 80), "http://[::1]:80"),
        (Address("10.0.0.1", 80), "http://10.0.0.1:80"),
    ],
)
def test_an_address_as_a_url(address: Address, url: str) -> None:
    assert address.url == url


def test_a_port_alone_listens_on_all_interfaces() -> None:
    with opened(":0") as (one,):
        assert_reachable("127.0.0.1", listen.bound_address(one).port)


@needs_ipv6
def test_a_port_alone_listens_over_ipv6_too() -> None:
    with opened(":0") as (one,):
        assert listen.bound_address(one).host == "::"
        assert_reachable("::1", listen.bound_address(one).port)


@needs_ipv6
def test_an_ipv6_address() -> None:
    with opened("[::1]:0") as (one,):
        assert listen.bound_address(one).host == "::1"
        assert_reachable("::1", listen.bound_address(one).port)


def test_a_name_listens_on_its_address() -> None:
    with opened("localhost:0") as (one,):
        assert listen.bound_address(one).host in {"127.0.0.1", "::1"}
        assert_reachable(*one.getsockname()[:2])


def test_several_addresses() -> None:
    with opened("127.0.0.1:0", "127.0.0.1:0") as (one, other):
        assert listen.bound_address(one).port != listen.bound_address(other).port


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_a_port_alone_means_ipv4(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    create_server = socket.create_server

    def without_ipv6(address: Any, *, family: int = socket.AF_INET, **kind: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, "no IPv6 here")
        return create_server(address, family=family, **kind)

    monkeypatch.setattr(socket, "create_server", without_ipv6)
    with opened(":0") as (one,):
        assert listen.bound_address(one).host == "0.0.0.0"  # noqa: S104 - this is what is tested
        assert_reachable("127.0.0.1", listen.bound_address(one).port)


def test_a_name_with_an_address_this_machine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        tcp = (socket.SOCK_STREAM, 6, "")
        return [
            (socket.AF_INET, *tcp, ("192.0.2.1", 0)),  # TEST-NET-1 (RFC 5737): nobody's
            (socket.AF_INET, *tcp, ("127.0.0.1", 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    with opened("somewhere:0") as (one,):
        assert listen.bound_address(one).host == "127.0.0.1"


def test_a_port_in_use_is_explained_in_one_line() -> None:
    with opened("127.0.0.1:0") as (one,):
        taken = str(listen.bound_address(one))
        with pytest.raises(ListenError) as caught, opened(taken):
            pass
    assert str(caught.value) == (
        f"cannot listen on {taken}: the port is in use; stop what uses it or set another with "
        "--web.listen-address"
    )


def test_one_address_that_fails_leaves_none_open() -> None:
    with opened("127.0.0.1:0") as (taken,), opened("127.0.0.1:0") as (free,):
        address = str(listen.bound_address(free))
        free.close()
        with pytest.raises(ListenError), opened(address, str(listen.bound_address(taken))):
            pass
        with opened(address):
            pass


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1:0", "this machine has no such address"),
        ("nowhere.invalid:0", "the host's name is not known here"),
        ("a..b:0", "the host's name is not known here"),
    ],
)
def test_an_address_that_is_not_ours(text: str, reason: str) -> None:
    with pytest.raises(ListenError) as caught, opened(text):
        pass
    assert str(caught.value) == f"cannot listen on {text}: {reason}"


def test_a_port_that_is_not_permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", forbidden)
    with pytest.raises(ListenError, match="ports below 1024 need privileges"), opened(":80"):
        pass

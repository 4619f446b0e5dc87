"""Why a request failed, as both clients say it."""

import ssl
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerting import client as alertmanager
from exporter.cluster import client as cluster
from exporter.runtime.http_errors import RequestError, from_transport, retry_after, status_reason

NOW = datetime(2025, 5, 21, 12, 0, 0, tzinfo=UTC)
LATE = RequestError("late", "nothing came")
KEY: Any = SimpleNamespace(host="example", port=443, ssl=True, is_ssl=True)
REFUSED = OSError(111, "Connection refused")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (aiohttp.ClientConnectorError(KEY, REFUSED), "unreachable"),
        (aiohttp.ConnectionTimeoutError("no connection"), "unreachable"),
        (aiohttp.ClientConnectorSSLError(KEY, REFUSED), "tls"),
        (ssl.SSLError(1, "alert unknown ca"), "tls"),
        (aiohttp.SocketTimeoutError("nothing was read"), "late"),
        (TimeoutError(), "late"),
        (aiohttp.ServerDisconnectedError(), "cut"),
        (aiohttp.ClientPayloadError("incomplete"), "cut"),
        (ConnectionResetError(104, "reset by peer"), "cut"),
    ],
)
def test_a_failure_on_the_way_has_one_of_four_reasons(error: Exception, reason: str) -> None:
    assert from_transport(error, timeout=LATE).reason == reason


def test_the_text_is_one_line_of_bounded_length() -> None:
    text = str(from_transport(OSError("a\n b" * 1000), timeout=LATE))
    assert "\n" not in text
    assert len(text) < 400


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (429, "too_many_requests"),
        (500, "server_error"),
        (503, "server_error"),
        (400, "refused"),
        (410, "refused"),
    ],
)
def test_a_status_that_is_a_refusal_has_a_reason(status: int, reason: str) -> None:
    assert status_reason(status) == reason


def test_both_clients_declare_every_reason_that_is_shared() -> None:
    shared = {"unreachable", "tls", "cut"} | {status_reason(status) for status in range(400, 600)}
    assert shared <= set(cluster.REASONS)
    assert shared <= set(alertmanager.REASONS)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Wed, 21 May 2025 12:00:30 GMT", 30.0),
        ("Wed, 21 May 2025 12:00:30 -0000", 30.0),
        ("Wed, 21 May 2025 11:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Wed, 99 May 2025 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_retry_after_with_thousands_of_digits_is_no_crash() -> None:
    assert retry_after("9" * 5000, NOW) == 365 * 86_400.0


@pytest.mark.parametrize(
    "header", ["Wed, 99999999999999999999 Oct 2025 07:28:00 GMT", "Wed, 21 Oct 99999 07:28:00", "é"]
)
def test_retry_after_with_an_impossible_date_is_none(header: str) -> None:
    assert retry_after(header, NOW) is None


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,30} [A-Z][a-z]{2} \d{1,30} .{0,20}"))
def test_retry_after_is_none_or_a_time_somebody_could_wait(header: str) -> None:
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= 365 * 86_400


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("403, url='http://user:s3cr3t@10.0.0.1:3128'", "403, url='http://10.0.0.1:3128'"),
        ("cut: user:s3cr3t@host:3128", "cut: host:3128"),
        ("https://token@host/path", "https://host/path"),
        ("the node's mail a@b", "the node's mail a@b"),
        ("at 10:20 nothing", "at 10:20 nothing"),
    ],
)
def test_no_user_and_password_of_an_address_is_in_the_text(text: str, clean: str) -> None:
    assert str(RequestError("cut", text)) == clean

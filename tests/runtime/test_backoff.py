"""How long the exporter waits before it tries again."""

from datetime import UTC, datetime

import pytest

from exporter.runtime.backoff import LONGEST_RETRY_AFTER, Backoff, retry_after

NOW = datetime(2025, 5, 21, 12, 0, 0, tzinfo=UTC)


def longest(_: float, most: float) -> float:
    return most


def shortest(least: float, _: float) -> float:
    return least


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(rng=longest)
    assert [backoff.next() for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_jitter_takes_off_up_to_half() -> None:
    backoff = Backoff(rng=shortest)
    assert [backoff.next() for _ in range(3)] == [0.4, 0.8, 1.6]


def test_a_thousand_failures_do_not_overflow() -> None:
    backoff = Backoff(rng=longest)
    for _ in range(1000):
        backoff.next()
    assert backoff.next() == 30.0


def test_after_a_reset_the_first_delay_is_short_again() -> None:
    backoff = Backoff(rng=longest)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next() == 0.8


def test_the_server_may_ask_for_more_patience_but_not_for_less() -> None:
    backoff = Backoff(rng=longest)
    assert backoff.next(at_least=7.0) == 7.0
    assert backoff.next(at_least=0.1) == 1.6


def test_the_server_may_not_ask_for_an_hour() -> None:
    assert Backoff(rng=longest).next(at_least=3600.0) == LONGEST_RETRY_AFTER


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
    assert retry_after("9" * 5000, NOW) == 999_999_999.0

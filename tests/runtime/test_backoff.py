"""How long the exporter waits before it tries again."""

from exporter.runtime.backoff import Backoff


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


def test_a_delay_may_be_cut_short_and_grows_on_meanwhile() -> None:
    backoff = Backoff(rng=longest)
    assert [backoff.next(most=3.0) for _ in range(4)] == [0.8, 1.6, 3.0, 3.0]
    assert backoff.next(5.0, most=3.0) == 5.0  # the server asked for it
    assert backoff.next() == 25.6


def test_after_a_reset_the_first_delay_is_short_again() -> None:
    backoff = Backoff(rng=longest)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next() == 0.8


def test_the_server_may_ask_for_a_longer_delay_but_not_for_a_shorter() -> None:
    backoff = Backoff(rng=longest)
    assert backoff.next(at_least=7.0) == 7.0
    assert backoff.next(at_least=0.1) == 1.6


def test_the_server_may_not_ask_for_an_hour() -> None:
    assert Backoff(rng=longest).next(at_least=3600.0) == 120.0
    assert Backoff(rng=longest).next(at_least=119.0) == 119.0


def test_another_one_counts_for_itself() -> None:
    backoff = Backoff(1.0, 4.0, longest)
    other = backoff.another()
    assert [backoff.next() for _ in range(4)] == [1.0, 2.0, 4.0, 4.0]
    assert other.next() == 1.0

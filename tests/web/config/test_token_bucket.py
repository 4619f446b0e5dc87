"""How many requests a rate limit lets pass."""

from exporter.web.config.model import RateLimit
from exporter.web.config.token_bucket import TokenBucket


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_at_once_and_then_one_each_interval() -> None:
    clock = Clock()
    bucket = TokenBucket(RateLimit(interval=2.0, burst=3), clock)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    clock.now += 1.9
    assert not bucket.take()
    clock.now += 0.1
    assert [bucket.take(), bucket.take()] == [True, False]


def test_no_more_than_a_burst_is_saved_up() -> None:
    clock = Clock()
    bucket = TokenBucket(RateLimit(interval=1.0, burst=2), clock)
    clock.now += 3600.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]


def test_a_burst_of_none_lets_nothing_pass_as_in_the_toolkit() -> None:
    clock = Clock()
    bucket = TokenBucket(RateLimit(interval=1.0, burst=0), clock)
    clock.now += 3600.0
    assert not bucket.take()

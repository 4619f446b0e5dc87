"""When a scope is complete, silent, or without somebody who was there: by time alone.

Metacontroller calls again for each object after ``resyncAfterSeconds``, and every
``resyncPeriodSeconds`` of its controller: then also for those of which calls failed before, however
long it would wait with the next try. So within a period of the first call it has called for all.
Source: metacontroller, pkg/controller/decorator/controller.go (a resync adds the key to the queue
at once, past the rate limiter).

Times are in seconds, by a clock that nobody sets.
"""

from collections.abc import Collection
from typing import Final

PERIODS: Final = 3.0
"""Resync periods without a call, after which an object has vanished or the hook is silent."""
FIRST_ROUND: Final = 2.0
"""Resync periods that the first round may take."""
_LONGEST_MOMENT: Final = 5.0
"""Seconds without a new object, or a quarter of a period: then those that are there were told."""


class Calls:
    """Whether anybody calls: of whatever object, for an exporter has one hook and many scopes."""

    def __init__(self, period: float, now: float) -> None:
        """``period`` is that of the resync."""
        self.period = period
        self.wait_ends = now + FIRST_ROUND * period
        """Who has not called by then may not call at all."""
        self.heartbeat = False
        """Whether there were calls about something that is always there."""
        self._last: float | None = None
        self.since = now
        """When calls began, at last after a silence."""

    def called(self, now: float) -> None:
        """Somebody called."""
        if self._last is None or self.is_silent(now):
            self.since = now
        self._last = now

    @property
    def never(self) -> bool:
        """Whether nobody has called yet."""
        return self._last is None

    @property
    def first_round_ends(self) -> float:
        """When every object was told, since calls began; only where there were some."""
        return self.since + FIRST_ROUND * self.period

    def is_silent(self, now: float) -> bool:
        """Whether nobody calls any more."""
        last = self.since if self._last is None else self._last
        return now - last > PERIODS * self.period

    def told_by(self, now: float) -> float | None:
        """Who was not told of since then has vanished; None while that cannot be said."""
        if self._last is None or now - self._last > self.period:
            return None
        if now - self.since <= PERIODS * self.period:
            return None
        return now - PERIODS * self.period


class FirstRound:
    """The first round of one scope."""

    def __init__(self, calls: Calls, expected: Collection[str], now: float) -> None:
        """``expected`` are uids known alive."""
        self._calls = calls
        self._expected = set(expected)
        self._last_new = now

    def told(self, uid: str, now: float, *, new: bool) -> None:
        """This object was told, which was not held before where it is ``new``."""
        self._expected.discard(uid)
        if new:
            self._last_new = now

    def is_over(self, now: float) -> bool:
        """Whether all that are there were told, as far as can be known: never without a call."""
        calls = self._calls
        if calls.never:
            return False
        moment = min(_LONGEST_MOMENT, calls.period / 4)
        all_told = not self._expected and now - max(self._last_new, calls.since) >= moment
        return all_told or now >= calls.first_round_ends

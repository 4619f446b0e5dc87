"""When a scope is complete, silent, or without somebody who was there: by time alone.

Metacontroller calls again for each object after ``resyncAfterSeconds``. What it could not call for
while this exporter was down it tries again with a delay that doubles, up to ``LONGEST_BACKOFF``: so
after a time T without calls the last of them comes within another T.
Source: metacontroller uses client-go's DefaultControllerRateLimiter.

Times are in seconds, by a clock that nobody sets.
"""

from collections.abc import Collection
from typing import Final

PERIODS: Final = 3.0
"""Resync periods without a call, after which an object has vanished or the hook is silent."""
FIRST_ROUND: Final = 2.0
"""Resync periods that the first round may take, beside the backoff of the time before."""
LONGEST_BACKOFF: Final = 1000.0
"""Seconds."""
_LONGEST_MOMENT: Final = 5.0
"""Seconds without a new object, or a quarter of a period: then those that are there were told."""


class Calls:
    """Whether anybody calls: of whatever object, for an exporter has one hook and many scopes."""

    def __init__(self, period: float, down: float, now: float) -> None:
        """``down`` is for how long nobody was here to call."""
        down = max(0.0, down)
        self.period = period
        self.wait_ends = now + FIRST_ROUND * period + min(down, LONGEST_BACKOFF)
        """Who has not called by then may not call at all."""
        self.heartbeat = False
        """Whether there were calls about something that is always there."""
        self._begin = now
        self._last: float | None = None
        self._silence = down
        """Seconds without a call that came before the calls of today."""
        self._since = now
        """When these began."""

    def called(self, now: float) -> None:
        """Somebody called."""
        last = self._begin if self._last is None else self._last
        if self._last is None:
            self._silence, self._since = self._silence + now - last, now
        elif now - last > PERIODS * self.period:
            self._silence, self._since = now - last, now
        self._last = now

    @property
    def never(self) -> bool:
        """Whether nobody has called yet."""
        return self._last is None

    @property
    def first_round_ends(self) -> float:
        """When every object was told, since calls began; only where there were some."""
        return self._since + FIRST_ROUND * self.period + min(self._silence, LONGEST_BACKOFF)

    def is_silent(self, now: float) -> bool:
        """Whether nobody calls any more."""
        last = self._since if self._last is None else self._last
        return now - last > PERIODS * self.period

    def told_by(self, now: float) -> float | None:
        """Who was not told of since then has vanished; None while that cannot be said."""
        if self._last is None or now - self._last > self.period:
            return None
        if now - self._since <= PERIODS * self.period + min(self._silence, LONGEST_BACKOFF):
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
        all_told = not self._expected and now - self._last_new >= moment
        return all_told or now >= calls.first_round_ends

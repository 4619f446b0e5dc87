"""When a scope is complete, silent, or without somebody who was there: by time alone.

Metacontroller calls again for each object after ``resyncAfterSeconds``. What it could not call for
while this exporter was down it tries again with a delay that doubles, up to ``LONGEST_BACKOFF``: so
after a time T without calls the last of them comes within another T.
Source: metacontroller uses client-go's DefaultControllerRateLimiter.
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


class Rounds:
    """The calls for one scope; times in seconds, by a clock that nobody sets."""

    def __init__(self, period: float, expected: Collection[str], down: float, now: float) -> None:
        """``expected`` are uids known alive; ``down`` is for how long nobody was here to call."""
        self._period = period
        self._expected = set(expected)
        self._deadline = now + FIRST_ROUND * period + min(down, LONGEST_BACKOFF)
        self._last_call: float | None = None
        self._last_new = now
        self._silence = 0.0
        self._since = now

    def called(self, uid: str, now: float, *, new: bool) -> None:
        """Somebody called about this object, which was not held before where it is ``new``."""
        self._expected.discard(uid)
        if self._last_call is not None and now - self._last_call > PERIODS * self._period:
            self._silence, self._since = now - self._last_call, now
        self._last_call = now
        if new:
            self._last_new = now

    def first_is_over(self, now: float) -> bool:
        """Whether all that are there were told, as far as can be known."""
        if now >= self._deadline:
            return True
        moment = min(_LONGEST_MOMENT, self._period / 4)
        told = self._last_call is not None and not self._expected
        return told and now - self._last_new >= moment

    def is_silent(self, now: float) -> bool:
        """Whether nobody calls any more."""
        last = self._since if self._last_call is None else self._last_call
        return now - last > PERIODS * self._period

    def told_by(self, now: float) -> float | None:
        """Who was not told of since then has vanished; None while that cannot be said."""
        if self._last_call is None or now - self._last_call > self._period:
            return None
        if now - self._since <= PERIODS * self._period + min(self._silence, LONGEST_BACKOFF):
            return None
        return now - PERIODS * self._period

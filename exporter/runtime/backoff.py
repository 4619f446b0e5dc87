"""How long to wait before trying again.

Grows from under a second to half a minute, as client-go's reflector does, so that an API server
that is down is asked often at first and never hammered; jittered, so that exporters that lost the
same server do not come back in step.
"""

import random
from collections.abc import Callable
from typing import Final

FIRST: Final = 0.8
MOST: Final = 30.0
LONGEST_RETRY_AFTER: Final = 120.0
"""Seconds. A server may ask to wait, but not for an hour without a request."""


class Backoff:
    """Delays in seconds, doubling from ``first`` to ``most``, each cut by up to half at random."""

    def __init__(
        self,
        first: float = FIRST,
        most: float = MOST,
        rng: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._first = first
        self._most = most
        self._rng = rng
        self.failures = 0
        """In a row, since the last reset."""

    def another(self) -> "Backoff":
        """Return one like this, that counts for itself."""
        return Backoff(self._first, self._most, self._rng)

    def next(self, at_least: float | None = None, *, most: float | None = None) -> float:
        """Return the delay after one more failure, and no less than the server asked for.

        ``most`` is how long it may be now, where that is less than it could grow to.
        """
        longest = min(self._most, self._first * 2.0 ** min(self.failures, 32))
        if most is not None:
            longest = min(longest, most)
        self.failures += 1
        delay = self._rng(longest / 2, longest)
        return delay if at_least is None else max(delay, min(at_least, LONGEST_RETRY_AFTER))

    def reset(self) -> None:
        """Start again from the shortest delay; for a connection that has worked for a while."""
        self.failures = 0
